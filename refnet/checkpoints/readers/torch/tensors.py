"""What PyTorch's two file formats have in common: tensors as views of storages, and the names in their pickles.

A tensor is a view of a storage: offset and strides count elements, and the published files do hold tensors
that are not contiguous. The pickle describes the views; where the bytes of the storages are is the format's
own affair: ``refnet.checkpoints.readers.torch.torch_legacy`` and ``refnet.checkpoints.readers.torch.torch_zip``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers.torch import pickle_machine
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError

MAX_OPCODES = 1 << 19  # a checkpoint of B7 with its moving average and an optimizer takes about 150,000
MAX_RANK = 8
MAX_DEPTH = 16
MAX_SHARING = 2  # weights may be tied, or stand in a checkpoint by two names

Path = tuple[object, ...]


@dataclass
class Storage:
    """One block of elements; ``data`` is its bytes, once they are known."""

    dtype: np.dtype[Any]
    count: int
    data: memoryview = field(default_factory=lambda: memoryview(b""))

    @property
    def nbytes(self) -> int:
        """How many bytes the file must have for it."""
        return self.count * self.dtype.itemsize


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

    def load(self, stream: io.BytesIO) -> object:
        """Run the pickle that describes the tensors: plain data with a ``View`` for each."""
        return pickle_machine.load(stream, NAMES, self.refer, MAX_OPCODES)

    def refer(self, identity: object) -> Storage:
        """Look up the storage of a persistent id: its type, key, device, count, and in legacy files None."""
        match identity:
            case ("storage", np.dtype() as dtype, str(key), str(), int(count), *rest):
                storage = self.found.setdefault(key, Storage(dtype, count))
                same = (storage.dtype, storage.count) == (dtype, count)
                if same and count >= 0 and rest in ([], [None]):
                    return storage
        raise CheckpointError("a tensor refers to a storage in a way that no checkpoint needs")

    def content(self, state: object) -> dict[str, Any]:
        """Make the arrays of a checkpoint: tensors and plain data by name, in containers of any kind.

        A tensor that stands in several places is one array in all of them.
        """
        if not (isinstance(state, dict) and all(isinstance(name, str) for name in state)):
            raise CheckpointError("the checkpoint is not a dictionary of things by name")
        views: list[tuple[Path, View]] = []
        _Copy(lambda path, view: views.append((path, view))).of(state)
        self._check(views)
        content: dict[str, Any] = _Copy(lambda _, view: view.array()).of(state)
        return content

    def _check(self, views: Sequence[tuple[Path, View]]) -> None:
        outside = [_text(path) for path, view in views if not view.fits]
        if outside:
            raise CheckpointError(f"tensors that are empty or reach outside their storage: {outside!r:.1000}")
        needed = sum(view.nbytes for _, view in views)
        stored = sum(len(storage.data) for storage in self.found.values())
        if needed > MAX_SHARING * stored:
            raise CheckpointError(f"tensors of {needed} bytes share storages of {stored}")


class _Copy:
    """A copy of nested containers with something else for each tensor; each object once, however often it is met."""

    def __init__(self, leaf: Callable[[Path, View], object]) -> None:
        self.leaf = leaf
        self.made: dict[int, Any] = {}

    def of(self, value: object, path: Path = ()) -> Any:
        if len(path) > MAX_DEPTH:
            raise CheckpointError(f"{_text(path)!r} lies deeper than {MAX_DEPTH} containers")
        if value is None or type(value) in (bool, int, float, str):
            return value
        if id(value) not in self.made:
            self.made[id(value)] = self._new(value, path)
        return self.made[id(value)]

    def _new(self, value: object, path: Path) -> object:
        match value:
            case View():
                return self.leaf(path, value)
            case dict():
                return {key: self.of(item, (*path, key)) for key, item in value.items()}
            case list():
                return [self.of(item, (*path, i)) for i, item in enumerate(value)]
            case tuple():
                return tuple([self.of(item, (*path, i)) for i, item in enumerate(value)])
        raise CheckpointError(f"{_text(path)!r} is neither a tensor nor plain data")


def _text(path: Path) -> str:
    return ".".join(str(part)[:80] for part in path)


def _rebuild_tensor(arguments: tuple[object, ...]) -> View:
    """Check and keep what PyTorch's function of this name gets; the last two are about training."""
    match arguments:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), _, _):
            numbers = all(type(number) is int and number >= 0 for number in (offset, *shape, *strides))
            if numbers and len(shape) == len(strides) <= MAX_RANK:
                return View(storage, offset, shape, strides)
    raise CheckpointError("a tensor is not described as PyTorch describes them")


def _rebuild_parameter(arguments: tuple[object, ...]) -> View:
    """Keep the tensor; whether it is trained, and what is called then, is not the content."""
    match arguments:
        case (View() as view, bool(), dict()):
            return view
    raise CheckpointError("a parameter is not described as PyTorch describes them")


def _empty(arguments: tuple[object, ...]) -> dict[object, object]:
    """A container that is filled afterwards; attributes are not kept, so that of a Namespace nothing remains."""
    if arguments:
        raise CheckpointError("an OrderedDict or a Namespace that does not begin empty")
    return {}


def _counter(arguments: tuple[object, ...]) -> dict[object, object]:
    """What is counted, and how often: the milestones of a learning rate, for one."""
    match arguments:
        case (dict() as counts,):
            return counts
    raise CheckpointError("a Counter that is not made of a dictionary")


# The closed list of names.
NAMES: dict[str, object] = {
    "collections OrderedDict": _empty,
    "collections Counter": _counter,
    "argparse Namespace": _empty,  # the options of a training run
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch FloatStorage": np.dtype("<f4"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch BFloat16Storage": BFLOAT16,
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
    "torch ByteStorage": np.dtype("u1"),
}
