"""An HDF5 file: a dataset for each tensor with its facts as attributes, and /manifest where refnet wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5l, h5t

from refnet.arrays import Array
from refnet.errors import InputError, RefnetError
from refnet.files import hdf5
from refnet.files.hdf5_disk import Disk, new_hdf5
from refnet.files.whole import check_file_target, whole_file
from refnet.golden.containers.container import MAX_MANIFEST, TensorRequest
from refnet.golden.formats.tensor_file import Heading, ReadHints, StoredWords, UnreadableError, sha256_of
from refnet.golden.manifest import MAX_ENTRIES, TensorEntry

MANIFEST = "manifest"
WEIGHTS = "weights/"  # a group of their own: the step `stem` and the weight `stem/kernel` cannot both be below the root
MAX_DEPTH = 8

_TYPES: dict[str, tuple[h5t.TypeID, ...]] = {
    "float16": (h5t.IEEE_F16LE, h5t.IEEE_F16BE),
    "float32": (h5t.IEEE_F32LE, h5t.IEEE_F32BE),
    "float64": (h5t.IEEE_F64LE, h5t.IEEE_F64BE),
    "int8": (h5t.STD_I8LE, h5t.STD_I8BE),
    "int32": (h5t.STD_I32LE, h5t.STD_I32BE),
    "uint8": (h5t.STD_U8LE, h5t.STD_U8BE),
    "uint16": (h5t.STD_U16LE, h5t.STD_U16BE),
    "uint32": (h5t.STD_U32LE, h5t.STD_U32BE),
    "uint64": (h5t.STD_U64LE, h5t.STD_U64BE),
}


def _path(name: str) -> str:
    return WEIGHTS + name if "/" in name else name


class Hdf5Writer:
    """Writes dataset by dataset."""

    def __init__(self, file: h5py.File, disk: Disk) -> None:
        self._file, self._disk = file, disk
        self._steps = 0

    def put(self, entry: TensorEntry, words: Array) -> TensorEntry:
        """Write a dataset and its attributes."""
        entry = replace(entry, sha256=sha256_of(words))
        stored = words if entry.dtype == "bfloat16" else words.view(np.dtype(entry.dtype).newbyteorder("<"))
        with self._disk.checked():
            dataset = self._file.create_dataset(_path(entry.name), data=stored, track_times=False)
            for key, value in self._facts(entry).items():
                text = isinstance(value, str)
                kind = h5py.string_dtype("utf-8", max(1, len(value.encode()))) if text else None
                dataset.attrs.create(key, value.encode() if text else value, dtype=kind)
        self._steps += 1
        return entry

    def _facts(self, entry: TensorEntry) -> dict[str, Any]:
        layout = entry.layout
        facts = {key: value for key, value in asdict(entry).items() if type(value) in (str, int, float)}
        facts |= {"stored_axes": Heading.of(entry).axes, "order": layout.order, "index": self._steps}
        facts["tile"] = ",".join(f"{axis}:{length}" for axis, length in layout.tile)
        facts |= {"shape": np.array(entry.shape), "pads": np.array(layout.pads)}
        facts |= {"part": np.array(entry.part)} if entry.part else {}
        del facts["name"], facts["format"], facts["file"]
        return facts

    def finish(self, manifest: str) -> None:
        """Add the manifest."""
        text = manifest.encode()
        with self._disk.checked():
            kind = h5py.string_dtype("utf-8", len(text))
            self._file.create_dataset(MANIFEST, data=np.array(text, dtype=kind), track_times=False)
            self._file.close()


@contextmanager
def write_hdf5(target: Path) -> Iterator[Hdf5Writer]:
    """Write a file, in place of an older one."""
    with whole_file(check_file_target(target)) as unfinished, new_hdf5(unfinished) as (file, disk):
        yield Hdf5Writer(file, disk)


class Hdf5Reader:
    """Reads datasets one by one, in groups or not, of refnet's or anybody's making."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _refusing(InputError, path):
            # Files are replaced, never changed in place, so no lock is needed; a read-only disk has none to give.
            self._file = h5py.File(path, "r", locking=False)
        try:
            with _refusing(InputError, path):
                found = self._list()
                self.manifest = self._read_manifest() if MANIFEST in found else None
        except InputError:
            self._file.close()
            raise
        self._paths = {name: name for name in found if name != MANIFEST}
        if self.manifest is not None:
            self._paths = {path.removeprefix(WEIGHTS): path for path in self._paths}
        self.names = tuple(sorted(self._paths))

    def _list(self) -> set[str]:
        """Paths of all datasets; they may be in groups, but each thing has one name."""
        found: set[str] = set()
        pending = [("", 0)]
        seen = 0
        while pending:
            group, depth = pending.pop()
            for name, kind in hdf5.links(hdf5.open_group(self._file.id, group)):
                path = f"{group}/{name}".removeprefix("/")
                seen += 1
                if kind != h5l.TYPE_HARD:
                    raise hdf5.RefusedError(f"{path:.80} is a link; want the dataset itself")
                if seen > MAX_ENTRIES or depth > MAX_DEPTH:
                    raise hdf5.RefusedError(
                        f"more than {MAX_ENTRIES} objects, or nested deeper than {MAX_DEPTH} groups"
                    )
                if self._file.get(path, getclass=True) is h5py.Group:
                    pending.append((path, depth + 1))
                else:
                    found.add(path)
        return found

    def _read_manifest(self) -> str:
        dataset = hdf5.open_dataset(self._file.id, MANIFEST)
        kind = dataset.get_type()
        if kind.get_class() != h5t.STRING or kind.is_variable_str() or dataset.shape != ():
            raise hdf5.RefusedError(f"{MANIFEST} is {hdf5.described(dataset)}, not one fixed-length string")
        if not 0 < kind.get_size() <= MAX_MANIFEST:
            raise hdf5.RefusedError(f"{MANIFEST} has more than {MAX_MANIFEST} bytes")
        hdf5.Regions(self._file.id.get_filesize()).add(MANIFEST, dataset, kind.get_size())
        text: bytes = hdf5.read_array(dataset).item()
        return text.decode()

    def read(self, wanted: TensorRequest) -> StoredWords:
        """Read a dataset."""
        asked = ReadHints(f"{self.path}: {wanted.name}", wanted.dtype, wanted.expected)
        if wanted.name not in self._paths:
            raise asked.unreadable("missing, though the manifest names it")
        with _refusing(UnreadableError, self.path):
            return self._read(hdf5.open_dataset(self._file.id, self._paths[wanted.name]), asked)

    def _read(self, dataset: h5d.DatasetID, asked: ReadHints) -> StoredWords:
        stored = dataset.get_type()
        name = next((name for name, kinds in _TYPES.items() if any(map(stored.equal, kinds))), None)
        if name is None or not dataset.shape or 0 in dataset.shape:
            raise asked.unreadable(
                f"{hdf5.described(dataset)}; want float32, float64, float16, int8, int32, uint8 or bfloat16 as uint16"
            )
        count = int(np.prod(dataset.shape, dtype=object))
        try:
            hdf5.Regions(self._file.id.get_filesize()).add("it", dataset, count * stored.get_size())
        except hdf5.RefusedError as error:
            raise asked.unreadable(
                f"{error}; save it by h5py's create_dataset(name, data=array), without chunks and compression"
            ) from None
        asked.check_count(count, stored.get_size())
        array = hdf5.read_array(dataset)
        words = array.view(f"{array.dtype.byteorder.replace('|', '=')}u{array.itemsize}")
        words = words.astype(words.dtype.newbyteorder("<"), copy=False)
        dtype = asked.known_dtype(array.itemsize, "bfloat16") if name.startswith("uint") else name
        return StoredWords(words, dtype, array.shape)

    def sha256(self, wanted: TensorRequest) -> str:
        """Hash a dataset's elements."""
        return sha256_of(self.read(wanted).words)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def _refusing(error: type[InputError], path: Path) -> Iterator[None]:
    try:
        yield
    except RefnetError:
        raise
    except hdf5.RefusedError as refused:
        raise error(f"{path}: {refused}") from None
    except hdf5.DAMAGE as damage:
        raise error(f"{path}: cannot be read as HDF5: {damage!s:.200}") from None
