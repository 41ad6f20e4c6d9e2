"""Sent networks: a few words that every task carries, and a network that each worker makes of them once."""

from __future__ import annotations

import asyncio
import tempfile
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from refnet.errors import RefnetError, WeightsError
from refnet.network import Network
from refnet.network.restore import make_network
from refnet.preprocessing.recipe import Recipe
from refnet.weights import reader, writer
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weight_file import WeightFile, file_of
from refnet.weights.weights import Weights

KEPT = 2  # networks on a worker


class SentNetwork(NamedTuple):
    """What tells a network from any other, and where its weight file may lie."""

    file: WeightFile
    dtype: str
    recipe: Recipe | None  # None: that of the weights
    size: tuple[int, int] | None


class Lacking(NamedTuple):
    """What a worker says that has no such network yet."""

    worker: str


def describe(network: Network) -> SentNetwork:
    """Put a network into a few words."""
    weights = network.weights
    file = network._file or WeightFile(None, weights.digest(), writer.metadata_of(weights).digest())
    return SentNetwork(file, network.dtype.name, *network._own_ways())


def content_of(network: Network) -> bytes:
    """All bytes of a network's weight file, for a worker that lacks it."""
    return writer.file_bytes(network.weights)


# --- on a worker ---


_networks: OrderedDict[SentNetwork, Network] = OrderedDict()
_LOCK = Lock()  # several tasks ask at once, and one of them loads


def find(sent: SentNetwork, threads: int) -> Network | None:
    """Return the network, loaded once for this process; None if its file is not here, or is another one.

    So many ``threads`` are the worker's: as many parts are worked on at once, a core each.
    """
    with _LOCK:
        if sent in _networks:
            _networks.move_to_end(sent)
        else:
            try:
                _keep(sent, reader.read_again(sent.file), threads)
            except (RefnetError, OSError):
                return None
        return _networks[sent]


def is_here(sent: SentNetwork) -> bool:
    """Whether the network is loaded already."""
    return sent in _networks


async def receive(sent: SentNetwork, content: bytes, dask_worker: Any) -> None:
    """Take the bytes of a weight file that is not here; meanwhile the worker hears what else it is told."""
    await asyncio.to_thread(_receive, sent, content, dask_worker.state.nthreads)


def _receive(sent: SentNetwork, content: bytes, threads: int) -> None:
    with _LOCK, tempfile.TemporaryDirectory(prefix="refnet-") as folder:
        path = Path(folder) / "weights.h5"
        path.write_bytes(content)
        weights = reader.read_any(path)
        found = file_of(weights)
        if found is None or found[1:] != sent.file[1:]:
            raise WeightsError("a weight file came over the network that is not the one asked for")
        _keep(sent, weights, threads)


def _keep(sent: SentNetwork, weights: Weights | QuantisedWeights, threads: int) -> None:
    _, dtype, recipe, size = sent
    _networks[sent] = make_network(weights, dtype=np.dtype(dtype), threads=threads, recipe=recipe, size=size)
    while len(_networks) > KEPT:
        _networks.popitem(last=False)
