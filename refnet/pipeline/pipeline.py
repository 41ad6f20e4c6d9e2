"""Pipeline: pictures are read, prepared and run through a network, and their answers come out in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.errors import ImageError
from refnet.pipeline.addresses import read_anywhere
from refnet.pipeline.ahead import in_order
from refnet.pipeline.source import Item, Source, items
from refnet.prediction import Prediction
from refnet.preprocessing.preprocess import preprocess

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
    predictions
        What ``predict`` makes of the tensors, most probable first.
    """

    place: int
    name: str
    tensors: dict[str, Array]
    error: ImageError | None = None
    notes: tuple[str, ...] = ()
    predictions: tuple[Prediction, ...] = ()


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
        self.at = tuple(dict.fromkeys(asked))
        self._input = names.INPUT in self.at
        self._steps = network._check_names([name for name in self.at if name != names.INPUT])
        self._size = (network.plan.height, network.plan.width)
        self._turn = Lock()  # of the network, where one picture keeps all threads busy

    def run(self, source: Source, *, recursive: bool = False) -> Iterator[Answer]:
        """Answer for each picture of a source, in its order.

        Pictures are read ahead, a few for each of the network's threads, and no more are held than those. An iterator
        that is not run to its end leaves nothing behind: ``close`` ends its threads, and so does forgetting it.

        Parameters
        ----------
        source
            One picture (a path, the bytes of a file, a PIL image, an array u8[H, W, 3], an open file), a folder, a
            pattern such as ``photos/*.jpg``, an array u8[N, H, W, 3], or a list or an iterator of these, in which a
            pattern is a name.
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
        return self.answers(items(source, recursive=recursive))

    def answers(
        self, found: Iterable[Item], *, ahead: bool = True, at_hand: Callable[[], bool] = lambda: True
    ) -> Iterator[Answer]:
        """Answer for each of some items, as ``run`` for those of a source.

        Unless pictures are read ``ahead``, it is the caller's thread that answers, and several may call it at once.
        ``at_hand`` tells whether the next item need not be waited for; else all answers come out first.
        """
        network, numbered = self.network, enumerate(found)
        alone = not self._steps or network._engine.shares_out(self._size, self._steps)
        answer = partial(self._answer, alone=alone)
        if network.threads == 1 or not ahead:
            return (answer(place, item) for place, item in numbered)
        # Where all threads work on a picture together, only few read the next ones: they are in each other's way.
        return in_order(answer, numbered, network.threads if alone else max(2, network.threads // 2), at_hand)

    def _answer(self, place: int, item: Item, *, alone: bool) -> Answer:
        """Answer for one picture, by this thread ``alone`` while others have theirs, or by all when it is its turn."""
        if isinstance(item.image, ImageError):
            return Answer(place, item.name, {}, item.image)
        network = self.network
        try:
            reading = read_anywhere(item.image, network.recipe.loader, as_published=self.as_published)
            x = preprocess(reading.picture, network.recipe, *self._size, channels=network.weights.architecture.channels)
        except ImageError as error:
            return Answer(place, item.name, {}, error)
        tensors = {name: np.empty(network.shapes[name], network.dtype) for name in self._steps}
        if tensors:
            with nullcontext() if alone else self._turn:
                network._engine.run_one(x, tensors, alone=alone)
        return Answer(place, item.name, {names.INPUT: x, **tensors} if self._input else tensors, None, reading.differs)
