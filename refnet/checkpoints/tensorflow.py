"""The official TensorFlow checkpoints (tensorflow/tpu, models/official/efficientnet) in our terms, and back.

Beside each variable may lie its exponential moving average, ``NAME/ExponentialMovingAverage``: that is what the
publisher evaluates, the statistics of batch norm included. ``tf_names.py`` has the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from refnet.architecture import Architecture
from refnet.checkpoints import tf_bundle
from refnet.checkpoints.tf_names import pairs
from refnet.errors import CheckpointError
from refnet.padding import Padding
from refnet.plan import Shape

PADDING: Padding = "same"
BN_EPS = 1e-3
AVERAGE = "/ExponentialMovingAverage"

Averaging = Literal["ema", "raw"]
Arrays = Mapping[str, npt.NDArray[Any]]

COUNTERS = {
    "global_step": "counts training steps; inference does not use it",
    "beta1_power": "the optimiser's; inference does not use it",
    "beta2_power": "the optimiser's; inference does not use it",
}
SLOTS = ("/RMSProp", "/RMSProp_1", "/Momentum", "/Adam", "/Adam_1")
SLOT_DROPPED = "the optimiser's; inference does not use it"
RAW_DROPPED = "the value after the last training step; its moving average is taken"


class Described(Protocol):
    """Anything with a shape and a dtype: an array, or an entry of a checkpoint's index."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def dtype(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Choice:
    """Which tensors of a checkpoint are taken.

    Attributes
    ----------
    taken
        Our key to the checkpoint's name, for each weight of the plan in its order.
    averaging
        Whether they are the moving averages (``ema``) or the variables themselves (``raw``); never some of each.
    dropped
        Name and reason for each tensor that is left out.
    """

    taken: dict[str, str]
    averaging: Averaging
    dropped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Converted:
    """What a checkpoint holds, in our terms.

    Attributes
    ----------
    tensors
        Key to f32[...] for each weight of the plan, in its order, C-contiguous.
    averaging, dropped
        As in :class:`Choice`.
    """

    tensors: dict[str, npt.NDArray[np.float32]]
    averaging: Averaging
    dropped: tuple[tuple[str, str], ...]


def choose(described: Mapping[str, Described], architecture: Architecture) -> Choice:
    """Decide for every tensor of a checkpoint, by name, whether it is taken or dropped.

    The moving averages are taken if there is one of any variable of the network.

    Parameters
    ----------
    described
        Name to anything with shape and dtype: the arrays, or the entries of the index.
    architecture
        The network it belongs to.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
    """
    every = pairs(architecture)
    averaged = any(pair.theirs + AVERAGE in described for pair in every)
    suffix = AVERAGE if averaged else ""
    wanted = {pair.theirs + suffix: pair.their_shape for pair in every}
    spare = dict(COUNTERS) | {pair.theirs + slot: SLOT_DROPPED for pair in every for slot in SLOTS}
    if averaged:
        spare |= {pair.theirs: RAW_DROPPED for pair in every}
    _check(described, wanted, spare, architecture.name)
    return Choice(
        taken={pair.ours: pair.theirs + suffix for pair in every},
        averaging="ema" if averaged else "raw",
        dropped=tuple((name, spare[name]) for name in described if name not in wanted),
    )


def to_ours(theirs: Arrays, architecture: Architecture) -> Converted:
    """Rename and reshape the tensors of a checkpoint; bits stay as they are.

    Parameters
    ----------
    theirs
        Name to array: kernels (R, S, C, K), depthwise (R, S, C, 1), classifier (C, K). Those that
        :func:`choose` drops may be left out.
    architecture
        The network it belongs to.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
    """
    choice = choose(theirs, architecture)
    tensors = {pair.ours: _reshaped(theirs[choice.taken[pair.ours]], pair.our_shape) for pair in pairs(architecture)}
    return Converted(tensors, choice.averaging, choice.dropped)


def to_theirs(ours: Arrays, architecture: Architecture, averaging: Averaging) -> dict[str, npt.NDArray[np.float32]]:
    """Undo :func:`to_ours`; without what it dropped.

    Parameters
    ----------
    ours
        Key to f32[...] for each weight of the plan: kernels HWIO, depthwise HWC, dense CK.
    architecture
        The network it belongs to.
    averaging
        Whether to name them as moving averages (``ema``) or as the variables themselves (``raw``).

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
    """
    every = pairs(architecture)
    _check(ours, {pair.ours: pair.our_shape for pair in every}, {}, architecture.name)
    suffix = AVERAGE if averaging == "ema" else ""
    return {pair.theirs + suffix: _reshaped(ours[pair.ours], pair.their_shape) for pair in every}


def read(path: str | Path, architecture: Architecture) -> Converted:
    """Read a checkpoint of this family: its archive, its prefix, or its ``.index`` file.

    Only the tensors that are taken are read.

    Raises
    ------
    CheckpointError
        If :func:`refnet.checkpoints.tf_bundle.opened` or :func:`choose` refuses it.
    """
    with tf_bundle.opened(path) as bundle:
        choice = choose(bundle.entries, architecture)
        converted = to_ours(bundle.read(choice.taken.values()), architecture)
    return Converted(converted.tensors, choice.averaging, choice.dropped)


def _reshaped(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(array).reshape(shape)


def _check(
    described: Mapping[str, Described], wanted: dict[str, Shape], spare: Mapping[str, str], network: str
) -> None:
    wrong = []
    for name in wanted:
        if name not in described:
            raw = name.removesuffix(AVERAGE)
            partly = ", though its raw value is there: the two are never mixed" if raw in described else ""
            wrong.append(f"{name} is missing{partly}")
    for name, tensor in described.items():
        if name in wanted and (tensor.shape != wanted[name] or str(tensor.dtype) != "float32"):
            wrong.append(f"{name} is {tensor.dtype}{list(tensor.shape)}, not float32{list(wanted[name])}")
        elif name not in wanted and name not in spare:
            wrong.append(f"{name!r} is unknown")
    if wrong:
        raise CheckpointError(f"not the tensors of {network}: {'; '.join(wrong)}")
