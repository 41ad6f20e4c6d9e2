"""Packed weights: all tensors of a network in one flat array, in the layout and dtype that the kernels read.

The layout follows from the steps alone. Kernels are kept packed only, and unpacked again for those who ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet import memory
from refnet.architecture import names
from refnet.architecture.step import CONVOLUTIONS, Step
from refnet.arrays import Array
from refnet.engine.layout import blocks_of, pack_depthwise, pack_kernel, packed_size, unpack_depthwise, unpack_kernel
from refnet.float_mode import default_mode
from refnet.kernels.machine import LANES, tile_shapes
from refnet.reference.numerics import fold_batch_norm

Take = Callable[[str], Array]  # gives the tensor of a key, once; where it came from it may then be gone


@dataclass(frozen=True)
class Offsets:
    """Where a step's kernel, scale and shift begin in the flat array; a lone number lies in the kernel's place."""

    kernel: int
    scale: int
    shift: int


@dataclass(frozen=True)
class WeightsLayout:
    """Where each step finds its weights.

    ``identity`` is a scale of 1 and a shift of -0, which change no number: for sums that are wanted as they are. A bias
    is a shift beside a scale of 1: fma(y, 1, b) == y + b. ``size`` counts elements.
    """

    offsets: dict[str, Offsets]
    identity: Offsets
    size: int


def lay_out(steps: Sequence[Step]) -> WeightsLayout:
    """Give every kernel, scale and shift its place."""
    widest = max((blocks_of(step.shape[-1]) for step in steps), default=1) * LANES
    identity, end = Offsets(0, 0, widest), 2 * widest
    offsets = {}
    for step in steps:
        found = identity
        vector = blocks_of(step.shape[-1]) * LANES
        if step.op in _ONE_NUMBER:
            found, end = replace(found, kernel=end), end + LANES
        if _has_kernel(step):
            found, end = replace(found, kernel=end), end + packed_size(step.weights[0].shape)
        if step.normalized or step.op == "batch_norm":
            found, end = replace(found, scale=end), end + vector
        if step.weights and step.op not in _ONE_NUMBER:
            found, end = replace(found, shift=end), end + vector
        if found is not identity:
            offsets[step.name] = found
    return WeightsLayout(offsets, identity, end)


_ONE_NUMBER = ("gem", "divide")  # a power, a divisor: where others have a kernel


def _has_kernel(step: Step) -> bool:
    return step.op in (*CONVOLUTIONS, "dense")


class PackedWeights(Mapping[str, Array]):
    """The flat array; as a mapping, the tensors it was made of, by key."""

    @default_mode()
    def __init__(self, steps: Sequence[Step], take: Take, eps: float, dtype: npt.DTypeLike) -> None:
        """Pack the tensors, each taken once; batch norms become scale and shift."""
        self.layout = lay_out(steps)
        memory.check(self.layout.size * np.dtype(dtype).itemsize, "a network of that size", "want a smaller one")
        self.flat = aligned_empty(self.layout.size, np.dtype(dtype))
        self._panel_blocks = tile_shapes(self.flat.itemsize).blocks
        self._kernels: dict[str, Step] = {}
        self._vectors: dict[str, Array] = {}
        self._keys = [weight.key for step in steps for weight in step.weights]
        identity = self.layout.identity
        self.flat[identity.scale : identity.shift] = 1
        self.flat[identity.shift : 2 * identity.shift] = -0.0
        for step in steps:
            if step.name in self.layout.offsets:
                self._pack(step, take, eps)

    def _pack(self, step: Step, take: Take, eps: float) -> None:
        at = self.layout.offsets[step.name]
        if _has_kernel(step):
            self._pack_kernel(step, at, take)
        for weight in step.weights[_has_kernel(step) :]:
            self._vectors[weight.key] = take(weight.key)
        if step.op == "divide":
            self._place(at.kernel, np.array([step.divisor]))
        elif step.op == "gem":
            self._place(at.kernel, self._vectors[names.weight_key(step.name, "p")])
        elif step.biased:
            self._place(at.shift, self._vectors[names.weight_key(step.name, "bias")])
        else:
            gamma, beta, mean, variance = (
                self._vectors[names.weight_key(step.name, f"bn/{leaf}")] for leaf in names.BN_LEAVES
            )
            scale, shift = fold_batch_norm(gamma, beta, mean, variance, step.bn_eps(eps), self.flat.dtype)
            self._place(at.scale, scale)
            self._place(at.shift, shift)

    def _pack_kernel(self, step: Step, at: Offsets, take: Take) -> None:
        key = names.weight_key(step.name, "kernel")
        self._kernels[key] = step
        kernel = take(key).astype(self.flat.dtype, copy=False)
        if step.op == "depthwise":
            self._place(at.kernel, pack_depthwise(kernel))
        else:
            self._place(at.kernel, pack_kernel(kernel.reshape(-1, kernel.shape[-1]), self._panel_blocks))

    def _place(self, begin: int, values: Array) -> None:
        """Write values, and zeros up to a whole block of channels."""
        end = begin + values.size
        self.flat[begin:end] = values
        self.flat[end : begin + blocks_of(values.size) * LANES] = 0

    def __getitem__(self, key: str) -> Array:
        tensor = self._vectors[key].view() if key in self._vectors else self._unpacked(key)
        tensor.flags.writeable = False  # it is not what the kernels read
        return tensor

    def _unpacked(self, key: str) -> Array:
        step = self._kernels[key]
        shape = step.weights[0].shape
        begin = self.layout.offsets[step.name].kernel
        packed = self.flat[begin : begin + packed_size(shape)].astype(np.float32, copy=False)
        if step.op == "depthwise":
            return unpack_depthwise(packed, shape)
        return unpack_kernel(packed, shape, self._panel_blocks)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # how they are packed is this CPU's affair


def aligned_empty(size: int, dtype: np.dtype[Any], alignment: int = 64) -> Array:
    """Uninitialised one-dimensional array that begins on a cache line."""
    raw = np.empty(size * dtype.itemsize + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size * dtype.itemsize].view(dtype)
