"""A network of real numbers as a file of TensorFlow Lite, for LiteRT to be measured with; TensorFlow is not needed.

The graph is what TensorFlow's converter makes of such a network: batch norms are folded into convolutions, ReLU6 is a
part of them, a swish is LOGISTIC and MUL. It is for one batch and one size, and padded by TensorFlow's SAME rule alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refnet.architecture import names
from refnet.architecture.padding import SAME
from refnet.architecture.plan import Plan
from refnet.architecture.step import Step
from refnet.checkpoints.readers.tflite import schema
from refnet.checkpoints.readers.tflite.schema import FUSED
from refnet.checkpoints.readers.tflite.tflite_file import Model, Operator, Tensor
from refnet.export.tflite.tflite_file import content
from refnet.reference.numerics import fold_batch_norm
from refnet.weights.weights import Weights

KINDS = {
    "convolution": "CONV_2D", "depthwise": "DEPTHWISE_CONV_2D", "dense": "CONV_2D", "excite": "MUL", "add": "ADD",
}  # fmt: skip
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
FLAT = (names.POOL, names.LOGITS)  # [N, C]; other vectors are pictures of one pixel


def float_tflite(weights: Weights, plan: Plan, batch: int) -> bytes:
    """The bytes of the file: it takes pictures f32[batch, H, W, 3] and gives logits."""
    if weights.padding != SAME:
        raise ValueError(f"the padding is {weights.padding}, and TensorFlow Lite's own is {SAME}")
    return content(_Graph(weights, plan, batch).model())


class _Graph:
    """Tensors and operators as they are appended."""

    def __init__(self, weights: Weights, plan: Plan, batch: int) -> None:
        self.weights, self.plan, self.batch = weights, plan, batch
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.made: dict[str, int] = {}

    def model(self) -> Model:
        self.made[names.INPUT] = self._tensor(names.INPUT, self.plan.steps[0].in_shape)
        for step in self.plan:
            if step.op != "softmax":
                self._step(step)
        tensors, operators = tuple(self.tensors), tuple(self.operators)
        return Model(tensors, operators, (self.made[names.INPUT],), (self.made[names.LOGITS],))

    def _step(self, step: Step) -> None:
        inputs = [self.made[name] for name in step.inputs]
        shape = step.shape if len(step.shape) == 3 or step.name in FLAT else (1, 1, *step.shape)
        settings: dict[str, Any] = {FUSED: "RELU6" if step.activation == "relu6" else "NONE"}
        match step.op:
            case "convolution" | "depthwise" | "dense":
                kind = "FULLY_CONNECTED" if step.name in FLAT else KINDS[step.op]
                inputs += self._kernel(step)
                if kind in CONVOLUTIONS:
                    settings |= {"padding": schema.SAME, "stride_w": step.stride, "stride_h": step.stride}
                if step.op == "depthwise":
                    settings["depth_multiplier"] = 1
            case "mean":
                kind, settings = "MEAN", {"keep_dims": int(step.name not in FLAT)}
                inputs.append(self._constant(f"{step.name}/axes", np.array([1, 2], np.int32)))
            case "excite" | "add":
                kind = KINDS[step.op]
            case _:
                raise ValueError(f"{step.name}: no operator for {step.op}")
        made = self._operator(kind, inputs, step.name, shape, settings)
        if step.activation in ("swish", "sigmoid"):
            gate = self._operator("LOGISTIC", [made], f"{step.name}/gate", shape)
            swish = step.activation == "swish"
            made = self._operator("MUL", [made, gate], f"{step.name}/swish", shape) if swish else gate
        self.made[step.name] = made

    def _kernel(self, step: Step) -> list[int]:
        """Constants of a sum of products: the kernel, output channels first, and the bias."""
        tensors, key = self.weights.tensors, names.weight_key
        kernel = tensors[key(step.name, "kernel")].astype(np.float64)
        if step.normalized:
            leaves = (tensors[key(step.name, f"bn/{leaf}")] for leaf in ("gamma", "beta", "mean", "variance"))
            scale, bias = fold_batch_norm(*leaves, step.bn_eps(self.weights.bn_eps), np.float64)
            kernel = kernel * scale
        else:
            bias = tensors[key(step.name, "bias")]
        if step.op == "depthwise":
            kernel = kernel[None]
        elif step.name in FLAT:
            kernel = kernel.T
        else:
            kernel = (kernel if kernel.ndim == 4 else kernel[None, None]).transpose(3, 0, 1, 2)
        pair = {"kernel": kernel, "bias": bias}
        return [self._constant(key(step.name, leaf), value.astype(np.float32)) for leaf, value in pair.items()]

    def _operator(
        self, kind: str, inputs: list[int], name: str, shape: tuple[int, ...], settings: Mapping[str, Any] | None = None
    ) -> int:
        """One operator; the tensor it makes."""
        output = self._tensor(name, shape)
        self.operators.append(Operator(kind, tuple(inputs), (output,), settings or {}))
        return output

    def _tensor(self, name: str, shape: tuple[int, ...]) -> int:
        self.tensors.append(Tensor(name, "float32", (self.batch, *shape)))
        return len(self.tensors) - 1

    def _constant(self, name: str, value: np.ndarray) -> int:
        self.tensors.append(Tensor(name, value.dtype.name, value.shape, np.ascontiguousarray(value)))
        return len(self.tensors) - 1
