"""JSON from anywhere: parsed within bounds, and held against a description of what it should be.

Python's parser takes more than JSON has, the last of two fields of one name, numbers of thousands of digits, half a
letter, and nests until its stack is full. Here all of that is a ``ValueError``, of which each room makes its own error.

A description is a ``Kind``. Kinds are made of kinds:

>>> size = items(whole(1, 1 << 14), 2, 2)
>>> run = fields({"model": TEXT, "size": size}, optional={"note": nullable(TEXT)})
>>> read('{"model": "b0", "size": [224, 224]}', run)
{'model': 'b0', 'size': [224, 224]}
>>> read('{"model": "b0", "size": [224, "x"]}', run)
Traceback (most recent call last):
    ...
ValueError: size[1]: "x"; want a whole number from 1 to 16384
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from refnet.errors import shortened

MAX_DEPTH = 100
MAX_DIGITS = 40  # of a whole number
_SHOWN = 60  # letters of a value in an error

Parts: TypeAlias = "Iterable[tuple[str, Any, Kind]]"


@dataclass(frozen=True)
class Kind:
    """What a value should be: in words, whether it is so by itself, and its parts with where they are."""

    wants: str
    holds: Callable[[Any], bool]
    parts: Callable[[Any], Parts] = lambda value: ()


def read(text: str | bytes, kind: Kind) -> Any:
    """Parse JSON that is of a kind; the error says where it departs from that, and what would be right.

    Examples
    --------
    >>> read('{"0": "tench"}', table(TEXT))
    {'0': 'tench'}
    """
    value = parse(text)
    check(value, kind)
    return value


def check(value: Any, kind: Kind, where: str = "") -> None:
    """Refuse a value of another kind.

    Examples
    --------
    >>> check([1, None], items(whole()), "shape")
    Traceback (most recent call last):
        ...
    ValueError: shape[1]: null; want a whole number
    """
    if not kind.holds(value):
        raise ValueError(f"{where.removeprefix('.') or 'the whole'}: {_shown(value)}; want {kind.wants}")
    for name, part, of in kind.parts(value):
        check(part, of, f"{where}{name}")


def parse(text: str | bytes, *, lenient: bool = False) -> Any:
    """Parse JSON of UTF-8 that nests no deeper than ``MAX_DEPTH``.

    ``lenient`` takes what Python's writer makes and JSON does not know: NaN, infinity, and half a letter, which stands
    for a byte in the name of a file.

    Examples
    --------
    >>> parse('{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    ValueError: 'a' comes twice
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    number: Any = {} if lenient else {"parse_constant": _refuse, "parse_float": _finite}
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_int=_whole, **number)
    except RecursionError:  # who calls this is deep in recursion already
        raise ValueError(_TOO_DEEP) from None
    if not lenient:
        _check_letters(value)
    return value


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} times"
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the parser goes into it: in a program that allows deep recursion it would crash."""
    brackets = _NO_BRACKET.sub("", _STRING.sub("", text))
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)


def _check_letters(value: Any) -> None:
    """Refuse half a letter in all that is in a value, level by level."""
    level = [value]
    while level:
        for each in level:
            if isinstance(each, str) and not each.isascii():
                each.encode()  # where there is half a letter, an error that is a ValueError
        objects = [each for each in level if isinstance(each, dict)]
        lists = (each for each in level if isinstance(each, list))
        level = [part for parts in (*(each.values() for each in objects), *objects, *lists) for part in parts]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{twice!r:.{_SHOWN}} comes twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits:.{_SHOWN}} is too large a number")
    return number


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _shown(value: Any) -> str:
    return "missing" if value is _MISSING else shortened(json.dumps(value, default=str, ensure_ascii=False), _SHOWN)


# The kinds ------------------------------------------------------------------------------------------------------------

_MISSING = object()
_UNKNOWN = Kind("no such field", lambda value: False)

ANYTHING = Kind("anything", lambda value: value is not _MISSING)
TEXT = Kind("a text", lambda value: isinstance(value, str))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
NUMBER = Kind("a number", lambda value: type(value) in (int, float))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))


def whole(least: int | None = None, most: int | None = None) -> Kind:
    """A whole number, within bounds if there are any."""
    bounds = f" from {least} to {most}" if most is not None else "" if least is None else f" of at least {least}"
    return Kind(
        f"a whole number{bounds}",
        lambda value: type(value) is int and (least is None or value >= least) and (most is None or value <= most),
    )


def one_of(*texts: str) -> Kind:
    """One of a few texts."""
    return Kind(f"one of {', '.join(texts)}", lambda value: isinstance(value, str) and value in texts)


def like(pattern: str, wants: str) -> Kind:
    """A text of a pattern, which ``wants`` puts into words."""
    return Kind(wants, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def items(kind: Kind, least: int = 0, most: int | None = None) -> Kind:
    """A list of things of one kind."""
    count = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
    wants = f"a list of {count}, each {kind.wants}" if least or most is not None else f"a list, each {kind.wants}"

    def parts(value: list[Any]) -> Iterator[tuple[str, Any, Kind]]:
        return ((f"[{place}]", each, kind) for place, each in enumerate(value))

    return Kind(
        wants,
        lambda value: isinstance(value, list) and least <= len(value) and (most is None or len(value) <= most),
        parts,
    )


def table(kind: Kind) -> Kind:
    """An object of any names, whose values are of one kind."""

    def parts(value: Mapping[str, Any]) -> Iterator[tuple[str, Any, Kind]]:
        return ((f".{name}", each, kind) for name, each in value.items())

    return Kind(f"an object, each of it {kind.wants}", lambda value: isinstance(value, dict), parts)


def fields(needed: Mapping[str, Kind], *, optional: Mapping[str, Kind] | None = None, others: bool = False) -> Kind:
    """An object of these fields, all of ``needed``; of others too where ``others`` says so.

    Examples
    --------
    >>> read('{"wide": 3}', fields({"width": whole()}))
    Traceback (most recent call last):
        ...
    ValueError: width: missing; want a whole number
    >>> read('{"width": 3, "height": 2}', fields({"width": whole()}))
    Traceback (most recent call last):
        ...
    ValueError: height: 2; want no such field
    """
    known = {**needed, **(optional or {})}

    def parts(value: Mapping[str, Any]) -> Iterator[tuple[str, Any, Kind]]:
        for name, kind in known.items():
            if name in needed or name in value:
                yield f".{name}", value.get(name, _MISSING), kind
        for name in () if others else value:
            if name not in known:
                yield f".{name}", value[name], _UNKNOWN

    return Kind(f"an object of {', '.join(known)}", lambda value: isinstance(value, dict), parts)


def nullable(kind: Kind) -> Kind:
    """Null, or of this kind."""

    def parts(value: Any) -> Parts:
        return () if value is None else kind.parts(value)

    return Kind(f"null or {kind.wants}", lambda value: value is None or kind.holds(value), parts)
