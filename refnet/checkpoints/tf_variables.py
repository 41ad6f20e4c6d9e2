"""Which variables of a TensorFlow checkpoint are the network's: the moving averages, if there are any.

Beside each variable may lie its exponential moving average, ``NAME/ExponentialMovingAverage``: that is what the
publisher evaluates, the statistics of batch norm included. Optimisers leave slots and counters behind.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from refnet.checkpoints.naming.tensorflow import AVERAGE
from refnet.errors import CheckpointError, first_few

COUNTERS = {
    "global_step": "counts training steps; inference does not use it",
    "beta1_power": "the optimiser's; inference does not use it",
    "beta2_power": "the optimiser's; inference does not use it",
}
SLOTS = ("/RMSProp", "/RMSProp_1", "/Momentum", "/Adam", "/Adam_1")
SLOT_DROPPED = "the optimiser's; inference does not use it"
RAW_DROPPED = "the value after the last training step; its moving average is taken"


@dataclass(frozen=True)
class Choice:
    """Which variables are taken.

    Attributes
    ----------
    stored_as
        Name of the variable to the name it is stored under.
    averaging
        Whether they are the moving averages (``ema``) or the variables themselves (``raw``); never some of each.
    dropped
        Name and reason for each tensor that is left out.
    """

    stored_as: dict[str, str]
    averaging: Literal["ema", "raw"]
    dropped: tuple[tuple[str, str], ...]


def choose_variables(stored: Collection[str]) -> Choice:
    """Decide for every tensor of a checkpoint, by name, whether it is taken or dropped.

    Examples
    --------
    >>> choose_variables(["stem/kernel", "stem/kernel/ExponentialMovingAverage", "global_step"]).stored_as
    {'stem/kernel': 'stem/kernel/ExponentialMovingAverage'}
    >>> choose_variables(["stem/kernel", "stem/kernel/RMSProp"]).stored_as
    {'stem/kernel': 'stem/kernel'}
    """
    averages = {name.removesuffix(AVERAGE): name for name in stored if name.endswith(AVERAGE)}
    dropped = {name: reason for name in stored if (reason := _reason(name, averages))}
    plain = [name for name in stored if name not in dropped and not name.endswith(AVERAGE)]
    if averages and plain:
        raise CheckpointError(
            f"some variables have a moving average and others have none; the two are never mixed. "
            f"Without one: {first_few(plain, by=', ')}",
            details=plain,
        )
    return Choice(
        stored_as=averages or {name: name for name in plain},
        averaging="ema" if averages else "raw",
        dropped=tuple(dropped.items()),
    )


def _reason(name: str, averages: Collection[str]) -> str | None:
    """Why a tensor is left out, if it is."""
    if name in COUNTERS:
        return COUNTERS[name]
    if name.endswith(SLOTS):
        return SLOT_DROPPED
    return RAW_DROPPED if name in averages else None
