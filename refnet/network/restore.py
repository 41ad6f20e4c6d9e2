"""From weights to a network, of real numbers or of integers; and from what a network was sent to another process as."""

from __future__ import annotations

from copy import copy
from functools import lru_cache
from typing import Any

import numpy as np

from refnet.errors import InputError
from refnet.network.network import Network
from refnet.preprocessing.recipe import Recipe
from refnet.weights import reader
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weight_file import WeightFile
from refnet.weights.weights import Weights


def make_network(
    weights: Weights | QuantisedWeights,
    *,
    dtype: np.dtype[Any],
    threads: int | None = None,
    recipe: str | Recipe | None = None,
    size: tuple[int, int] | None = None,
) -> Network:
    """Make a network of weights that are checked already and that nobody else needs.

    Raises
    ------
    InputError
        If integers are asked to run in float64; else as ``Network``.
    """
    if not isinstance(weights, QuantisedWeights):
        return Network._consume(weights, dtype=dtype, threads=threads, recipe=recipe, size=size)
    from refnet.network.quantised import QuantisedNetwork  # late: most networks are of real numbers

    if dtype == np.float64:
        raise InputError(f"dtype {dtype}: {weights.architecture.name} is of integers, which are exact; leave dtype out")
    return QuantisedNetwork._of_checked(weights, threads=threads, recipe=recipe, size=size)


def restore(
    origin: WeightFile | Weights | QuantisedWeights,
    dtype: np.dtype[Any],
    threads: int | None,
    recipe: Recipe | None,
    size: tuple[int, int] | None,
) -> Network:
    """Make a network again of what it was pickled as; of a file, once for all that comes to this process."""
    if isinstance(origin, WeightFile):
        return copy(_load(origin, origin.state(), dtype, threads, recipe, size))
    return make_network(origin, dtype=dtype, threads=threads, recipe=recipe, size=size)


@lru_cache(2)
def _load(file: WeightFile, state: tuple[int, ...], *options: Any) -> Network:
    dtype, threads, recipe, size = options
    return make_network(reader.read_again(file), dtype=dtype, threads=threads, recipe=recipe, size=size)
