"""The pictures that a network is calibrated on: found once, read anew for each pass, a few in memory at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, cast

import numpy as np

from refnet import progress
from refnet.architecture import names
from refnet.arrays import Array
from refnet.checks import pictures as check_prepared
from refnet.errors import ImageError, ImageNotFoundError, InputError
from refnet.pipeline.many import naming
from refnet.pipeline.pipeline import Pipeline
from refnet.pipeline.source import Item, Source, is_path, items
from refnet.preprocessing.image_like import is_address
from refnet.reference.digest import tensor_digest

if TYPE_CHECKING:
    from collections.abc import Generator

    from refnet.network.network import Network
    from refnet.pipeline.pipeline import Answer


class Pictures:
    """Pictures as the input of a network, again and again.

    Parameters
    ----------
    source
        A folder, a pattern, a list, whatever ``Network.predict`` takes; or an array f32[N, H, W, 3] as
        ``Network.preprocess`` makes it.
    count
        How many of them to take, evenly spaced; by default all.
    recursive
        Go into the folders of folders.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> import refnet
    >>> found = Pictures("refnet/data/*.png")
    >>> len(found), [x.shape for x in found.prepared(refnet.load("lite0"), "looking")]
    (1, [(1, 224, 224, 3)])
    """

    def __init__(self, source: Source | Array, *, count: int | None = None, recursive: bool = False) -> None:
        prepared = isinstance(source, np.ndarray) and source.dtype.kind == "f"
        found: Sequence[Item] | Array = cast("Array", source) if prepared else list(items(source, recursive=recursive))
        if len(found) == 0:
            where = os.fspath(source) if isinstance(source, str | os.PathLike) else "the source"
            raise InputError(f"{where!s}: there are no pictures; want some to calibrate on, at best 50 or more")
        if not prepared:
            _check_they_are_there(cast("Sequence[Item]", found))
        if count is not None:
            if isinstance(count, bool) or not (isinstance(count, int) and count >= 1):
                raise InputError(f"count={count!r:.80}: want a whole number of pictures, at least 1")
            count = min(count, len(found))
            places = [place * len(found) // count for place in range(count)]
            found = found[places] if isinstance(found, np.ndarray) else [found[place] for place in places]
        self._found = found
        self._digests: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._found)

    @property
    def digest(self) -> str:
        """Of all that ``prepared`` has given, whatever the order of the pictures."""
        return hashlib.sha256("".join(f"{each}\n" for each in sorted(self._digests.values())).encode()).hexdigest()

    def prepared(self, network: Network, doing: str) -> Iterator[Array]:
        """Each picture as f32[1, H, W, C], in order; one that cannot be read ends it with its error."""
        with progress.task(doing, total=len(self), unit="pictures") as update:
            for place, x in enumerate(self._each(network)):
                if place not in self._digests:
                    self._digests[place] = tensor_digest(x)
                yield x
                update(advance=1)

    def _each(self, network: Network) -> Iterator[Array]:
        if isinstance(self._found, np.ndarray):
            size = (network.plan.height, network.plan.width)
            checked = check_prepared(self._found, network.weights.architecture.channels)
            if checked.shape[1:3] != size:
                raise InputError(f"pictures of {checked.shape[1:3]}: want {size}, which this network is made for")
            for picture in checked:
                yield picture[None]
            return
        answers = Pipeline(network, names.INPUT).answers(self._found)
        with closing(cast("Generator[Answer]", answers)):
            for answer in answers:
                if answer.error is not None:
                    raise naming(answer.name, answer.error)
                yield answer.tensors[names.INPUT][None]


def _check_they_are_there(found: Sequence[Item]) -> None:
    """Refuse files that are not there before anything is run on the others."""
    for each in found:
        if isinstance(each.image, ImageError):
            raise naming(each.name, each.image)
        if is_path(each.image) and not is_address(each.image) and not os.path.exists(each.image):  # noqa: PTH110
            raise ImageNotFoundError(f"{each.name}: there is no such folder or picture", filename=each.name)
