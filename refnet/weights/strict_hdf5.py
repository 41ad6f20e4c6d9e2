"""HDF5 taken strictly: attributes and datasets that are plainly what they should be, or an error.

Only what is asked for is opened, only through hard links, only as plain bytes inside the file itself: no link out
of the file, no virtual dataset, no external storage, no filter. Every size is compared with what is wanted and
with the size of the file before memory is taken for it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5s, h5t

from refnet.errors import WeightsError
from refnet.files import hdf5
from refnet.files.hdf5 import Regions
from refnet.weights.schema import MAX_ROWS, MAX_TEXT

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
        for name, kind in hdf5.links(hdf5.open_group(file.id, group)):
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


class TensorType(NamedTuple):
    """What a dataset of numbers must be."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def open_tensor(file: h5py.File, key: str, wanted: TensorType, regions: Regions) -> h5d.DatasetID:
    """Open a dataset that must be of this shape and type."""
    dataset = hdf5.open_dataset(file.id, key)
    if dataset.shape != wanted.shape or not dataset.get_type().equal(_STORED[wanted.dtype]):
        order = "" if wanted.dtype == "int8" else "little-endian "
        raise WeightsError(
            f"{key} is {hdf5.described(dataset)}, not {order}{wanted.dtype} of shape {list(wanted.shape)}"
        )
    regions.add(key, dataset, wanted.size)
    return dataset


_STORED = {
    "float32": h5t.IEEE_F32LE,
    "float64": h5t.IEEE_F64LE,
    "int8": h5t.STD_I8LE,
    "int32": h5t.STD_I32LE,
}


def open_table(file: h5py.File, table: str, regions: Regions) -> h5d.DatasetID:
    """Open a dataset that must be a list of texts."""
    dataset = hdf5.open_dataset(file.id, table)
    stored = dataset.get_type()
    if not _is_text(stored) or dataset.rank != 1 or not 0 < dataset.shape[0] <= MAX_ROWS:
        raise WeightsError(f"{table} is {hdf5.described(dataset)}, not a list of NUL-padded fixed-length strings")
    regions.add(table, dataset, dataset.shape[0] * stored.get_size())
    return dataset


def read_texts(table: str, dataset: h5d.DatasetID) -> tuple[str, ...]:
    """Read all of a list of texts that was opened here."""
    return tuple(_decode(table, row) for row in hdf5.read_array(dataset).tolist())


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
