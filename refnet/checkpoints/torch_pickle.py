"""PyTorch's ``.pth`` files of before version 1.6 to arrays, without PyTorch, executing nothing.

A legacy file is, one after the other: pickles of a magic number, of the protocol version, of facts about the
machine that wrote it, of the state dict, and of a list of storage keys; then for each key in that list its
element count (int64, little-endian) and its elements. A tensor is a view of a storage: offset and strides
count elements, and the published files do hold tensors that are not contiguous.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.checkpoints import pickle_machine
from refnet.errors import CheckpointError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
ZIP = b"PK\x03\x04"
MAX_RANK = 8
MAX_BYTES = 1 << 32

Array = npt.NDArray[Any]


def read(path: str | Path) -> dict[str, Array]:
    """Read a state dict from a file.

    Returns
    -------
    dict
        Name to array, in the file's order; shape and dtype as published, C-contiguous.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or :func:`parse` refuses it.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file")
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(f"{path} has {path.stat().st_size} bytes, more than any published checkpoint")
    try:
        return parse(path.read_bytes())
    except (OSError, CheckpointError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def parse(data: bytes) -> dict[str, Array]:
    """Read a state dict from the bytes of a file.

    Returns
    -------
    dict
        Name to array, in the file's order; shape and dtype as published, C-contiguous.

    Raises
    ------
    CheckpointError
        If it is no legacy PyTorch file, is cut short, holds anything but tensors by name, or a tensor reaches
        outside its storage.
    """
    if data.startswith(ZIP):
        raise CheckpointError("the zip format of PyTorch 1.6 and later is not read by this version")
    stream = io.BytesIO(data)
    if pickle_machine.load(stream, {}) != MAGIC:
        raise CheckpointError("not a PyTorch checkpoint: it does not begin with PyTorch's magic number")
    if pickle_machine.load(stream, {}) != PROTOCOL:
        raise CheckpointError(f"not PyTorch's protocol {PROTOCOL}, the only one there is")
    system = pickle_machine.load(stream, {})
    if not (isinstance(system, dict) and system.get("little_endian") is True):
        raise CheckpointError("the checkpoint does not say that its numbers are little-endian")
    storages = Storages()
    state = pickle_machine.load(stream, NAMES, storages.refer)
    keys = pickle_machine.load(stream, {})
    _fill(storages, keys, memoryview(data)[stream.tell() :])
    return storages.arrays(state)


def _fill(storages: Storages, keys: object, data: memoryview) -> None:
    """Give each storage its part of the bytes that follow the pickles."""
    if not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        raise CheckpointError("the list of storages is not a list of texts")
    if sorted(keys) != sorted(storages.found):
        raise CheckpointError("the list of storages is not that of the tensors, each once")
    for key in keys:
        storage = storages.found[key]
        count = int.from_bytes(data[:8], "little", signed=True)
        end = 8 + storage.count * storage.dtype.itemsize
        if count != storage.count or end > len(data):
            raise CheckpointError(
                f"storage {key[:40]!r} of {storage.count} elements: the file states {count} "
                f"and has {len(data)} of {end} bytes left; it is cut short or damaged"
            )
        storage.data, data = data[8:end], data[end:]
    if data:
        raise CheckpointError(f"{len(data)} bytes follow the last storage")


@dataclass
class Storage:
    """One block of elements; ``data`` is its bytes, once they are known."""

    dtype: np.dtype[Any]
    count: int
    data: memoryview = field(default_factory=lambda: memoryview(b""))


@dataclass(frozen=True)
class View:
    """One tensor: ``shape`` elements of a storage from ``offset`` on, ``strides`` apart."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size of the array it makes."""
        return math.prod(self.shape) * self.storage.dtype.itemsize

    @property
    def fits(self) -> bool:
        """Whether it has elements, no more than its storage, and all inside it."""
        last = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        return 0 < math.prod(self.shape) <= self.storage.count and last < self.storage.count

    def array(self) -> Array:
        """Copy the elements into a C-contiguous array of native byte order."""
        dtype = self.storage.dtype
        # The stride of an axis of length 1 has no meaning and may be any number.
        strides = [stride * dtype.itemsize * (n > 1) for n, stride in zip(self.shape, self.strides, strict=True)]
        view = np.ndarray(self.shape, dtype, self.storage.data, self.offset * dtype.itemsize, strides)
        return np.array(view, dtype.newbyteorder("="), order="C")


class Storages:
    """The storages that the tensors of one file refer to, by key."""

    def __init__(self) -> None:
        self.found: dict[str, Storage] = {}

    def refer(self, identity: object) -> Storage:
        """Look up the storage of a persistent id: its type, key, device, count, and in legacy files None."""
        match identity:
            case ("storage", np.dtype() as dtype, str(key), str(), int(count), *rest):
                storage = self.found.setdefault(key, Storage(dtype, count))
                same = (storage.dtype, storage.count) == (dtype, count)
                if same and count >= 0 and rest in ([], [None]):
                    return storage
        raise CheckpointError("a tensor refers to a storage in a way that no checkpoint needs")

    def arrays(self, state: object) -> dict[str, Array]:
        """Make the arrays of a state dict.

        Raises
        ------
        CheckpointError
            If it is anything but tensors by name, one of them is empty or reaches outside its storage, or
            together they are larger than their storages: a small file must not fill the memory.
        """
        if not (isinstance(state, dict) and all(isinstance(name, str) for name in state)):
            raise CheckpointError("the checkpoint is not a state dict: tensors by name")
        others = [name for name, value in state.items() if not isinstance(value, View)]
        if others:
            raise CheckpointError(f"the state dict holds more than tensors: {others!r:.1000}")
        outside = [name for name, view in state.items() if not view.fits]
        if outside:
            raise CheckpointError(f"tensors that are empty or reach outside their storage: {outside!r:.1000}")
        needed = sum(view.nbytes for view in state.values())
        stored = sum(len(storage.data) for storage in self.found.values())
        if needed > stored:
            raise CheckpointError(f"tensors of {needed} bytes share storages of {stored}")
        return {name: view.array() for name, view in state.items()}


def _rebuild_tensor(arguments: tuple[object, ...]) -> View:
    """Check and keep what PyTorch's function of this name gets; the last two are about training."""
    match arguments:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), _, _):
            numbers = all(type(number) is int and number >= 0 for number in (offset, *shape, *strides))
            if numbers and len(shape) == len(strides) <= MAX_RANK:
                return View(storage, offset, shape, strides)
    raise CheckpointError("a tensor is not described as PyTorch describes them")


def _ordered_dict(arguments: tuple[object, ...]) -> dict[object, object]:
    if arguments:
        raise CheckpointError("an OrderedDict that does not begin empty")
    return {}


# The closed list of names.
NAMES: dict[str, object] = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch FloatStorage": np.dtype("<f4"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
}
