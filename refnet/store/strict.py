"""HDF5 taken strictly: attributes and datasets that are plainly what they should be, or an error.

Only what is asked for is opened, only through hard links, only as plain bytes inside the file itself: no link out
of the file, no virtual dataset, no external storage, no filter. Every size is compared with what is wanted and
with the size of the file before memory is taken for it.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t

from refnet.errors import WeightsError
from refnet.store.schema import MAX_ROWS, MAX_TEXT

# More than the largest architecture of the schema has.
MAX_LINKS = 1 << 13  # in one group
MAX_NAME = 256  # bytes
MAX_ATTRIBUTES = 64

MAX_LISTED = 1000  # of wrong objects in one message


def find_datasets(file: h5py.File, wanted: set[str], optional: set[str]) -> set[str]:
    """Paths of the datasets that are there: all that are wanted, some that are optional, and no others.

    Groups of other names are not entered: they could be nested without end.
    """
    known = wanted | optional
    groups = {path[:i] for path in known for i, letter in enumerate(path) if letter == "/"}
    present: set[str] = set()
    wrong: list[str] = []
    pending = [""]
    while pending and len(wrong) <= MAX_LISTED:
        group = pending.pop()
        for name, kind in _links(file, group):
            path = f"{group}/{name}".removeprefix("/")
            if kind != h5l.TYPE_HARD:
                wrong.append(f"{path!r} is not a hard link")
            elif path in groups:
                pending.append(path)
            elif path in known:
                present.add(path)
            else:
                wrong.append(f"{path!r} is unknown")
    missing = [f"{path} is missing" for path in sorted(wanted - present)]
    if wrong or missing:
        raise WeightsError(f"not what the schema says: {listed(sorted(wrong) + missing)}")
    return present


def _links(file: h5py.File, path: str) -> list[tuple[str, int]]:
    """Name and kind of every link of a group, no more of either than a weight file has."""
    group = h5o.open(file.id, path.encode() or b"/")
    if not isinstance(group, h5g.GroupID):
        raise WeightsError(f"{path} is not a group")
    found: list[tuple[str, int]] = []

    def note(name: bytes, link: Any) -> bool | None:
        found.append((name[:MAX_NAME].decode("utf-8", "replace"), link.type))
        return True if len(found) == MAX_LINKS else None

    group.links.iterate(note, info=True)
    return found


def attribute_names(file: h5py.File) -> set[str]:
    """Names of the attributes of the root."""
    count = h5a.get_num_attrs(file.id)
    if count > MAX_ATTRIBUTES:
        raise WeightsError(f"{count} attributes of the root are more than any weight file has")
    return {h5a.open(file.id, index=index).name.decode("utf-8", "replace") for index in range(count)}


def read_attribute(file: h5py.File, name: str, kind: type) -> Any:
    """Read one attribute of the root: an int, a float or a str."""
    attribute = h5a.open(file.id, name.encode())
    stored = attribute.get_type()
    scalar = attribute.get_space().get_simple_extent_type() == h5s.SCALAR
    fine, wanted = {
        int: (stored.equal(h5t.STD_I64LE), "little-endian 64-bit integer"),
        float: (stored.equal(h5t.IEEE_F64LE), "little-endian 64-bit float"),
        str: (_is_text(stored), f"NUL-padded fixed-length string of at most {MAX_TEXT} bytes"),
    }[kind]
    if not (scalar and fine):
        raise WeightsError(f"attribute {name} must be one {wanted}")
    value = np.empty((), dtype=attribute.dtype)
    attribute.read(value)
    return _decode(name, value.item()) if kind is str else value.item()


class Regions:
    """The parts of the file that datasets lie in: each inside it, none on another."""

    def __init__(self, file_size: int) -> None:
        self.file_size = file_size
        self.found: list[tuple[int, int, str]] = []

    def add(self, path: str, dataset: h5d.DatasetID, size: int) -> None:
        """Note where a dataset lies; it must be plain bytes inside the file, ``size`` of them."""
        plist = dataset.get_create_plist()
        if plist.get_layout() != h5d.CONTIGUOUS or plist.get_external_count() or plist.get_nfilters():
            raise WeightsError(f"{path} must be stored contiguously, unfiltered and in the file itself")
        offset = dataset.get_offset()
        if offset is None or dataset.get_storage_size() != size or offset + size > self.file_size:
            raise WeightsError(f"{path} needs {size} bytes that the file does not have")
        self.found.append((offset, offset + size, path))

    def check(self) -> None:
        """Refuse datasets that lie on each other."""
        self.found.sort()
        for (_, end, one), (start, _, other) in zip(self.found, self.found[1:], strict=False):
            if start < end:
                raise WeightsError(f"{one} and {other} share their bytes")


def _open(file: h5py.File, path: str) -> h5d.DatasetID:
    dataset = h5o.open(file.id, path.encode())
    if not isinstance(dataset, h5d.DatasetID):
        raise WeightsError(f"{path} is not a dataset")
    return dataset


def open_tensor(file: h5py.File, key: str, shape: tuple[int, ...], regions: Regions) -> h5d.DatasetID:
    """Open a dataset that must be float32 of this shape."""
    dataset = _open(file, key)
    if dataset.shape != shape or not dataset.get_type().equal(h5t.IEEE_F32LE):
        raise WeightsError(f"{key} is {_described(dataset)}, not little-endian float32 of shape {list(shape)}")
    regions.add(key, dataset, 4 * math.prod(shape))
    return dataset


def open_table(file: h5py.File, table: str, regions: Regions) -> h5d.DatasetID:
    """Open a dataset that must be a list of texts."""
    dataset = _open(file, table)
    stored = dataset.get_type()
    if not _is_text(stored) or dataset.rank != 1 or not 0 < dataset.shape[0] <= MAX_ROWS:
        raise WeightsError(f"{table} is {_described(dataset)}, not a list of NUL-padded fixed-length strings")
    regions.add(table, dataset, dataset.shape[0] * stored.get_size())
    return dataset


def _described(dataset: h5d.DatasetID) -> str:
    stored = dataset.get_type()
    kinds = {h5t.FLOAT: "float", h5t.INTEGER: "integer", h5t.STRING: "string"}
    kind = kinds.get(stored.get_class(), "something else")
    return f"{kind} of {stored.get_size()} bytes and shape {list(dataset.shape or ())}"


def read_array(dataset: h5d.DatasetID) -> npt.NDArray[Any]:
    """Read all of a dataset that was opened here."""
    array = np.empty(dataset.shape, dtype=dataset.dtype)
    dataset.read(h5s.ALL, h5s.ALL, array)
    return array


def read_texts(table: str, dataset: h5d.DatasetID) -> tuple[str, ...]:
    """Read all of a list of texts that was opened here."""
    return tuple(_decode(table, row) for row in read_array(dataset).tolist())


def _decode(name: str, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise WeightsError(f"{name} is not UTF-8") from None


def listed(items: list[str]) -> str:
    """Join what is wrong, up to what a person can read."""
    return "; ".join(items[:MAX_LISTED]) + ("; and more" if len(items) > MAX_LISTED else "")


def _is_text(stored: h5t.TypeID) -> bool:
    return bool(
        stored.get_class() == h5t.STRING
        and not stored.is_variable_str()
        and stored.get_strpad() == h5t.STR_NULLPAD
        and stored.get_size() <= MAX_TEXT
    )
