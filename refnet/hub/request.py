"""A request: a network that somebody asks for, checked as far as that can be done before its weights are fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refnet.architecture.plan import Plan, make_plan, sides
from refnet.checks import MAX_CLASSES, check_recipe, check_top, float_dtype, thread_count, whole_number
from refnet.errors import WeightsNotFoundError
from refnet.hub.aliases import SYNTHETIC, canonical
from refnet.hub.models import Outline, find_any_weights, find_file, is_file, outline
from refnet.preprocessing.by_hand import NOTHING, ByHand
from refnet.preprocessing.recipe import Recipe
from refnet.weights import releases
from refnet.weights.paths import find
from refnet.weights.releases.recipes import find_recipe

if TYPE_CHECKING:
    from refnet.network import Network

KEPT = 2  # networks


@dataclass(frozen=True)
class Request:
    """What was asked for, in one form; ``recipe`` is None for the weights' own, which ``by_hand`` changes.

    ``threads`` is None for one on each core, wherever the network runs.

    ``known`` is what the network will look like, or None where weights are here that say so themselves.
    """

    model: str | Path
    dtype: np.dtype[Any]
    threads: int | None
    recipe: Recipe | None
    by_hand: ByHand
    known: Outline | None = field(compare=False)

    def check_top(self, top: int | None) -> None:
        """Refuse more predictions than the network will have classes, and any where it has no classifier."""
        if self.known is not None:
            check_top(top, self.known.architecture)
        elif top is not None:
            whole_number("top", top, MAX_CLASSES)

    def plan(self, size: tuple[int, int] | None) -> Plan | None:
        """Lay out the network for pictures of a size, if it is known already."""
        return None if self.known is None else make_plan(self.known.architecture, size, padding=self.known.padding)

    def load(self) -> Network:
        """Load the network; weights that are not here are fetched."""
        from refnet.network.restore import make_network

        weights = find_any_weights(self.model)
        recipe = self.by_hand.apply(self.recipe or weights.recipe)
        return make_network(
            weights,
            dtype=self.dtype,
            threads=self.threads,
            recipe=None if recipe is weights.recipe else recipe,
            size=self.by_hand.sides,
        )

    def load_once(self) -> Network:
        """Load the network, or return the one that was loaded for the same request, unless its file has changed."""
        return _load(self, _state_of(self.model))


def make_request(
    model: str | os.PathLike[str],
    *,
    dtype: npt.DTypeLike = "float32",
    threads: int | None = None,
    recipe: str | Recipe | None = None,
    by_hand: ByHand = NOTHING,
) -> Request:
    """Check what ``refnet.load`` is given; whatever is wrong with it is an error now, before anything is fetched."""
    known = _known(model)
    found = None if recipe is None else find_recipe(recipe)
    size = None if by_hand.sides is None else sides(by_hand.sides)
    if known is not None and found is not None:
        check_recipe(by_hand.apply(found), known.architecture, size)
    name = Path(model) if is_file(model) else canonical(model)
    threads = None if threads is None else thread_count(threads)
    return Request(name, float_dtype(dtype), threads, found, by_hand, known)


def _known(model: str | os.PathLike[str]) -> Outline | None:
    if is_file(model):
        return None
    name = canonical(model)
    if name.endswith(SYNTHETIC):
        return outline(name)
    try:
        find(name)
    except WeightsNotFoundError:
        return outline(releases.find(name).name)
    return None


def _state_of(model: str | Path) -> tuple[tuple[int | str, ...], ...]:
    """What changes with the content of a model's file, whether it is replaced or written anew in place."""
    from refnet.hub.source_files import state_of

    path = find_file(model)
    return () if path is None else tuple(tuple(file) for file in state_of(path))


@lru_cache(KEPT)
def _load(request: Request, state: tuple[tuple[int | str, ...], ...]) -> Network:
    return request.load()
