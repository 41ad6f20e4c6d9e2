"""The nodes of an ONNX graph: what each step of a plan is in ONNX's operators."""

from __future__ import annotations

from typing import Any, NamedTuple, assert_never

from refnet.architecture import names
from refnet.architecture.step import Shape, Step

ZERO, SIX = "zero", "six"  # what ReLU6 clips to
FLOOR = "floor"  # what a generalised mean raises its inputs to

# Operations that are one operator of all their inputs.
_OPERATORS = {
    "mean": "GlobalAveragePool",
    "max": "GlobalMaxPool",
    "excite": "Mul",
    "add": "Add",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
}


class Node(NamedTuple):
    """One operation of the graph: ONNX's name for it, what it reads, and the tensor it makes."""

    op_type: str
    inputs: tuple[str, ...]
    output: str
    shape: Shape | None  # of the output, channels first, without the batch; None for what has no batch
    attributes: dict[str, Any]


def nodes_of(step: Step, eps: float) -> list[Node]:
    """Operations of one step; the last one makes the tensor of its name."""
    nodes = _Nodes(step, eps)
    nodes.activate(nodes.operate())
    if step.op in ("mean", "max", "gem") and not names.in_block(step.name):
        nodes.flatten()
    found = nodes.found
    found[-1] = found[-1]._replace(output=step.name)
    return found


class _Nodes:
    """The nodes of one step, as they are appended; methods return the name of the last tensor."""

    def __init__(self, step: Step, eps: float) -> None:
        self.step = step
        self.eps = step.bn_eps(eps)
        self.found: list[Node] = []

    def append(self, op_type: str, part: str, *inputs: str, **attributes: Any) -> str:
        output = names.part_name(self.step.name, part)
        self.found.append(Node(op_type, inputs, output, _shape(self.step), attributes))
        return output

    def weight(self, leaf: str) -> str:
        return names.weight_key(self.step.name, leaf)

    def operate(self) -> str:
        """The step without its activation."""
        step = self.step
        x = step.inputs[0]
        match step.op:
            case "convolution" | "depthwise":
                bias = [self.weight("bias")] if step.biased else []
                x = self.append("Conv", names.CONV, x, self.weight("kernel"), *bias, **_geometry(step))
                x = self.batch_norm(x) if step.normalized else x
            case "batch_norm":
                x = self.batch_norm(x)
            case "dense":
                op_type = "Conv" if names.in_block(step.name) else "Gemm"
                x = self.append(op_type, "dense", x, self.weight("kernel"), self.weight("bias"))
            case "gem":
                x = self.generalised_mean(x)
            case "divide":
                x = self.append("Div", "divide", x, self.weight("divisor"))
            case "concatenate":
                x = self.append("Concat", "concatenate", *step.inputs, axis=1)
            case "mean" | "max" | "excite" | "add" | "softmax" | "log_softmax":
                x = self.append(_OPERATORS[step.op], step.op, *step.inputs)
            case "identity":
                pass
            case _:
                assert_never(step.op)
        return x

    def batch_norm(self, x: str) -> str:
        norm = [self.weight(f"bn/{leaf}") for leaf in names.BN_LEAVES]
        return self.append("BatchNormalization", names.BN, x, *norm, epsilon=self.eps)

    def generalised_mean(self, x: str) -> str:
        C = self.step.shape[-1]
        x = self.append("Max", "floor", x, FLOOR)
        x = self.append("Pow", "power", x, self.weight("p"))
        mean = self.append("GlobalAveragePool", "mean", x)
        root = self.append("Reciprocal", "reciprocal", self.weight("p"))
        x = self.append("Pow", "root", mean, root)
        picture, pixel = channels_first(self.step.in_shape), (C, 1, 1)
        shapes = (picture, picture, pixel, None, pixel)
        self.found = [node._replace(shape=shape) for node, shape in zip(self.found, shapes, strict=True)]
        return x

    def activate(self, x: str) -> None:
        match self.step.activation:
            case "none":
                pass
            case "sigmoid":
                self.append("Sigmoid", "sigmoid", x)
            case "swish":
                self.append("Mul", names.ACT, x, self.append("Sigmoid", "sigmoid", x))
            case "relu6":
                self.append("Clip", names.ACT, x, ZERO, SIX)
            case "relu":
                self.append("Relu", names.ACT, x)
            case "tanh":
                self.append("Tanh", names.ACT, x)
            case _:
                assert_never(self.step.activation)

    def flatten(self) -> None:
        """The vector behind a pool: no picture of one pixel any more."""
        last = self.found[-1]
        self.found[-1] = last._replace(shape=(self.step.shape[-1], 1, 1))
        self.append("Flatten", "flatten", last.output)


def _geometry(step: Step) -> dict[str, Any]:
    around = step.pads
    return {
        "kernel_shape": [step.kernel] * 2,
        "strides": [step.stride] * 2,
        "pads": [around.top, around.left, around.bottom, around.right],
        "group": step.in_shape[-1] if step.op == "depthwise" else 1,
    }


def _shape(step: Step) -> Shape:
    """Shape of what a step makes, channels first; the vectors of a squeeze-excite stay pictures of one pixel."""
    is_pixel = names.in_block(step.name) and len(step.shape) == 1
    return (*step.shape, 1, 1) if is_pixel else channels_first(step.shape)


def channels_first(shape: Shape) -> Shape:
    """Our shape in ONNX's order."""
    return (shape[-1], *shape[:-1])
