"""Pipeline: pictures are read, prepared and run through a network, and their answers come out in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.errors import ImageError
from refnet.pipeline.source import Item, Source, items
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.read_image import read_as

if TYPE_CHECKING:
    from refnet.network import Network


class Answer(NamedTuple):
    """What a pipeline says of one picture.

    Attributes
    ----------
    place
        Its number in the source, from 0.
    name
        Its path as found, or ``picture 3``, counted from 1, of what has no name.
    tensors
        This picture's, by the names of their steps: dtype[classes], dtype[H, W, C]. Empty if there is an error.
    error
        Why the picture could not be read, or None.
    notes
        In what the software that the weights were published with would have read it differently.
    """

    place: int
    name: str
    tensors: dict[str, Array]
    error: ImageError | None = None
    notes: tuple[str, ...] = ()


class Pipeline:
    """A network and what is wanted of it, for any number of pictures.

    Parameters
    ----------
    network
        What ``refnet.load`` gives.
    at
        Names of steps, as for ``Network.features``, or ``input`` for what ``Network.preprocess`` makes; by default the
        network's answer, ``network.plan.answer``.
    as_published
        As for ``Network.preprocess``.

    Examples
    --------
    >>> import refnet
    >>> pipeline = Pipeline(refnet.load("lite0"), at="pool")
    >>> for answer in pipeline.run("refnet/data/*.png"):
    ...     print(answer.place, answer.name, answer.tensors["pool"].shape)
    0 refnet/data/chelsea.png (1280,)
    """

    def __init__(self, network: Network, at: str | Iterable[str] | None = None, *, as_published: bool = False) -> None:
        self.network = network
        self.as_published = as_published
        asked = [at] if isinstance(at, str) else [network.plan.answer] if at is None else list(at)
        network._check_names([name for name in asked if name != names.INPUT])
        self.at = tuple(dict.fromkeys(asked))

    def run(self, source: Source, *, recursive: bool = False) -> Iterator[Answer]:
        """Answer for each picture of a source, in its order.

        Parameters
        ----------
        source
            One picture (a path, the bytes of a file, a PIL image, an array u8[H, W, 3], an open file), a folder, a
            pattern such as ``photos/*.jpg``, an array u8[N, H, W, 3], or a list or an iterator of any of these.
        recursive
            Go into the folders of folders.

        Returns
        -------
        iterator
            Of ``Answer``. A picture that cannot be read is an answer with its error.

        Raises
        ------
        InputError
            If something in the source is no picture at all.
        """
        for place, item in enumerate(items(source, recursive=recursive)):
            yield self.answer(place, item)

    def answer(self, place: int, item: Item) -> Answer:
        """Answer for one picture."""
        if isinstance(item.image, ImageError):
            return Answer(place, item.name, {}, item.image)
        network = self.network
        try:
            reading = read_as(item.image, network.recipe.loader, as_published=self.as_published)
            x = preprocess(
                reading.picture,
                network.recipe,
                network.plan.height,
                network.plan.width,
                channels=network.weights.architecture.channels,
            )
        except ImageError as error:
            return Answer(place, item.name, {}, error)
        tensors = {
            name: np.empty((1, *network.plan.shapes[name]), network.dtype) for name in self.at if name != "input"
        }
        network._engine.run_batch(x[None], tensors)
        found = {name: x if name == names.INPUT else tensors[name][0] for name in self.at}
        return Answer(place, item.name, found, None, reading.differs)
