"""Which file weights were read from, so that a network can be sent to another process as a path and a digest."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weights import Weights


class WeightFile(NamedTuple):
    """A weight file, and the two digests that it stated when it was read; without a path, what a file would state."""

    path: Path | None
    tensors_digest: str
    metadata_digest: str

    def state(self) -> tuple[int, ...]:
        """What changes when the file does; empty where there is none."""
        if self.path is None:
            return ()
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


# Beside the weights, not inside: what `dataclasses.replace` makes of them is in no file.
_files: WeakKeyDictionary[Weights | QuantisedWeights, WeightFile] = WeakKeyDictionary()


def remember(weights: Weights | QuantisedWeights, path: Path, tensors_digest: str, metadata_digest: str) -> None:
    """Note which file weights were read from, and what it states."""
    _files[weights] = WeightFile(path.absolute(), tensors_digest, metadata_digest)


def file_of(weights: Weights | QuantisedWeights) -> WeightFile | None:
    """Tell which file weights were read from; None for all that were made in memory.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from refnet.weights import paths, reader
    >>> weights = reader.read(paths.find("lite0"))
    >>> file_of(weights).path.name, file_of(replace(weights, bn_eps=0.1))
    ('lite0.h5', None)
    """
    return _files.get(weights)


def moved(weights: Weights | QuantisedWeights, path: Path | None) -> None:
    """Note that the file was moved to another place, or removed."""
    file = _files.pop(weights, None)
    if file is not None and path is not None:
        remember(weights, path, *file[1:])
