"""Activations between the layers of a head: a state dict has none of them, so they are asked for.

In a sequence, a module without tensors takes up a number: where one is left out, there may be an activation, or
dropout. A batch norm right behind another layer follows it; between two dense layers there is something all the same,
for a list of layers has numbers too.
"""

from __future__ import annotations

from typing import get_args

from refnet.architecture.activations import Activation
from refnet.checkpoints.heads.layers import Layer
from refnet.errors import CheckpointError, first_few

FEATURES_ONLY = "--head none"


class Activations:
    """What is applied behind each layer but the last.

    Examples
    --------
    >>> import numpy as np
    >>> from refnet.checkpoints.heads.layers import layers_of
    >>> ordered = layers_of({"fc.0.weight": np.zeros((8, 4)), "fc.3.weight": np.zeros((2, 8))})
    >>> Activations(ordered, "relu").found()
    ['relu']
    """

    def __init__(self, ordered: list[Layer], stated: Activation | None) -> None:
        self.ordered, self.stated = ordered, stated

    def found(self) -> list[Activation]:
        """One for each layer but the last."""
        functions: list[Activation] = ["none"] * (len(self.ordered) - 1)
        for segment in self._segments():
            room = [at for at in segment if self._gap(at) != 0]
            if not room and self.ordered[segment[0]].kind == "dense":
                room = segment[-1:]
            asked = self._asked(room) if room else "none"
            if asked != "none":
                functions[self._where(room)] = asked
        return functions

    def _segments(self) -> list[list[int]]:
        """Layers but the last one, by their places, each dense one with the batch norms behind it."""
        segments: list[list[int]] = []
        for at, layer in enumerate(self.ordered[:-1]):
            if layer.kind == "dense" or not segments:
                segments.append([])
            segments[-1].append(at)
        return segments

    def _gap(self, at: int) -> int | None:
        """How many modules without tensors lie behind a layer in its sequence; None where its name does not tell."""
        (parent, number), (other, following) = self.ordered[at].slot, self.ordered[at + 1].slot
        if number is None or following is None or parent != other:
            return None
        return following - number - 1

    def _asked(self, room: list[int]) -> Activation:
        if self.stated is not None:
            return self.stated
        names = first_few([repr(self.ordered[at].name) for at in room], by=" or ")
        least = "relu" if any(self.ordered[at].kind == "dense" for at in room) else "none"
        raise CheckpointError(
            f"the file does not tell the activation behind {names}; say it, one of {', '.join(get_args(Activation))}",
            options=[f"--activation {least}", FEATURES_ONLY],
        )

    def _where(self, room: list[int]) -> int:
        if len(room) == 1:
            return room[0]
        names = first_few([repr(self.ordered[at].name) for at in room], by=" or ")
        raise CheckpointError(
            f"the file does not tell which of {names} the activation is behind", options=[FEATURES_ONLY]
        )
