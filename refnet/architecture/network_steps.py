"""All steps of an architecture for one picture size, made one after the other."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.padding import SAME, Padding, Pads, output_size, pads, size_of
from refnet.architecture.step import Op, Shape, Step, Weight, batch_norm_weights
from refnet.architecture.top import TopLayer
from refnet.architecture.variants import Architecture, Block
from refnet.errors import InputError


def _bias(step: str, channels: int) -> Weight:
    return Weight(names.weight_key(step, "bias"), (channels,))


_TOP_PARTS = {"dense": names.DENSE, "batch_norm": names.NORM, "activation": names.ACTIVATION}


def network_steps(architecture: Architecture, padding: Padding, height: int, width: int) -> tuple[Step, ...]:
    """Make the steps of an architecture in execution order, for pictures of one size, by a rule for their zeros."""
    return tuple(_Builder(architecture, padding).build(height, width))


class _Builder:
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
        last, shape = self.layers(last, shape)
        if net.classes:
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
        return (_bias(name, K),) if self.architecture.folded else batch_norm_weights(name, K)

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
        """What lies between the pooled features and the classifier, or the end."""
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
        weights = batch_norm_weights(name, *shape)
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
