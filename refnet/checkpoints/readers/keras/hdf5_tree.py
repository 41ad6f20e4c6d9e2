"""The groups, texts and tensors of an HDF5 file that refnet did not write, each opened only when it is asked for.

Nothing leads out of the file: links are hard, tensors are plain bytes inside it. Sizes and numbers are judged before
memory is taken.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from itertools import count, takewhile
from typing import TypeVar

import h5py
from h5py import h5d, h5g, h5l, h5o, h5t

from refnet.arrays import Array
from refnet.checkpoints.readers.keras.hdf5_attributes import Attributes
from refnet.errors import CheckpointError
from refnet.files import hdf5
from refnet.files.hdf5 import RefusedError

MAX_OBJECTS = 1 << 14  # B7 has about 3,000 groups and tensors
MAX_TEXT = 1 << 10  # bytes of a name
MAX_RANK = 8

_DTYPES = (h5t.IEEE_F16LE, h5t.IEEE_F32LE, h5t.IEEE_F64LE, h5t.STD_I32LE, h5t.STD_I64LE)

Read = TypeVar("Read")


def parse(data: bytes, read: Callable[[Tree], Read]) -> Read:
    """Open the bytes of a file and read from it."""
    if not data.startswith(hdf5.SIGNATURE):
        raise CheckpointError("not an HDF5 file, or cut short: it does not begin like one")
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return read(Tree(file, data))
    except RefusedError as error:
        raise CheckpointError(str(error)) from None
    except hdf5.DAMAGE as error:
        raise CheckpointError(f"cannot be read as HDF5, cut short or damaged: {error!s:.300}") from None


class Tree:
    """An open file; ``parse`` makes one.

    Attributes
    ----------
    root
        The group that all others are in.
    """

    def __init__(self, file: h5py.File, data: bytes) -> None:
        if file.id.get_create_plist().get_sizes() != (8, 8):
            raise RefusedError("an HDF5 file with places and lengths of other than 8 bytes, which Keras does not write")
        self.root = hdf5.open_group(file.id, "")
        self._regions = hdf5.Regions(len(data))
        self._attributes = Attributes(data)
        self._opened = 0

    def links(self, group: h5g.GroupID) -> list[str]:
        """Names of all links of a group."""
        found = hdf5.links(group)
        if len(found) == hdf5.MAX_LINKS:
            raise RefusedError(f"a group of {hdf5.MAX_LINKS} links or more; no network needs so many")
        return [name for name, _ in found]

    def has(self, group: h5g.GroupID, name: str) -> bool:
        """Whether a group has a link of this name."""
        return bool(group.links.exists(name.encode()))

    def has_attribute(self, *names: str) -> bool:
        """Whether the root has an attribute of one of these names."""
        return not self._attributes.of(h5o.get_info(self.root).addr).keys().isdisjoint(names)

    def group(self, parent: h5g.GroupID, path: str) -> h5g.GroupID:
        """Open a group by its path from another one."""
        for name in path.split("/"):
            self._follow(parent, name, path)
            parent = hdf5.open_group(parent, name)
        return parent

    def dataset(self, parent: h5g.GroupID, path: str, label: str) -> h5d.DatasetID:
        """Open a tensor by its path from a group, and note where it lies; ``read`` gets its elements.

        Errors call it by its label.
        """
        above, _, name = path.rpartition("/")
        parent = self.group(parent, above) if above else parent
        self._follow(parent, name, path)
        dataset = hdf5.open_dataset(parent, name)
        stored = dataset.get_type()
        if dataset.rank > MAX_RANK or not any(stored.equal(dtype) for dtype in _DTYPES):
            raise RefusedError(f"{label} is {hdf5.described(dataset)}, not little-endian float16, 32, 64 or int32, 64")
        self._regions.add(label, dataset, math.prod(dataset.shape or ()) * stored.get_size())
        return dataset

    def read(self, datasets: dict[str, h5d.DatasetID]) -> dict[str, Array]:
        """Read tensors that were opened here, once all of them are: no two may share their bytes."""
        self._regions.check()
        return {name: hdf5.read_array(dataset) for name, dataset in datasets.items()}

    def texts(self, group: h5g.GroupID, name: str) -> list[str] | None:
        """Read a list of names that a group has as an attribute; None if it has no such attribute.

        Keras splits one that is too long for an attribute into ``name0``, ``name1``, ….
        """
        attributes = self._attributes.of(h5o.get_info(group).addr)
        numbered = takewhile(attributes.__contains__, (f"{name}{i}" for i in count()))
        parts = [name] if name in attributes else list(numbered)
        found = [text for part in parts for text in self._attributes.texts(attributes[part], MAX_TEXT)]
        return found if parts else None

    def text(self, group: h5g.GroupID, name: str, limit: int = MAX_TEXT) -> str:
        """Read one text that a group has as an attribute; empty if it has no such attribute."""
        attributes = self._attributes.of(h5o.get_info(group).addr)
        if name not in attributes:
            return ""
        found = self._attributes.texts(attributes[name], limit, most=1)
        if not found:
            raise RefusedError(f"attribute {name} has no text")
        return found[0]

    def _follow(self, parent: h5g.GroupID, name: str, path: str) -> None:
        self._opened += 1
        if self._opened > MAX_OBJECTS:
            raise RefusedError(f"more than {MAX_OBJECTS} groups and tensors; no network needs so many")
        if name in ("", ".") or not self.has(parent, name):
            raise RefusedError(f"{path[:200]!r} is missing")
        if parent.links.get_info(name.encode()).type != h5l.TYPE_HARD:
            raise RefusedError(f"{path[:200]!r} is not a hard link")
