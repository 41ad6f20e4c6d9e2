"""Reading recordings: refnet's goldens, and what others recorded, in a directory, an HDF5 file, an .npz or one file."""

from __future__ import annotations

import math
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from refnet.arrays import Array
from refnet.errors import InputError, InputNotFoundError, RefnetError, input_error
from refnet.golden.axes import from_layout
from refnet.golden.containers.container import ContainerReader, TensorRequest
from refnet.golden.containers.directory import DirectoryReader
from refnet.golden.containers.hdf5_file import Hdf5Reader
from refnet.golden.containers.npz import NpzReader
from refnet.golden.dtypes import WORDS, decode
from refnet.golden.formats import SUFFIXES
from refnet.golden.formats.tensor_file import Heading
from refnet.golden.manifest import Manifest, TensorEntry
from refnet.golden.manifest_parser import parse_manifest


class StoredTensor(NamedTuple):
    """A tensor as it lies in a file.

    Attributes
    ----------
    array
        Numbers in stored order: f32, f64 for float64, u8 for uint8. One axis where the file's shape is not known.
    dtype
        Of the numbers in the file.
    entry
        What the manifest says of it, or None.
    is_typed
        Whether anybody says the dtype; else it is the usual one of such words.
    """

    array: Array
    dtype: str
    entry: TensorEntry | None
    is_typed: bool = True


class TensorReader:
    """Tensors by name, for a ``with`` block; one is in memory at a time.

    Attributes
    ----------
    path
        As given.
    manifest
        None where refnet did not write it.
    names
        In the manifest's order, else sorted.
    """

    def __init__(self, path: Path, container: ContainerReader, dtype: str | None) -> None:
        self.path = path
        self._container = container
        self._dtype = dtype
        self.manifest: Manifest | None = None
        self._entries: dict[str, TensorEntry] = {}
        self.names = container.names
        if container.manifest is not None:
            self.manifest = parse_manifest(container.manifest, str(path))
            self._entries = {entry.name: entry for entry in self.manifest.entries}
            if len(self._entries) < len(self.manifest.entries):
                raise InputError(f"{path}: the manifest names a tensor twice; record the golden again")
            self.names = tuple(self._entries)
        self._known = set(self.names)
        self._dotted = {name.replace("/", "."): name for name in reversed(self.names)}

    def __enter__(self) -> TensorReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._container.close()

    def find(self, name: str) -> str | None:
        """Find a tensor's own name: as given, or with dots for slashes or the reverse; None if it is not there."""
        return name if name in self._known else self._dotted.get(name.replace("/", "."))

    def entry(self, name: str) -> TensorEntry | None:
        """What the manifest says of a tensor, or None."""
        return self._entries.get(self.find(name) or "")

    def read(self, name: str, count: int | None = None) -> StoredTensor:
        """Read one tensor; with ``count`` elements to expect, the width of raw numbers is found and far more refused.

        A file that is damaged, or not what its format says, is an ``UnreadableError``: the others may be fine.
        """
        wanted = self._wanted(name, count)
        words, dtype, shape, is_typed = self._container.read(wanted)
        if wanted.entry is not None:
            stored_shape = Heading.of(wanted.entry).shape
            if words.size == math.prod(stored_shape):
                shape = stored_shape
        array = decode(words, dtype)
        return StoredTensor(array if shape is None else array.reshape(shape), dtype, wanted.entry, is_typed)

    def verify(self, name: str) -> bool:
        """Whether a tensor's bytes are those of the manifest; true where there is none."""
        wanted = self._wanted(name, None)
        return wanted.entry is None or self._container.sha256(wanted) == wanted.entry.sha256

    def _wanted(self, name: str, count: int | None) -> TensorRequest:
        found = self.find(name)
        if found is None:
            near = get_close_matches(name, self.names, 3, 0.5) or self.names[:3]
            some = f"one of its {len(self.names)}, such as {', '.join(near)}" if near else "another file: it is empty"
            raise InputError(f"{self.path} holds no {name:.80}; want {some}")
        entry = self._entries.get(found)
        dtype = self._dtype or (entry.dtype if entry else None)
        return TensorRequest(found, entry, dtype, count)


def open_reader(path: Path | str, *, dtype: str | None = None) -> TensorReader:
    """Open a reader.

    The path is a directory with a manifest or with files named like the tensors, an ``.h5`` or ``.npz`` file of
    anybody's, or one tensor's file; ``dtype`` is that of the numbers where files cannot tell.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     np.save(f"{place}/stem.npy", np.zeros((1, 8, 8, 32), np.float16))
    ...     with open_reader(place) as reader:
    ...         stored = reader.read("stem")
    >>> reader.names, stored.array.shape, stored.dtype, stored.entry
    (('stem',), (1, 8, 8, 32), 'float16', None)
    """
    path = Path(path)
    if dtype is not None and dtype not in WORDS:
        raise InputError(f"dtype {dtype!r}: want one of {', '.join(WORDS)}")
    try:
        container = _open(path)
    except RefnetError:  # some are errors of Python as well
        raise
    except OSError as error:
        raise input_error(f"{path}: cannot be read: {error.strerror or error}", path, error) from None
    try:
        return TensorReader(path, container, dtype)
    except InputError:
        container.close()
        raise


def _open(path: Path) -> ContainerReader:
    if path.is_file() and path.suffix.lower() in (".h5", ".hdf5"):
        return Hdf5Reader(path)
    if path.is_file() and path.suffix.lower() == ".npz":
        return NpzReader(path)
    if path.is_dir() or (path.is_file() and path.suffix.lower() in SUFFIXES):
        return DirectoryReader(path)
    there = path.exists()
    what = "is of a kind that is not read" if there else "does not exist"
    kind = InputError if there else InputNotFoundError
    raise kind(f"{path} {what}; want a directory, .h5, .npz, or one of {' '.join(SUFFIXES)}", filename=path)


def to_logical_axes(stored: StoredTensor) -> Array:
    """Bring a stored tensor into its logical axes, without filling and explicit zeros."""
    if stored.entry is None:
        raise InputError("no manifest says how the tensor lies in its file; state its order")
    return from_layout(stored.array.reshape(-1), stored.entry.axes, stored.entry.shape, stored.entry.layout)
