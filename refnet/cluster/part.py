"""Part: some pictures of a job, worked on by one worker at a time; what a worker runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from refnet.cluster import sent
from refnet.cluster.sent import Lacking, SentNetwork
from refnet.cluster.versions import differing, versions
from refnet.errors import ImageError, InputError
from refnet.network import Network
from refnet.pipeline.pipeline import Answer, Pipeline
from refnet.pipeline.source import Item
from refnet.preprocessing.image_like import is_address


class Part(NamedTuple):
    """Some pictures, ``number`` from 0; ``first`` is the place of the first one in the whole source."""

    number: int
    first: int
    items: tuple[Item, ...]


class Asked(NamedTuple):
    """What is asked of every picture."""

    network: SentNetwork
    at: tuple[str, ...]
    as_published: bool
    versions: dict[str, str]


def share_out(items: Iterable[Item], size: int) -> Iterator[Part]:
    """Cut a source into parts: the same ones, whoever works on them.

    Examples
    --------
    >>> [(part.first, len(part.items)) for part in share_out([Item("a.png", "a.png")] * 5, 2)]
    [(0, 2), (2, 2), (4, 1)]
    """
    rest = iter(items)
    number = 0
    while some := tuple(map(_for_others, islice(rest, size))):
        yield Part(number, number * size, some)
        number += 1


def _for_others(item: Item) -> Item:
    """A path as it reads in any folder."""
    if isinstance(item.image, ImageError | bytes) or is_address(item.image) or not isinstance(item.image, str | Path):
        return item
    return item._replace(image=str(Path(item.image).absolute()))


def answer(asked: Asked, part: Part) -> list[Answer] | Lacking:
    """Answer for the pictures of a part, in order."""
    network = find(asked)
    return network if isinstance(network, Lacking) else list(answers(asked, network, part))


def find(asked: Asked) -> Network | Lacking:
    """Return the network on this worker, if it is the worker that the client takes it for."""
    from distributed import get_worker

    worker = get_worker()
    if differences := differing(asked.versions, versions()):
        raise InputError(f"the worker {worker.address} came later and has {differences}")
    return sent.find(asked.network, worker.state.nthreads) or Lacking(worker.address)


def answers(asked: Asked, network: Network, part: Part) -> Iterator[Answer]:
    """Answer for each picture; one that cannot be read is an answer with its error, under the name it was found by."""
    pipeline = _pipeline(network, asked.at, asked.as_published)
    for found, item in zip(pipeline.answers(part.items, ahead=False), part.items, strict=True):
        error = found.error
        if error is not None and isinstance(item.image, str) and str(error).startswith(f"{item.image}:"):
            error = error.saying(f"{item.name}{str(error)[len(item.image) :]}")
        yield found._replace(place=part.first + found.place, error=error)


@lru_cache(sent.KEPT)
def _pipeline(network: Network, at: tuple[str, ...], as_published: bool) -> Pipeline:
    """One for all parts that a worker has at once: they take turns where all its threads share a picture."""
    return Pipeline(network, at, as_published=as_published)
