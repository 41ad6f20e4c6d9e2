"""Files of features: tensors of many pictures as .npy, HDF5 or Parquet, with the pictures' names."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.files.whole import not_written, whole_file, whole_files
from refnet.pipeline.pipeline import Answer
from refnet.pipeline.tables import pyarrow, utf8

if TYPE_CHECKING:
    from refnet.network import Network

SUFFIXES = (".npy", ".h5", ".parquet")

#: A picture's name, and its tensors, each by its step as base64; or its ``error``.
Record: TypeAlias = "tuple[str, Mapping[str, Any]]"

_BYTES_AT_ONCE = 1 << 24  # of a table in memory
_ROWS_AT_ONCE = 1 << 12


class Kind(NamedTuple):
    """Name, shape and dtype of the tensors of a step; scale and zero point where they are codes."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    codes: Mapping[str, float | int] = {}


def kind_of(network: Network, name: str) -> Kind:
    """Say what a network gives under the name of a step, or as ``input``."""
    if name == names.INPUT:
        return Kind(name, network.plan.steps[0].in_shape, np.dtype(np.float32))
    return Kind(name, network.shapes[name], network.dtype, network._codes_of(name))


def fields(answer: Answer) -> dict[str, Any]:
    """What a record says of an answer: its tensors, or its error.

    Examples
    --------
    >>> fields(Answer(0, "cat.png", {"pool": np.ones(1, np.float32)}))
    {'pool': 'AACAPw=='}
    """
    if answer.error is not None:
        return {"error": str(answer.error)}
    return {name: b64encode(_stored(tensor).tobytes()).decode() for name, tensor in answer.tensors.items()}


def write(path: Path, records: Iterable[Record], kinds: Sequence[Kind], *, about: Mapping[str, Any]) -> None:
    """Write features whole, in the format of the file's ending.

    ``.npy``: an array [N, …] of the one step; beside it, ``NAME.names.txt`` names the picture of each row in a line.
    ``.h5``: a dataset [N, …] for each step, and ``names``; where a step is of codes, its dataset has the attributes
    ``scale`` and ``zero_point``, in ``.parquet`` its column. Both leave out pictures that could not be read.
    ``.parquet``: a row for each picture, with ``file``, a list for each step, and ``error``.
    """
    with not_written(path):
        if path.suffix.lower() == ".npy":
            with whole_files(path, names_beside(path)) as (array, beside):
                _write_npy(array, beside, records, kinds[0])
        else:
            to_format = write_parquet if path.suffix.lower() == ".parquet" else _write_hdf5
            with whole_file(path) as unfinished:
                to_format(unfinished, records, kinds, about)


def names_beside(path: Path) -> Path:
    """Where the names of an ``.npy`` file's rows are.

    Examples
    --------
    >>> names_beside(Path("photos.npy")).name
    'photos.names.txt'
    """
    return path.with_suffix(".names.txt")


def _stored(tensor: Array) -> Array:
    """Little-endian, one value after the other."""
    return np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))


def _good(records: Iterable[Record], kinds: Sequence[Kind]) -> Iterator[tuple[str, list[Array]]]:
    for name, said in records:
        if "error" not in said:
            yield name, [_tensor(said, kind) for kind in kinds]


def _tensor(said: Mapping[str, Any], kind: Kind) -> Array:
    return np.frombuffer(b64decode(said[kind.name]), kind.dtype.newbyteorder("<")).reshape(kind.shape)


def _at_once(kinds: Sequence[Kind]) -> int:
    """How many pictures are in memory while a file is written."""
    size = sum(math.prod(kind.shape) * kind.dtype.itemsize for kind in kinds)
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(1, size)))


def _write_npy(path: Path, beside: Path, records: Iterable[Record], kind: Kind) -> None:
    count = 0
    with path.open("wb") as file, beside.open("w", encoding="utf-8", newline="") as lines:
        _npy_header(file, 0, kind)
        for name, (tensor,) in _good(records, [kind]):
            file.write(tensor.tobytes())
            lines.write("\\n".join(utf8(name).splitlines()) + "\n")
            count += 1
        file.seek(0)
        _npy_header(file, count, kind)


def _npy_header(file: Any, count: int, kind: Kind) -> None:
    """Write the header for so many rows; it has room for any number of them, so that it can be written again."""
    described = {
        "descr": np.lib.format.dtype_to_descr(kind.dtype.newbyteorder("<")),
        "fortran_order": False,
        "shape": (count, *kind.shape),
    }
    np.lib.format.write_array_header_1_0(file, described)


def _write_hdf5(path: Path, records: Iterable[Record], kinds: Sequence[Kind], about: Mapping[str, Any]) -> None:
    import h5py

    from refnet.files.hdf5_disk import new_hdf5

    good = _good(records, kinds)
    step = _at_once(kinds)
    with new_hdf5(path) as (file, disk):
        with disk.checked():
            for key, value in about.items():
                file.attrs[key] = value if isinstance(value, str | int) else str(value)
            options = {"track_times": False, "chunks": True}
            files = file.create_dataset("names", (0,), h5py.string_dtype(), maxshape=(None,), **options)
            stored = [
                file.create_dataset(kind.name, (0, *kind.shape), kind.dtype, maxshape=(None, *kind.shape), **options)
                for kind in kinds
            ]
            for dataset, kind in zip(stored, kinds, strict=True):
                dataset.attrs.update(kind.codes)
        while batch := list(islice(good, step)):
            start, end = len(files), len(files) + len(batch)
            with disk.checked():
                files.resize((end,))
                files[start:end] = [utf8(name) for name, _ in batch]
                for dataset, tensors in zip(stored, zip(*(tensors for _, tensors in batch), strict=True), strict=True):
                    dataset.resize(end, axis=0)
                    dataset[start:end] = np.stack(tensors)
        with disk.checked():
            file.close()


def _texts(about: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in about.items()}


def write_parquet(
    place: Path | IO[bytes], records: Iterable[Record], kinds: Sequence[Kind], about: Mapping[str, Any]
) -> None:
    """Write features as Parquet, to a file or into one that is open."""
    arrow = pyarrow()
    lists = [arrow.list_(arrow.from_numpy_dtype(kind.dtype), math.prod(kind.shape)) for kind in kinds]
    columns = [
        arrow.field(kind.name, of, metadata={"shape": ",".join(map(str, kind.shape)), **_texts(kind.codes)})
        for kind, of in zip(kinds, lists, strict=True)
    ]
    schema = arrow.schema(
        [arrow.field("file", arrow.string()), *columns, arrow.field("error", arrow.string())],
        metadata=_texts(about),
    )
    records = iter(records)
    with arrow.parquet.ParquetWriter(place, schema, write_page_checksum=True) as writer:
        while batch := list(islice(records, _at_once(kinds))):
            arrays = [arrow.array([utf8(name) for name, _ in batch], arrow.string())]
            for kind, of in zip(kinds, lists, strict=True):
                # A picture without tensors has a null where the others have their list.
                tensors = [None if "error" in said else _tensor(said, kind).reshape(-1) for _, said in batch]
                arrays.append(arrow.array(tensors, of))
            arrays.append(arrow.array([said.get("error") and utf8(said["error"]) for _, said in batch], arrow.string()))
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
