"""Matching: which of a port's tensors is which of the golden's, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from refnet.architecture.names import ACT, BN, part_name
from refnet.architecture.step import Shape
from refnet.comparison.findings import Finding, listed
from refnet.errors import InputError, input_error
from refnet.files import opening, strict_json

MAX_MAP = 1 << 20  # bytes
MAX_INDEX = 9  # digits

Part = tuple[tuple[int, int], ...]

_SLICED = re.compile(r"(.+)\[([0-9:, -]+)\]")


@dataclass(frozen=True)
class Partner:
    """A port's tensor for one of the golden's: its name there, and the piece of the tensor that the name speaks of."""

    name: str
    slices: str = ""


@dataclass(frozen=True)
class Matching:
    """Who goes with whom: partners by the golden's names, and what is odd."""

    partners: Mapping[str, Partner]
    findings: tuple[Finding, ...]


def match(theirs: Iterable[str], ours: Sequence[str], mapping: Mapping[str, str] | None = None) -> Matching:
    """Pair a port's names with the golden's.

    In this order: as ``mapping`` says, the same name, the same name with other separators or capitals. A name may end
    like an index, ``stem[:, 0:8, 0:8, 16:32]`` or, in a file's name, ``stem[0-1,0-8]``, and then speaks of that piece.

    Examples
    --------
    >>> found = match(["Block1a/Expand", "stem[:,0:8]", "heat"], ["stem", "block1a.expand", "head"])
    >>> found.partners["stem"]
    Partner(name='stem[:,0:8]', slices=':,0:8')
    >>> for finding in found.findings:
    ...     print(finding.text)
    Block1a/Expand taken for block1a.expand
    not in the golden, so not compared: heat (head?)
    """
    theirs, known, mapping = list(theirs), set(ours), dict(mapping or {})
    unused = sorted(set(mapping) - {name for whole in theirs for name in (whole, _split(whole, known)[0])})
    plain: dict[str, list[str]] = {}
    for name in ours:
        plain.setdefault(_plain(name), []).append(name)
    partners: dict[str, Partner] = {}
    guessed, unknown, twice = [], [], []
    for theirs_name in theirs:
        base, slices = _split(theirs_name, known)
        target = mapping.get(theirs_name, mapping.get(base, base))
        if target not in known:
            target = _alias(target, known)
        if target not in known:
            same = plain.get(_plain(target), [])
            if len(same) != 1:
                unknown.append(theirs_name + _near(target, ours))
                continue
            guessed.append(f"{theirs_name} taken for {same[0]}")
            (target,) = same
        if target in partners:
            twice.append(f"{theirs_name} and {partners[target].name} are both {target}; only the second is compared")
            continue
        partners[target] = Partner(theirs_name, slices)
    findings = [Finding("names", None, text) for text in (*_about_map(mapping, unused, set(theirs)), *twice)]
    if guessed:
        findings.append(Finding("names", None, listed(guessed, 3)))
    if unknown:
        findings.append(Finding("names", None, f"not in the golden, so not compared: {listed(unknown)}"))
    return Matching(partners, tuple(findings))


def _about_map(mapping: Mapping[str, str], unused: Sequence[str], theirs: set[str]) -> Iterator[str]:
    """Say which lines of a map say nothing, and if it seems to be the wrong way round."""
    if not unused:
        return
    turned = sum(name in theirs for name in mapping.values())
    if turned > len(mapping) - len(unused):
        yield "the map seems to be the wrong way round: want the port's name first, then refnet's"
    names = [f"{name} (for {mapping[name]})" for name in unused]
    yield f"in the map, but not in the port: {listed(names)}"


def read_map(path: Path) -> dict[str, str]:
    """Read a file of names, a JSON object or two columns, theirs and ours; raise InputError if it is neither."""
    try:
        text = opening.read_text(path, MAX_MAP)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise input_error(f"{path}: cannot read the names: {reason}", path, error) from None
    return _from_json(text, path) if text.lstrip().startswith("{") else _from_columns(text, path)


def _from_json(text: str, path: Path) -> dict[str, str]:
    try:
        names: dict[str, str] = strict_json.read(text, strict_json.table(strict_json.TEXT))
    except ValueError as error:
        raise InputError(f"{path}: no JSON object of names, the port's to refnet's: {error!s:.100}") from None
    return names


def _from_columns(text: str, path: Path) -> dict[str, str]:
    names = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words and len(words) != 2:
            raise InputError(f"{path}, line {number}: {len(words)} words; want two, the port's name and refnet's")
        if words:
            names[words[0]] = words[1]
    return names


def part_of(slices: str, shape: Shape) -> Part:
    """Read an index as people write it behind a tensor of ``shape``; raise InputError if there is no such piece.

    Examples
    --------
    >>> part_of(":, 0:8, 3, 16:", (1, 16, 16, 32))
    ((0, 1), (0, 8), (3, 4), (16, 32))
    """
    pieces = [piece.strip() for piece in slices.split(",")]
    part = []
    for piece, length in zip(pieces, shape, strict=False):
        first, colon, end = piece.partition(":")
        if not all(number == "" or (number.isdecimal() and len(number) <= MAX_INDEX) for number in (first, end)):
            raise InputError(f"[{slices}] is no piece of {list(shape)}")
        start = int(first or 0)
        part.append((start, int(end or length) if colon else start + 1))
    part += [(0, length) for length in shape[len(pieces) :]]
    if len(pieces) > len(shape) or not all(0 <= a < b <= n for (a, b), n in zip(part, shape, strict=True)):
        raise InputError(f"[{slices}] is no piece of {list(shape)}")
    return tuple(part)


def _alias(name: str, known: set[str]) -> str:
    """Find the other name of a tensor that is both a step and the last of its parts."""
    whole, _, part = name.rpartition(".")
    if part in (ACT, BN) and whole in known:
        return whole if part == ACT or part_name(whole, ACT) not in known else name
    return next((one for one in (part_name(name, ACT), part_name(name, BN)) if one in known), name)


def _split(name: str, known: set[str]) -> tuple[str, str]:
    sliced = None if name in known else _SLICED.fullmatch(name)
    return (sliced[1], sliced[2].replace("-", ":")) if sliced else (name, "")


def _plain(name: str) -> str:
    return re.sub(r"[/_\-:.]+", ".", name.casefold())


def _near(name: str, ours: Sequence[str]) -> str:
    near = get_close_matches(name, ours, n=1)
    return f" ({near[0]}?)" if near else ""
