"""Step: one operation of a network, with its tensors' names and shapes.

Sizes: N batch, H W height and width, C channels in, K channels out, R S kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.padding import NO_PADS, Pads

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
        >>> from refnet.architecture.plan import make_plan
        >>> make_plan(variant("b0"))["stem"].parts
        ('stem.conv', 'stem.bn', 'stem.act')
        """
        if not self.normalized:
            return ()
        parts = (names.CONV, names.BN) if self.activation == "none" else (names.CONV, names.BN, names.ACT)
        return tuple(names.part_name(self.name, part) for part in parts)


def batch_norm_weights(step: str, channels: int) -> tuple[Weight, ...]:
    """The four tensors of a step's batch norm."""
    return tuple(
        Weight(names.weight_key(step, f"bn/{leaf}"), (channels,), trainable=leaf in ("gamma", "beta"))
        for leaf in names.BN_LEAVES
    )
