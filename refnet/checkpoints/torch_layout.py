"""What the families published for PyTorch have in common: leaf names and axes.

The names of the modules are each family's own: a mapping from step to :class:`Modules`. From that and the
plan follow all names and shapes, so a map is total and one-to-one, whatever the order of the file.

=============  =============  ============================  =========================
our leaf       of the module  PyTorch's leaf and axes       our axes
=============  =============  ============================  =========================
kernel         layer          weight (K, C, R, S)           (R, S, C, K)
kernel         layer          weight (C, 1, R, S)           (R, S, C) depthwise
kernel         layer          weight (K, C, 1, 1)           (C, K) squeeze-excite
kernel         layer          weight (K, C)                 (C, K) classifier
bias           layer          bias (K,)                     (K,)
bn/gamma       norm           weight (K,)                   (K,)
bn/beta        norm           bias (K,)                     (K,)
bn/mean        norm           running_mean (K,)             (K,)
bn/variance    norm           running_var (K,)              (K,)
(dropped)      norm           num_batches_tracked ()
=============  =============  ============================  =========================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from refnet import names
from refnet.architecture import Architecture
from refnet.errors import CheckpointError
from refnet.plan import Shape, Step, make_plan

Arrays = Mapping[str, npt.NDArray[Any]]

COUNTER = "num_batches_tracked"
COUNTER_DROPPED = "counts training steps; inference does not use it"

_LAYER_LEAVES = {"kernel": "weight", "bias": "bias"}
_NORM_LEAVES = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


class Modules(NamedTuple):
    """The PyTorch modules behind one step: its convolution or linear layer, and its batch norm if any."""

    layer: str
    norm: str = ""


@dataclass(frozen=True)
class Pair:
    """One tensor by both names; our axis i is PyTorch's axis ``axes[i]``, its axes of length 1 left out."""

    ours: str
    our_shape: Shape
    theirs: str
    their_shape: Shape
    axes: tuple[int, ...]

    def to_ours(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Reorder PyTorch's axes to ours."""
        without_ones = [self.our_shape[self.axes.index(i)] for i in range(len(self.axes))]
        return np.ascontiguousarray(array.reshape(without_ones).transpose(self.axes))

    def to_theirs(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Reorder our axes to PyTorch's."""
        order = [self.axes.index(i) for i in range(len(self.axes))]
        return np.ascontiguousarray(array.transpose(order).reshape(self.their_shape))


@dataclass(frozen=True)
class Converted:
    """What a checkpoint holds, in our terms.

    Attributes
    ----------
    tensors
        Key to f32[...] for each weight of the plan, in its order, C-contiguous.
    dropped
        Name and reason for each tensor that was left out.
    """

    tensors: dict[str, npt.NDArray[np.float32]]
    dropped: tuple[tuple[str, str], ...]


def pairs(architecture: Architecture, modules: Mapping[str, Modules]) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    plan = make_plan(architecture)
    return tuple(pair for step in plan if step.weights for pair in _pairs_of(step, modules[step.name]))


def to_ours(theirs: Arrays, architecture: Architecture, modules: Mapping[str, Modules]) -> Converted:
    """Rename and reorder a PyTorch state dict; bits stay as they are.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
    """
    every = pairs(architecture, modules)
    counters = {f"{pair.theirs.removesuffix('running_var')}{COUNTER}" for pair in every if _is_variance(pair)}
    _check(theirs, {pair.theirs: pair.their_shape for pair in every}, counters, architecture.name)
    return Converted(
        tensors={pair.ours: pair.to_ours(theirs[pair.theirs]) for pair in every},
        dropped=tuple((name, COUNTER_DROPPED) for name in theirs if name in counters),
    )


def to_theirs(
    ours: Arrays, architecture: Architecture, modules: Mapping[str, Modules]
) -> dict[str, npt.NDArray[np.float32]]:
    """Undo :func:`to_ours`; without the counters, which PyTorch fills in by itself.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
    """
    every = pairs(architecture, modules)
    _check(ours, {pair.ours: pair.our_shape for pair in every}, set(), architecture.name)
    return {pair.theirs: pair.to_theirs(ours[pair.ours]) for pair in every}


def _pairs_of(step: Step, modules: Modules) -> list[Pair]:
    found = []
    for weight in step.weights:
        leaf = weight.key.removeprefix(names.weight_key(step.name, ""))
        axes: tuple[int, ...] = (0,)
        shape = weight.shape
        if leaf == "kernel":
            axes, shape = _kernel(step, weight.shape)
        if leaf in _LAYER_LEAVES:
            theirs = f"{modules.layer}.{_LAYER_LEAVES[leaf]}"
        else:
            theirs = f"{modules.norm}.{_NORM_LEAVES[leaf.removeprefix('bn/')]}"
        found.append(Pair(weight.key, weight.shape, theirs, shape, axes))
    return found


def _kernel(step: Step, shape: Shape) -> tuple[tuple[int, ...], Shape]:
    """Axes and PyTorch's shape of a kernel."""
    if step.op == "convolution":
        R, S, C, K = shape
        return (2, 3, 1, 0), (K, C, R, S)
    if step.op == "depthwise":
        R, S, C = shape
        return (1, 2, 0), (C, 1, R, S)
    C, K = shape
    # Squeeze-excite works on a picture of one pixel there, by convolutions.
    return (1, 0), (K, C) if step.name == names.LOGITS else (K, C, 1, 1)


def _is_variance(pair: Pair) -> bool:
    return pair.theirs.endswith(".running_var")


def _check(arrays: Arrays, wanted: dict[str, Shape], spare: set[str], network: str) -> None:
    wrong = [f"{name} is missing" for name in wanted if name not in arrays]
    for name, array in arrays.items():
        if name in wanted and (array.shape != wanted[name] or array.dtype.name != "float32"):
            wrong.append(f"{name} is {array.dtype.name}{list(array.shape)}, not float32{list(wanted[name])}")
        elif name not in wanted and name not in spare:
            wrong.append(f"{name!r} is unknown")
    if wrong:
        raise CheckpointError(f"not the tensors of {network}: {'; '.join(wrong)}")
