"""Plan: an architecture and a picture size become a flat list of named steps.

Sizes: N batch, H W height and width, C channels in, K channels out, R S kernel.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.padding import MAX_SIDE, NO_PADS, SAME, Padding, Pads, output_size, pads, size_of
from refnet.architecture.top import TopLayer
from refnet.architecture.variants import Architecture, Block
from refnet.errors import InputError

Op = Literal[
    "convolution", "depthwise", "mean", "dense", "excite", "add", "softmax",
    "max", "gem", "concatenate", "batch_norm", "identity", "divide", "log_softmax",
]  # fmt: skip
Shape = tuple[int, ...]

CONVOLUTIONS = ("convolution", "depthwise")


@dataclass(frozen=True)
class Weight:
    """One tensor a step needs: its HDF5 path and shape, and whether training changes it."""

    key: str
    shape: Shape
    trainable: bool = True


@dataclass(frozen=True)
class Step:
    """One operation of the network, from tensors with a name to a tensor with a name.

    Attributes
    ----------
    name
        Also the name of the tensor it makes.
    op
        What it does before batch norm, bias and activation.
    inputs
        Names of the steps it reads (``input`` is the picture).
    in_shape, shape
        Of its first input and its output, without the batch: (H, W, C), or (C,) where there is no picture left.
    kernel, stride, pads
        Geometry of a convolution.
    activation
        What is applied last.
    weights
        The tensors it needs: kernels (R, S, C, K), depthwise (R, S, C), dense (C, K), the rest (K,).
    macs
        Multiply-adds of convolutions and dense layers, padding included, the usual way of counting.
    eps
        What the batch norm adds to the variance, where it is not what all others add.
    divisor
        What a ``divide`` divides by.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    in_shape: Shape
    shape: Shape
    kernel: int = 1
    stride: int = 1
    pads: Pads = NO_PADS
    activation: Activation = "none"
    weights: tuple[Weight, ...] = ()
    macs: int = 0
    eps: float | None = None
    divisor: float = 1.0

    @property
    def params(self) -> int:
        """Number of trainable parameters."""
        return sum(math.prod(w.shape) for w in self.weights if w.trainable)

    @property
    def normalized(self) -> bool:
        """Whether the operation is a convolution with a batch norm behind it."""
        return self.op in CONVOLUTIONS and len(self.weights) > 2  # else a kernel and a bias

    @property
    def biased(self) -> bool:
        """Whether a bias is added to its sums: to those of a dense layer, and of a convolution without batch norm."""
        return self.op in (*CONVOLUTIONS, "dense") and not self.normalized

    def bn_eps(self, of_others: float) -> float:
        """What its batch norm adds to the variance, ``of_others`` being what the network's usually add."""
        return of_others if self.eps is None else self.eps

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the tensors inside a convolution: the sums, after batch norm, after the activation.

        Examples
        --------
        >>> from refnet.architecture.variants import variant
        >>> make_plan(variant("b0"))["stem"].parts
        ('stem.conv', 'stem.bn', 'stem.act')
        """
        if not self.normalized:
            return ()
        parts = (names.CONV, names.BN) if self.activation == "none" else (names.CONV, names.BN, names.ACT)
        return tuple(names.part_name(self.name, part) for part in parts)


@dataclass(frozen=True)
class Plan:
    """All steps of one architecture for one input size; iterate over it to see them in execution order."""

    architecture: Architecture
    height: int
    width: int
    padding: Padding
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.name == name:
                return step
        raise InputError(f"no step {name!r} in {self.architecture.name}; see `refnet plan {self.architecture.name}`")

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the network is run for: ``logits`` and what the top makes of them, or ``pool`` without a classifier.

        Examples
        --------
        >>> from refnet.architecture.variants import variant
        >>> make_plan(variant("b0")).output, make_plan(variant("b0", classes=0)).output
        ('logits', 'pool')
        """
        if not self.architecture.classes:
            return (names.POOL,)
        return tuple(dict.fromkeys((names.LOGITS, self.answer)))

    @property
    def output(self) -> str:
        """The first of them: the step that a plain run ends with."""
        return self.outputs[0]

    @property
    def answer(self) -> str:
        """The last step: ``probabilities``, ``answer`` where they are none, ``logits`` where nothing follows these.

        Examples
        --------
        >>> from refnet.architecture.variants import variant
        >>> make_plan(variant("b0")).answer
        'probabilities'
        """
        return self.steps[-1].name

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every tensor that can be asked for, steps and their parts, without the batch."""
        return {name: step.shape for step in self.steps for name in (*step.parts, step.name)}

    @property
    def params(self) -> int:
        """Number of trainable parameters."""
        return sum(step.params for step in self.steps)

    @property
    def macs(self) -> int:
        """Multiply-adds of one picture."""
        return sum(step.macs for step in self.steps)

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Every tensor the network needs, in execution order."""
        return tuple(weight for step in self.steps for weight in step.weights)


def make_plan(
    architecture: Architecture, size: int | tuple[int, int] | None = None, *, padding: Padding = "same"
) -> Plan:
    """Lay out an architecture for an input size.

    Parameters
    ----------
    architecture
        From ``refnet.architecture.variants.variant`` or ``refnet.architecture.variants.efficientnet``.
    size
        Side of a square picture or (height, width), in pixels; by default the variant's own.
    padding
        Rule of the weights: ``same`` (TensorFlow and what was converted from it), ``symmetric`` (trained in PyTorch),
        or ``same@224``: the zeros of ``same`` for a picture of 224 pixels, whatever the size (Keras without a size).

    Raises
    ------
    InputError
        If the size or the padding rule is not possible.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> plan = make_plan(variant("b0"))
    >>> plan.params, plan.macs
    (5288548, 385814752)
    >>> plan["block3a.depthwise"].pads, plan["block3a.depthwise"].shape
    (Pads(top=1, bottom=2, left=1, right=2), (28, 28, 144))
    """
    size_of(padding)
    height, width = sides(architecture.resolution if size is None else size)
    steps = _PlanBuilder(architecture, padding).build(height, width)
    return Plan(architecture, height, width, padding, tuple(steps))


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Check the size of an input, the side of a square or (height, width); return height and width.

    Examples
    --------
    >>> sides(224), sides((33, 47))
    ((224, 224), (33, 47))
    """
    pair = size if isinstance(size, tuple | list) else (size, size)
    try:
        height, width = (operator.index(side) for side in pair)
    except (TypeError, ValueError):
        raise InputError(f"input size {size!r}: want a whole number of pixels, or (height, width)") from None
    if isinstance(size, bool) or not all(1 <= side <= MAX_SIDE for side in (height, width)):
        raise InputError(f"input size {height}x{width}: each side must be 1 to {MAX_SIDE} pixels, a whole number")
    return height, width


def _batch_norm(step: str, channels: int) -> tuple[Weight, ...]:
    return tuple(
        Weight(names.weight_key(step, f"bn/{leaf}"), (channels,), trainable=leaf in ("gamma", "beta"))
        for leaf in names.BN_LEAVES
    )


def _bias(step: str, channels: int) -> Weight:
    return Weight(names.weight_key(step, "bias"), (channels,))


_TOP_PARTS = {"dense": names.DENSE, "batch_norm": names.NORM, "activation": names.ACTIVATION}


class _PlanBuilder:
    """Builds the steps one after the other; knows the name and shape of the last one."""

    def __init__(self, architecture: Architecture, padding: Padding) -> None:
        self.architecture = architecture
        self.padding = padding
        side = size_of(padding)
        self.of_one_size = None if side is None else (side, side)  # of the picture that the zeros are computed for
        self.steps: list[Step] = []

    def build(self, height: int, width: int) -> list[Step]:
        net = self.architecture
        last = names.INPUT
        shape: Shape = (height, width, net.channels)
        last, shape = self.convolution(names.STEM, last, shape, net.stem_channels, net.activation, kernel=3, stride=2)
        for block in net.blocks:
            last, shape = self.block(block, last, shape)
        last, shape = self.convolution(names.HEAD, last, shape, net.head_channels, net.activation)
        last, shape = self.pool(last, shape)
        if net.classes:
            last, shape = self.layers(last, shape)
            last, shape = self.dense(names.LOGITS, last, shape, net.classes)
            self.output(last, shape)
        return self.steps

    def append(self, step: Step) -> tuple[str, Shape]:
        self.steps.append(step)
        return step.name, step.shape

    def block(self, block: Block, last: str, shape: Shape) -> tuple[str, Shape]:
        act = self.architecture.activation
        entry = last

        def name(part: str) -> str:
            return names.part_name(block.name, part)

        if block.expands:
            last, shape = self.convolution(name(names.EXPAND), last, shape, block.channels, act)
        last, shape = self.depthwise(name(names.DEPTHWISE), last, shape, block, act)
        if block.se_channels:
            gate, vector = self.mean(name(names.SQUEEZE), last, shape)
            gate, vector = self.dense(name(names.REDUCE), gate, vector, block.se_channels, "swish")
            gate, vector = self.dense(name(names.GATE), gate, vector, block.channels, "sigmoid")
            last, shape = self.append(Step(name(names.EXCITE), "excite", (last, gate), shape, shape))
        last, shape = self.convolution(name(names.PROJECT), last, shape, block.out_channels, "none")
        if block.adds:
            last, shape = self.append(Step(name(names.ADD), "add", (last, entry), shape, shape))
        return last, shape

    def convolution(
        self,
        name: str,
        last: str,
        shape: Shape,
        K: int,
        activation: Activation,
        *,
        kernel: int = 1,
        stride: int = 1,
    ) -> tuple[str, Shape]:
        H, W, C = shape
        around = self.zeros(H, W, kernel, stride)
        out = (*self.size_behind(name, shape, around, kernel, stride), K)
        weight = Weight(names.weight_key(name, "kernel"), (kernel, kernel, C, K))
        return self.append(
            Step(
                name, "convolution", (last,), shape, out, kernel, stride, around, activation,
                weights=(weight, *self.behind(name, K)),
                macs=math.prod(out) * kernel * kernel * C,
            )
        )  # fmt: skip

    def depthwise(self, name: str, last: str, shape: Shape, block: Block, activation: Activation) -> tuple[str, Shape]:
        H, W, C = shape
        around = self.zeros(H, W, block.kernel, block.stride)
        out = (*self.size_behind(name, shape, around, block.kernel, block.stride), C)
        weight = Weight(names.weight_key(name, "kernel"), (block.kernel, block.kernel, C))
        return self.append(
            Step(
                name, "depthwise", (last,), shape, out, block.kernel, block.stride, around, activation,
                weights=(weight, *self.behind(name, C)),
                macs=math.prod(out) * block.kernel * block.kernel,
            )
        )  # fmt: skip

    def zeros(self, H: int, W: int, kernel: int, stride: int) -> Pads:
        """Zeros around a picture that is the next one to be convolved."""
        if self.of_one_size is None:
            return pads(self.padding, H, W, kernel, stride)
        around = pads(SAME, *self.of_one_size, kernel, stride)
        self.of_one_size = output_size(*self.of_one_size, around, kernel, stride)
        return around

    def size_behind(self, name: str, shape: Shape, around: Pads, kernel: int, stride: int) -> tuple[int, int]:
        """Height and width of what a convolution makes; with the zeros of another picture it may be nothing."""
        H, W, _ = shape
        height, width = output_size(H, W, around, kernel, stride)
        if min(height, width) < 1:
            raise InputError(
                f"padding {self.padding} leaves nothing of {H}x{W} pixels at {name}; want a larger picture, such as "
                "the one whose zeros these are"
            )
        return height, width

    def behind(self, name: str, K: int) -> tuple[Weight, ...]:
        """Weights behind the kernel of a convolution."""
        return (_bias(name, K),) if self.architecture.folded else _batch_norm(name, K)

    def pool(self, last: str, shape: Shape) -> tuple[str, Shape]:
        """The picture becomes a vector, by the name ``pool``."""
        pooling = self.architecture.top.pooling
        if pooling in ("mean", "max"):
            return self.vector(names.POOL, pooling, last, shape)
        if pooling == "gem":
            return self.vector(names.POOL, "gem", last, shape, (Weight(names.weight_key(names.POOL, "p"), (1,)),))
        mean, (C,) = self.vector(names.top_name(names.MEAN), "mean", last, shape)
        largest, _ = self.vector(names.top_name(names.MAX), "max", last, shape)
        if pooling == "concatenated":
            return self.append(Step(names.POOL, "concatenate", (mean, largest), (C,), (2 * C,)))
        both, _ = self.append(Step(names.top_name(names.SUM), "add", (mean, largest), (C,), (C,)))
        return self.append(Step(names.POOL, "divide", (both,), (C,), (C,), divisor=2.0))

    def layers(self, last: str, shape: Shape) -> tuple[str, Shape]:
        """What lies between the pooled features and the classifier."""
        counts: Counter[str] = Counter()
        for layer in self.architecture.top.layers:
            part = _TOP_PARTS[layer.kind]
            counts[part] += 1
            last, shape = self.layer(names.top_name(part, counts[part]), layer, last, shape)
        return last, shape

    def layer(self, name: str, layer: TopLayer, last: str, shape: Shape) -> tuple[str, Shape]:
        if layer.kind == "dense":
            return self.dense(name, last, shape, layer.units, layer.activation)
        if layer.kind == "activation":
            return self.append(Step(name, "identity", (last,), shape, shape, activation=layer.activation))
        weights = _batch_norm(name, *shape)
        step = Step(name, "batch_norm", (last,), shape, shape, activation=layer.activation, weights=weights)
        return self.append(replace(step, eps=layer.eps))

    def output(self, last: str, shape: Shape) -> tuple[str, Shape]:
        """What is made of the classifier's numbers."""
        top = self.architecture.top
        if top.temperature != 1:
            scaled = Step(names.top_name(names.SCALED), "divide", (last,), shape, shape, divisor=top.temperature)
            last, shape = self.append(scaled)
        match top.output:
            case "none":
                return last, shape
            case "softmax":
                return self.append(Step(names.PROBABILITIES, "softmax", (last,), shape, shape))
            case "log_softmax":
                return self.append(Step(names.ANSWER, "log_softmax", (last,), shape, shape))
        name = names.PROBABILITIES if top.output == "sigmoid" else names.ANSWER
        return self.append(Step(name, "identity", (last,), shape, shape, activation=top.output))

    def mean(self, name: str, last: str, shape: Shape) -> tuple[str, Shape]:
        return self.vector(name, "mean", last, shape)

    def vector(self, name: str, op: Op, last: str, shape: Shape, weights: tuple[Weight, ...] = ()) -> tuple[str, Shape]:
        """One number of each channel of a picture."""
        return self.append(Step(name, op, (last,), shape, shape[-1:], weights=weights))

    def dense(self, name: str, last: str, shape: Shape, K: int, activation: Activation = "none") -> tuple[str, Shape]:
        (C,) = shape
        weights = (Weight(names.weight_key(name, "kernel"), (C, K)), _bias(name, K))
        return self.append(
            Step(name, "dense", (last,), shape, (K,), activation=activation, weights=weights, macs=C * K)
        )
