"""A pickle machine that executes nothing; a restricted pickle.Unpickler takes 2 GB for nine bytes (Python 3.11.7).

A pickle is a program for a small stack machine. Python's own machine imports and calls what the program says, and
makes a memo as large as it says; this one knows only the opcodes that plain containers, numbers and texts need, and
the names that its caller hands in. Anything else is a ``CheckpointError``. Work and memory are bounded by the length of
the program and by a limit on its opcodes.
"""

from __future__ import annotations

import io
import pickle  # only for the letters of its opcodes
import pickletools  # only for what they are called
import struct
from collections.abc import Callable, Mapping
from typing import Any

from refnet.errors import CheckpointError

MAX_OPCODES = 1 << 17  # a state dict of B7 takes about 45,000

INSTEAD = 'where PyTorch is, save the tensors alone: torch.save(model.state_dict(), "weights.pth")'

Function = Callable[[Any], Any]

_CALLED = {opcode.code: opcode.name for opcode in pickletools.opcodes}


def load(
    stream: io.BytesIO, names: Mapping[str, object], persistent: Function | None = None, limit: int = MAX_OPCODES
) -> Any:
    """Run one pickle of protocol 2 and return what it describes.

    The stream is left at the first byte after the pickle. ``names`` are what the pickle may name, as "MODULE NAME";
    functions among them may be called, with the tuple that the pickle gives, unchecked, like the persistent ids.

    Examples
    --------
    >>> import io, pickle
    >>> load(io.BytesIO(pickle.dumps({"a": [1, 2.5, (None, True)]}, protocol=2)), {})
    {'a': [1, 2.5, (None, True)]}
    >>> load(io.BytesIO(pickle.dumps(print, protocol=2)), {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    refnet.errors.CheckpointError: the pickle names '__builtin__ print', which no checkpoint needs; ...
    """
    machine = _Machine(names, persistent)
    for _ in range(limit):
        opcode = _take(stream, 1)
        if opcode == pickle.STOP:
            return machine.pop()
        if opcode not in _OPCODES:
            name = _CALLED.get(opcode.decode("latin-1"), repr(opcode))
            raise CheckpointError(f"the pickle uses the opcode {name}, which no checkpoint needs")
        argument, effect = _OPCODES[opcode]
        effect(machine, argument(stream))
    raise CheckpointError(f"the pickle has more than {limit} opcodes; no checkpoint needs so many")


class _Machine:
    def __init__(self, names: Mapping[str, object], persistent: Function | None) -> None:
        self.names = names
        self.persistent = persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def check_protocol(self, version: int) -> None:
        if version != 2:
            raise CheckpointError(f"the pickle is of protocol {version}, where PyTorch writes 2")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.pop_many(1)[0]

    def pop_many(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise CheckpointError("the pickle is malformed: it takes from an empty stack")
        popped = self.stack[start:]
        del self.stack[start:]
        return popped

    def mark(self) -> None:
        self.marks.append(len(self.stack))

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise CheckpointError("the pickle is malformed: it goes back to a mark that it never set")
        popped = self.pop_many(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return popped

    def top(self, kind: type = object) -> Any:
        if not (self.stack and isinstance(self.stack[-1], kind)):
            raise CheckpointError(f"the pickle is malformed: no {kind.__name__} where one is needed")
        return self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def update(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        # Texts and numbers only: a nested tuple as a key could take forever to hash.
        if len(keys) != len(values) or not all(type(key) in (str, int) for key in keys):
            raise CheckpointError("the pickle is malformed: a dictionary takes pairs of a text or number and a value")
        self.top(dict).update(zip(keys, values, strict=True))

    def skip_attributes(self) -> None:
        self.pop()  # a state dict's _metadata, for one: not the content of the container
        self.top(dict)

    def store(self, index: int) -> None:
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise CheckpointError(f"the pickle is malformed: it recalls item {index}, which it never stored")
        self.push(self.memo[index])

    def name(self, name: str) -> None:
        if name not in self.names:
            raise CheckpointError(f"the pickle names {name[:80]!r}, which no checkpoint needs; {INSTEAD}")
        self.push(self.names[name])

    def call(self) -> None:
        function, arguments = self.pop_many(2)
        if not (callable(function) and type(arguments) is tuple):
            raise CheckpointError("the pickle calls what is not a function")
        self.push(function(arguments))

    def refer(self) -> None:
        if self.persistent is None:
            raise CheckpointError("the pickle refers to outside data where there is none")
        self.push(self.persistent(self.pop()))


def _take(stream: io.BytesIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise CheckpointError("the pickle is malformed: it is cut short")
    return data


def _nothing(stream: io.BytesIO) -> None:
    return None


def _unsigned(width: int) -> Callable[[io.BytesIO], int]:
    return lambda stream: int.from_bytes(_take(stream, width), "little")


def _signed_32(stream: io.BytesIO) -> int:
    return int.from_bytes(_take(stream, 4), "little", signed=True)


def _long(stream: io.BytesIO) -> int:
    return int.from_bytes(_take(stream, _take(stream, 1)[0]), "little", signed=True)


def _float(stream: io.BytesIO) -> Any:
    return struct.unpack(">d", _take(stream, 8))[0]


def _text(stream: io.BytesIO) -> str:
    return _decode(_take(stream, _unsigned(4)(stream)))


def _module_and_name(stream: io.BytesIO) -> str:
    lines = stream.readline(), stream.readline()
    if not all(line.endswith(b"\n") for line in lines):
        raise CheckpointError("the pickle is malformed: it is cut short")
    return " ".join(_decode(line[:-1]) for line in lines)


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise CheckpointError("the pickle is malformed: a text is not UTF-8") from None


# The closed list of opcodes: how to read the argument, and what to do with it. Their manual is the source of the
# module pickletools.
_OPCODES: dict[bytes, tuple[Callable[[io.BytesIO], Any], Callable[[_Machine, Any], None]]] = {
    pickle.PROTO: (_unsigned(1), _Machine.check_protocol),
    pickle.MARK: (_nothing, lambda machine, _: machine.mark()),
    pickle.NONE: (_nothing, lambda machine, _: machine.push(None)),
    pickle.NEWTRUE: (_nothing, lambda machine, _: machine.push(True)),
    pickle.NEWFALSE: (_nothing, lambda machine, _: machine.push(False)),
    pickle.BININT: (_signed_32, _Machine.push),
    pickle.BININT1: (_unsigned(1), _Machine.push),
    pickle.BININT2: (_unsigned(2), _Machine.push),
    pickle.LONG1: (_long, _Machine.push),
    pickle.BINFLOAT: (_float, _Machine.push),
    pickle.BINUNICODE: (_text, _Machine.push),
    pickle.EMPTY_TUPLE: (_nothing, lambda machine, _: machine.push(())),
    pickle.TUPLE1: (_nothing, lambda machine, _: machine.push(tuple(machine.pop_many(1)))),
    pickle.TUPLE2: (_nothing, lambda machine, _: machine.push(tuple(machine.pop_many(2)))),
    pickle.TUPLE3: (_nothing, lambda machine, _: machine.push(tuple(machine.pop_many(3)))),
    pickle.TUPLE: (_nothing, lambda machine, _: machine.push(tuple(machine.pop_to_mark()))),
    pickle.EMPTY_LIST: (_nothing, lambda machine, _: machine.push([])),
    pickle.APPEND: (_nothing, lambda machine, _: machine.extend(machine.pop_many(1))),
    pickle.APPENDS: (_nothing, lambda machine, _: machine.extend(machine.pop_to_mark())),
    pickle.EMPTY_DICT: (_nothing, lambda machine, _: machine.push({})),
    pickle.SETITEM: (_nothing, lambda machine, _: machine.update(machine.pop_many(2))),
    pickle.SETITEMS: (_nothing, lambda machine, _: machine.update(machine.pop_to_mark())),
    pickle.BINPUT: (_unsigned(1), _Machine.store),
    pickle.LONG_BINPUT: (_unsigned(4), _Machine.store),
    pickle.BINGET: (_unsigned(1), _Machine.recall),
    pickle.LONG_BINGET: (_unsigned(4), _Machine.recall),
    pickle.GLOBAL: (_module_and_name, _Machine.name),
    pickle.REDUCE: (_nothing, lambda machine, _: machine.call()),
    pickle.NEWOBJ: (_nothing, lambda machine, _: machine.call()),
    pickle.BINPERSID: (_nothing, lambda machine, _: machine.refer()),
    pickle.BUILD: (_nothing, lambda machine, _: machine.skip_attributes()),
}
