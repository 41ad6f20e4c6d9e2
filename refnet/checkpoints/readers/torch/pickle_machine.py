"""A pickle machine that executes nothing; a restricted pickle.Unpickler takes 2 GB for nine bytes (Python 3.11.7).

A pickle is a program for a small stack machine. Python's own machine imports and calls what the program says, and
makes a memo as large as it says; this one knows only the opcodes that plain containers, numbers and texts need, and
the names that its caller hands in. Anything else is a ``CheckpointError``. Work and memory are bounded by the length of
the program and by a limit on its opcodes, also where it names one large thing again and again.
"""

from __future__ import annotations

import io
import pickle  # only for the letters of its opcodes
import pickletools  # only for what they are called
from collections.abc import Callable, Mapping
from typing import Any

from refnet.checkpoints.readers.torch import pickle_operands as operands
from refnet.checkpoints.readers.torch.foreign import Foreign, Opaque, may_be_foreign
from refnet.errors import CheckpointError

MAX_OPCODES = 1 << 17  # a state dict of B7 takes about 45,000
MAX_NAME = 1 << 10  # letters of a module and a name
MAX_KEY = 16  # items of a tuple that is a key of a dictionary: each use computes its hash again
# Anybody can make numbers and tuples of one hash, and a dictionary compares each with all others.
MAX_WHOLE = 1 << 60  # of a key; smaller ones differ in their hashes
MAX_TUPLES = 1 << 10  # keys in a pickle that are tuples
PROTOCOLS = range(2, 6)  # PyTorch writes 2 unless told otherwise; 0 and 1 are Python 2's

INSTEAD = 'where PyTorch is, save the tensors alone: torch.save(model.state_dict(), "weights.pth")'

Function = Callable[[Any], Any]

_CALLED = {opcode.code: opcode.name for opcode in pickletools.opcodes}


class Options(dict[Any, Any]):
    """A dictionary whose attributes are its content: an ``argparse.Namespace``."""


def load(
    stream: io.BytesIO,
    names: Mapping[str, object],
    persistent: Function | None = None,
    limit: int = MAX_OPCODES,
    *,
    foreign: bool = False,
) -> Any:
    """Run one pickle of protocol 2 to 5 and return what it describes.

    The stream is left at the first byte after the pickle. ``names`` are what the pickle may name, as "MODULE NAME";
    functions among them may be called, with the tuple that the pickle gives, unchecked, like the persistent ids.
    ``foreign`` names are allowed as markers, if ``may_be_foreign`` says so.

    Examples
    --------
    >>> import io, pickle
    >>> load(io.BytesIO(pickle.dumps({"a": [1, 2.5, (None, True)]}, protocol=2)), {})
    {'a': [1, 2.5, (None, True)]}
    >>> load(io.BytesIO(pickle.dumps(print, protocol=2)), {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    refnet.errors.CheckpointError: the pickle names '__builtin__ print', which no checkpoint needs; ...
    """
    machine = _Machine(names, persistent, foreign, limit)
    for _ in range(limit):
        opcode = operands.take(stream, 1)
        if opcode == pickle.STOP:
            return machine.pop()
        if opcode not in _OPCODES:
            name = _CALLED.get(opcode.decode("latin-1"), repr(opcode))
            raise CheckpointError(f"the pickle uses the opcode {name}, which no checkpoint needs")
        argument, effect = _OPCODES[opcode]
        effect(machine, argument(stream))
    raise CheckpointError(f"the pickle has more than {limit} opcodes; no checkpoint needs so many")


class _Machine:
    def __init__(self, names: Mapping[str, object], persistent: Function | None, foreign: bool, limit: int) -> None:
        self.names = names
        self.persistent = persistent
        self.foreign = foreign
        self.items = 2 * limit  # that may still be handed over, however often the same ones
        self.tuples = MAX_TUPLES
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def check_protocol(self, version: int) -> None:
        if version not in PROTOCOLS:
            raise CheckpointError(f"the pickle is of protocol {version}; PyTorch writes 2, and 3 to 5 are read too")

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
        top = self.top()
        if isinstance(top, Opaque):
            top.parts.extend(items)
        else:
            self.top(list).extend(items)

    def update(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        self.tuples -= sum(type(key) is tuple for key in keys)
        if len(keys) != len(values) or self.tuples < 0 or not all(map(_is_key, keys)):
            raise CheckpointError("the pickle is malformed: a dictionary takes pairs of a plain key and a value")
        top = self.top()
        if isinstance(top, Opaque):
            top.parts.extend(items)
        else:
            self.top(dict).update(zip(keys, values, strict=True))

    def set_attributes(self) -> None:
        attributes = self.pop()
        self.hand_over(attributes)
        top = self.top()
        if isinstance(top, Opaque):
            top.parts.append(attributes)
        elif isinstance(top, Options):
            if not (isinstance(attributes, dict) and all(type(name) is str for name in attributes)):
                raise CheckpointError("the pickle is malformed: options are not a dictionary by name")
            top.update(attributes)
        else:
            self.top(dict)  # a state dict's _metadata, for one: not the content of the container

    def store(self, index: int) -> None:
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise CheckpointError(f"the pickle is malformed: it recalls item {index}, which it never stored")
        self.push(self.memo[index])

    def memoize(self) -> None:
        self.store(len(self.memo))

    def name(self, name: str) -> None:
        if len(name) > MAX_NAME:
            raise CheckpointError(f"the pickle has a name of {len(name)} letters: {name[:80]!r}…")
        if name in self.names:
            self.push(self.names[name])
        elif self.foreign and may_be_foreign(name):
            self.push(Foreign(name))
        else:
            raise CheckpointError(f"the pickle names {name[:80]!r}, which no checkpoint needs; {INSTEAD}")

    def name_from_stack(self) -> None:
        module, name = self.pop_many(2)
        if not (type(module) is type(name) is str and len(module) + len(name) < MAX_NAME):
            raise CheckpointError("the pickle is malformed: what it names is no text, or a very long one")
        self.name(f"{module} {name}")

    def hand_over(self, *containers: object) -> None:
        """Count the items that somebody is about to look at, who may be given the same ones again and again."""
        self.items -= sum(len(each) for each in containers if isinstance(each, list | tuple | dict))
        if self.items < 0:
            raise CheckpointError("the pickle hands the same things over again and again; no checkpoint needs that")

    def call(self) -> None:
        function, arguments = self.pop_many(2)
        self.hand_over(arguments)
        self.hand_over(*(arguments if type(arguments) is tuple else ()))
        if isinstance(function, Foreign) and type(arguments) is tuple:
            self.push(Opaque(function.name, list(arguments)))
        elif callable(function) and type(arguments) is tuple:
            self.push(function(arguments))
        else:
            raise CheckpointError("the pickle calls what is not a function")

    def call_with_keywords(self) -> None:
        function, arguments, keywords = self.pop_many(3)
        self.hand_over(arguments, keywords)
        if not (isinstance(function, Foreign) and type(arguments) is tuple and type(keywords) is dict):
            raise CheckpointError("the pickle calls what is not a function")
        self.push(Opaque(function.name, [*arguments, keywords]))

    def refer(self) -> None:
        if self.persistent is None:
            raise CheckpointError("the pickle refers to outside data where there is none")
        self.push(self.persistent(self.pop()))


def _is_key(key: object) -> bool:
    """Whether a key's hash is computed in no time: a tuple in a tuple in a tuple … could take forever."""
    if type(key) is tuple:
        return len(key) <= MAX_KEY and all(type(item) is not tuple and _is_key(item) for item in key)
    if type(key) is int:
        return -MAX_WHOLE < key < MAX_WHOLE
    return key is None or type(key) in (str, float, bool, bytes, Foreign, Opaque)


# The closed list of opcodes: how to read the argument, and what to do with it. Their manual is the source of the
# module pickletools.
_OPCODES: dict[bytes, tuple[Callable[[io.BytesIO], Any], Callable[[_Machine, Any], None]]] = {
    pickle.PROTO: (operands.unsigned(1), _Machine.check_protocol),
    pickle.FRAME: (operands.unsigned(8), lambda machine, _: None),  # how far a reader may read ahead
    pickle.MARK: (operands.nothing, lambda machine, _: machine.mark()),
    pickle.NONE: (operands.nothing, lambda machine, _: machine.push(None)),
    pickle.NEWTRUE: (operands.nothing, lambda machine, _: machine.push(True)),
    pickle.NEWFALSE: (operands.nothing, lambda machine, _: machine.push(False)),
    pickle.BININT: (operands.signed_32, _Machine.push),
    pickle.BININT1: (operands.unsigned(1), _Machine.push),
    pickle.BININT2: (operands.unsigned(2), _Machine.push),
    pickle.LONG1: (operands.long, _Machine.push),
    pickle.BINFLOAT: (operands.double, _Machine.push),
    pickle.BINUNICODE: (operands.text(4), _Machine.push),
    pickle.SHORT_BINUNICODE: (operands.text(1), _Machine.push),
    pickle.BINUNICODE8: (operands.text(8), _Machine.push),
    pickle.BINSTRING: (operands.old_text(4), _Machine.push),
    pickle.SHORT_BINSTRING: (operands.old_text(1), _Machine.push),
    pickle.BINBYTES: (operands.raw(4), _Machine.push),
    pickle.SHORT_BINBYTES: (operands.raw(1), _Machine.push),
    pickle.BINBYTES8: (operands.raw(8), _Machine.push),
    pickle.BYTEARRAY8: (operands.raw(8), _Machine.push),
    pickle.EMPTY_TUPLE: (operands.nothing, lambda machine, _: machine.push(())),
    pickle.TUPLE1: (operands.nothing, lambda machine, _: machine.push(tuple(machine.pop_many(1)))),
    pickle.TUPLE2: (operands.nothing, lambda machine, _: machine.push(tuple(machine.pop_many(2)))),
    pickle.TUPLE3: (operands.nothing, lambda machine, _: machine.push(tuple(machine.pop_many(3)))),
    pickle.TUPLE: (operands.nothing, lambda machine, _: machine.push(tuple(machine.pop_to_mark()))),
    pickle.EMPTY_LIST: (operands.nothing, lambda machine, _: machine.push([])),
    pickle.APPEND: (operands.nothing, lambda machine, _: machine.extend(machine.pop_many(1))),
    pickle.APPENDS: (operands.nothing, lambda machine, _: machine.extend(machine.pop_to_mark())),
    # Sets are lists here: what they hold may have no hash.
    pickle.EMPTY_SET: (operands.nothing, lambda machine, _: machine.push([])),
    pickle.ADDITEMS: (operands.nothing, lambda machine, _: machine.extend(machine.pop_to_mark())),
    pickle.FROZENSET: (operands.nothing, lambda machine, _: machine.push(machine.pop_to_mark())),
    pickle.EMPTY_DICT: (operands.nothing, lambda machine, _: machine.push({})),
    pickle.SETITEM: (operands.nothing, lambda machine, _: machine.update(machine.pop_many(2))),
    pickle.SETITEMS: (operands.nothing, lambda machine, _: machine.update(machine.pop_to_mark())),
    pickle.MEMOIZE: (operands.nothing, lambda machine, _: machine.memoize()),
    pickle.BINPUT: (operands.unsigned(1), _Machine.store),
    pickle.LONG_BINPUT: (operands.unsigned(4), _Machine.store),
    pickle.BINGET: (operands.unsigned(1), _Machine.recall),
    pickle.LONG_BINGET: (operands.unsigned(4), _Machine.recall),
    pickle.GLOBAL: (operands.module_and_name, _Machine.name),
    pickle.STACK_GLOBAL: (operands.nothing, lambda machine, _: machine.name_from_stack()),
    pickle.REDUCE: (operands.nothing, lambda machine, _: machine.call()),
    pickle.NEWOBJ: (operands.nothing, lambda machine, _: machine.call()),
    pickle.NEWOBJ_EX: (operands.nothing, lambda machine, _: machine.call_with_keywords()),
    pickle.BINPERSID: (operands.nothing, lambda machine, _: machine.refer()),
    pickle.BUILD: (operands.nothing, lambda machine, _: machine.set_attributes()),
}
