"""What PyTorch's two file formats have in common: tensors as views of storages, and the names in their pickles.

A tensor is a view of a storage: offset and strides count elements, and the published files do hold tensors
that are not contiguous. The pickle describes the views; where the bytes of the storages are is the format's
own affair: ``refnet.checkpoints.readers.torch.torch_legacy`` and ``refnet.checkpoints.readers.torch.torch_zip``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers.torch import pickle_machine
from refnet.checkpoints.readers.torch.containers import Copy, Path, check_separate, text_of
from refnet.checkpoints.readers.torch.foreign import Foreign, Opaque
from refnet.checkpoints.readers.torch.pickle_machine import Options
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError

MAX_OPCODES = 1 << 19  # a checkpoint of B7 with its moving average and an optimizer takes about 150,000
MAX_RANK = 8
MAX_EMPTY = 1 << 40  # product of the other sides of a tensor without elements
MAX_SHARING = 2  # weights may be tied, or stand in a checkpoint by two names


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
        """Whether it has no more elements than its storage, and all inside it."""
        if 0 in self.shape:
            return math.prod(n or 1 for n in self.shape) <= MAX_EMPTY
        last = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        return math.prod(self.shape) <= self.storage.count and last < self.storage.count

    def array(self) -> Array:
        """Copy the elements into a C-contiguous array of native byte order."""
        dtype = self.storage.dtype
        if 0 in self.shape:
            return np.empty(self.shape, dtype.newbyteorder("="))
        # The stride of an axis of length 1 has no meaning and may be any number.
        strides = [stride * dtype.itemsize * (n > 1) for n, stride in zip(self.shape, self.strides, strict=True)]
        view = np.ndarray(self.shape, dtype, self.storage.data, self.offset * dtype.itemsize, strides)
        if dtype == np.bool_:
            return np.array(view.view(np.uint8) != 0, order="C")  # any byte but 0 is true, as in PyTorch
        return np.array(view, dtype.newbyteorder("="), order="C")


class Storages:
    """The storages that the tensors of one file refer to, by key."""

    def __init__(self) -> None:
        self.found: dict[str, Storage] = {}

    def load(self, stream: io.BytesIO) -> object:
        """Run the pickle that describes the tensors: plain data with a ``View`` for each."""
        return pickle_machine.load(stream, NAMES, self.refer, MAX_OPCODES, foreign=True)

    def refer(self, identity: object) -> Storage | Foreign:
        """Look up the storage of a persistent id: its type, key, device, count, and in legacy files None.

        Legacy files refer to the class of a module too, by its name and source.
        """
        match identity:
            case ("module", Foreign() as marker, _, _):
                return marker
            case ("storage", np.dtype() as dtype, str(key), str(), int(count), *rest):
                storage = self.found.setdefault(key, Storage(dtype, count))
                same = (storage.dtype, storage.count) == (dtype, count)
                if same and count >= 0 and rest in ([], [None]):
                    return storage
        raise CheckpointError("a tensor refers to a storage in a way that no checkpoint needs")

    def content(self, state: object) -> dict[Any, Any]:
        """Make the arrays of a checkpoint: tensors and plain data by name, in containers of any kind.

        A tensor that stands in several places is one array in all of them. What is not read is an ``Opaque``.
        """
        if isinstance(state, Opaque):
            raise CheckpointError(
                f"the file holds one object, of {state.name[:80]!r}, which is a program; {pickle_machine.INSTEAD}"
            )
        if isinstance(state, list | tuple):
            state = {str(i): value for i, value in enumerate(state)}
        if not isinstance(state, dict):
            raise CheckpointError("the checkpoint is not a dictionary of things by name")
        views: list[tuple[Path, View]] = []
        first = Copy(lambda path, view: views.append((path, view)), View)
        first.of(state)
        self._check(views)
        check_separate(first, View)
        content: dict[Any, Any] = Copy(lambda _, view: view.array(), View).of(state)
        return content

    def _check(self, views: Sequence[tuple[Path, View]]) -> None:
        outside = [text_of(path) for path, view in views if not view.fits]
        if outside:
            raise CheckpointError(f"tensors that reach outside their storage: {outside!r:.1000}")
        needed = sum(view.nbytes for _, view in views)
        stored = sum(len(storage.data) for storage in self.found.values())
        if needed > MAX_SHARING * stored:
            raise CheckpointError(f"tensors of {needed} bytes share storages of {stored}")


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


def _rebuild_parameter_with_state(arguments: tuple[object, ...]) -> View:
    """Keep the tensor of a parameter that has attributes of its own."""
    match arguments:
        case (View() as view, bool(), dict(), _):
            return view
    raise CheckpointError("a parameter is not described as PyTorch describes them")


def _rebuild_from_type(arguments: tuple[object, ...]) -> View:
    """Keep a tensor that has attributes of its own, if it is of one of PyTorch's plain classes."""
    match arguments:
        case (function, Foreign(name=name), tuple(inner), _) if function is _rebuild_tensor and name in _PLAIN:
            return _rebuild_tensor(inner)
    raise CheckpointError("a tensor is not described as PyTorch describes them")


def _empty(arguments: tuple[object, ...]) -> dict[object, object]:
    """A dictionary that is filled afterwards; attributes are not kept."""
    if arguments:
        raise CheckpointError("an OrderedDict or a Namespace that does not begin empty")
    return {}


def _default(arguments: tuple[object, ...]) -> dict[object, object]:
    """A dictionary that is filled afterwards; what it would make of a missing key is not kept."""
    return {}


def _options(arguments: tuple[object, ...]) -> Options:
    """The options of a training run, whose attributes come afterwards."""
    if arguments:
        raise CheckpointError("an OrderedDict or a Namespace that does not begin empty")
    return Options()


def _counter(arguments: tuple[object, ...]) -> dict[object, object]:
    """What is counted, and how often: the milestones of a learning rate, for one."""
    match arguments:
        case (dict() as counts,):
            return counts
    raise CheckpointError("a Counter that is not made of a dictionary")


def _items(arguments: tuple[object, ...]) -> list[object]:
    """What a set, a deque or a shape holds, as a list."""
    match arguments:
        case () | ([] | (), *_):
            return []
        case ([*items], *_):
            return items
    raise CheckpointError("a set or a shape that is not made of a list")


# What a tensor with attributes may be by its class.
_PLAIN = ("torch Tensor", "torch.nn.parameter Parameter", "torch.nn.parameter Buffer")

# The closed list of names; ``foreign`` has those of things that are not read.
NAMES: dict[str, object] = {
    "collections OrderedDict": _empty,
    "collections defaultdict": _default,
    "collections Counter": _counter,
    "collections deque": _items,
    **dict.fromkeys(("__builtin__ set", "__builtin__ frozenset", "builtins set", "builtins frozenset"), _items),
    "torch Size": _items,
    "argparse Namespace": _options,  # the options of a training run
    "types SimpleNamespace": _options,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch._utils _rebuild_parameter_with_state": _rebuild_parameter_with_state,
    "torch._tensor _rebuild_from_type_v2": _rebuild_from_type,
    "torch FloatStorage": np.dtype("<f4"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch BFloat16Storage": BFLOAT16,
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
    "torch ShortStorage": np.dtype("<i2"),
    "torch CharStorage": np.dtype("i1"),
    "torch ByteStorage": np.dtype("u1"),
    "torch BoolStorage": np.dtype("?"),
    "torch ComplexFloatStorage": np.dtype("<c8"),
    "torch ComplexDoubleStorage": np.dtype("<c16"),
}
