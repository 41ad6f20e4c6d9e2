"""HDF5 taken strictly, for files from anywhere: hard links, plain bytes inside the file itself, bounded sizes.

What a file says is compared with limits and with the size of the file before memory is taken for it.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5d, h5g, h5o, h5s, h5t

from refnet import memory

SIGNATURE = b"\x89HDF\r\n\x1a\n"

# More than the largest network has.
MAX_LINKS = 1 << 13  # in one group
MAX_NAME = 256  # bytes

# What the HDF5 library's errors become in Python, depending on where in a damaged file it stumbles.
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)


class RefusedError(Exception):
    """Why a file is not read; each room makes its own error of it."""


def links(group: h5g.GroupID) -> list[tuple[str, int]]:
    """Name and kind of every link of a group, no more of either than a file of weights has."""
    found: list[tuple[str, int]] = []

    def note(name: bytes, link: Any) -> bool | None:
        found.append((name[:MAX_NAME].decode("utf-8", "replace"), link.type))
        return True if len(found) == MAX_LINKS else None

    group.links.iterate(note, info=True)
    return found


def open_group(start: h5g.GroupID | h5py.h5f.FileID, path: str) -> h5g.GroupID:
    """Open what must be a group; the caller has looked at the links that lead there."""
    group = h5o.open(start, path.encode() or b"/")
    if not isinstance(group, h5g.GroupID):
        raise RefusedError(f"{path} is not a group")
    return group


def open_dataset(start: h5g.GroupID | h5py.h5f.FileID, path: str) -> h5d.DatasetID:
    """Open what must be a dataset; the caller has looked at the links that lead there."""
    dataset = h5o.open(start, path.encode())
    if not isinstance(dataset, h5d.DatasetID):
        raise RefusedError(f"{path} is not a dataset")
    return dataset


class Regions:
    """The parts of the file that datasets lie in: each inside it, none on another."""

    def __init__(self, file_size: int) -> None:
        self.file_size = file_size
        self.found: list[tuple[int, int, str]] = []

    def add(self, path: str, dataset: h5d.DatasetID, size: int) -> None:
        """Note where a dataset lies; it must be plain bytes inside the file, ``size`` of them."""
        plist = dataset.get_create_plist()
        if plist.get_layout() != h5d.CONTIGUOUS or plist.get_external_count() or plist.get_nfilters():
            raise RefusedError(f"{path} must be stored contiguously, unfiltered and in the file itself")
        offset = dataset.get_offset()
        if offset is None or dataset.get_storage_size() != size or offset + size > self.file_size:
            raise RefusedError(f"{path} needs {size} bytes that the file does not have")
        self.found.append((offset, offset + size, path))

    def check(self) -> None:
        """Refuse datasets that lie on each other."""
        self.found.sort()
        for (_, end, one), (start, _, other) in zip(self.found, self.found[1:], strict=False):
            if start < end:
                raise RefusedError(f"{one} and {other} share their bytes")


def read_array(dataset: h5d.DatasetID) -> npt.NDArray[Any]:
    """Read all of a dataset whose place ``Regions`` has checked."""
    if missing := memory.lack(math.prod(dataset.shape) * dataset.dtype.itemsize):
        raise RefusedError(f"a dataset needs {missing}")
    array = np.empty(dataset.shape, dtype=dataset.dtype)
    dataset.read(h5s.ALL, h5s.ALL, array)
    return array


def described(dataset: h5d.DatasetID) -> str:
    """Say in words what a dataset holds."""
    stored = dataset.get_type()
    kinds = {h5t.FLOAT: "float", h5t.INTEGER: "integer", h5t.STRING: "string"}
    kind = kinds.get(stored.get_class(), "something else")
    return f"{kind} of {stored.get_size()} bytes and shape {list(dataset.shape or ())}"
