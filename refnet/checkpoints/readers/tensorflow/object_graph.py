"""Which object of a TensorFlow 2 program each tensor of its checkpoint belongs to.

The checkpoint holds a protocol buffer under a name of its own, TensorFlow's TrackableObjectGraph: objects by number,
each with its parts by name, from the first object on, which was saved. Parts may be shared and go in circles. A part
that is a variable says what it was called and under which key its value lies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from refnet.checkpoints.readers import protobuf
from refnet.errors import CheckpointError

KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
MAX_BYTES = 1 << 26
MAX_NAME = 1 << 10
MAX_DEPTH = 64

# Numbers of fields: of TrackableObject, ObjectReference and SerializedTensor.
_CHILDREN, _ATTRIBUTES, _SLOTS = 1, 2, 3
_NUMBER, _NAME = 1, 2
_ATTRIBUTE, _FULL_NAME, _CHECKPOINT_KEY = 1, 2, 3
_SLOT_VARIABLE = 3
VALUE = "VARIABLE_VALUE"

Path = tuple[str, ...]
Enter = Callable[[Path, int], bool]


@dataclass(frozen=True)
class Object:
    """One object.

    Attributes
    ----------
    parts
        Number of each part, by its name.
    key
        Of a variable: what its value is stored under; else empty.
    name
        Of a variable: what the program called it, ``stem_conv/kernel``.
    slots
        Numbers of variables that an optimiser keeps of others.
    """

    parts: Mapping[str, int]
    key: str = ""
    name: str = ""
    slots: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Place:
    """A variable, and the names of the parts that lead to it."""

    path: Path
    variable: Object


def parse(data: protobuf.Bytes) -> tuple[Object, ...]:
    """Read the objects."""
    if len(data) > MAX_BYTES:
        raise CheckpointError(f"its object graph has {len(data)} bytes, more than that of any network")
    objects = tuple(_object(protobuf.parse(each)) for each in protobuf.messages(protobuf.parse(data), 1))
    if not objects:
        raise CheckpointError("its object graph is empty")
    for each in objects:
        for number in (*each.parts.values(), *each.slots):
            if not 0 <= number < len(objects):
                raise CheckpointError(f"its object graph names object {number} of {len(objects)}; it is damaged")
    return objects


def places(objects: tuple[Object, ...], start: int, enter: Enter = lambda path, number: True) -> Iterator[Place]:
    """Every variable by the shortest way to it from one object, past parts that ``enter`` refuses."""
    seen, waiting = {start}, deque[tuple[Path, int]]([((), start)])
    while waiting:
        path, number = waiting.popleft()
        if objects[number].key:
            yield Place(path, objects[number])
        for name, part in objects[number].parts.items():
            if part not in seen and len(path) < MAX_DEPTH and enter((*path, name), part):
                seen.add(part)
                waiting.append(((*path, name), part))


def _object(message: protobuf.Message) -> Object:
    parts: dict[str, int] = {}
    for each in protobuf.messages(message, _CHILDREN):
        part = protobuf.parse(each)
        parts.setdefault(_short(part, _NAME), protobuf.integer(part, _NUMBER))
    values = [protobuf.parse(each) for each in protobuf.messages(message, _ATTRIBUTES)]
    values = [each for each in values if protobuf.text(each, _ATTRIBUTE) == VALUE]
    if len(values) > 1:
        raise CheckpointError("its object graph has a variable of several values")
    slots = (protobuf.parse(each) for each in protobuf.messages(message, _SLOTS))
    return Object(
        parts,
        _short(values[0], _CHECKPOINT_KEY) if values else "",
        _short(values[0], _FULL_NAME) if values else "",
        tuple(protobuf.integer(slot, _SLOT_VARIABLE) for slot in slots),
    )


def _short(message: protobuf.Message, number: int) -> str:
    text = protobuf.text(message, number)
    if len(text) > MAX_NAME:
        raise CheckpointError(f"its object graph has a name of {len(text)} letters, more than {MAX_NAME}")
    return text
