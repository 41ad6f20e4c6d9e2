r"""Label tables as people keep them, JSON, CSV, ids and names, or a name a line -> ids and texts in the logits' order.

What a table is shows in all of its lines or in none. Where only some lines look like it, or numbers beside the names do
not count the classes from 0, it is an error that says where: a table read wrongly would give every answer another name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from refnet.errors import InputError
from refnet.weights.label_json import in_order, parse_json

Rows = tuple[tuple[str, ...] | None, tuple[str, ...]]  # ids, if there are any, and texts
Reader = Callable[[Sequence[str]], "Rows | None"]

_NUMBER = re.compile(r"\d{1,9}")
_WORDNET = re.compile(r"n\d{8}")
# Items of a list or a dictionary as Python prints them.
_QUOTED = r"""(?P<name>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
_NAME = re.compile(rf"\s*{_QUOTED}\s*(,|$)")
_NUMBER_NAME = re.compile(rf"\s*(?P<index>\d{{1,9}})\s*:\s*{_QUOTED}\s*(,|$)")
_NAME_NUMBER = re.compile(rf"\s*{_QUOTED}\s*:\s*(?P<index>\d{{1,9}})\s*(,|$)")
# A number and a name in one line, whichever comes first.
_NUMBERED = (
    re.compile(r"(?P<index>\d{1,9})(?:\s*[:.)]\s*|\s+)(?P<name>\S.*)"),
    re.compile(r"(?P<name>.*\S)\s+(?P<index>\d{1,9})"),
)
_ID_THEN_NAME = re.compile(r"(?P<id>n\d{8})\s*[ ,;]\s*(?P<name>\S.*)")
_HEADS_OF_IDS = {"wnid", "synset", "id", "code", "wordnet", "wordnet_id", "synset_id"}
_HEADS_OF_NAMES = {"name", "label", "class", "text", "category", "title", "species", "description", "words"}
_HEADS_OF_INDICES = {"", "index", "idx", "number", "n", "#", "class_index", "label_index", "target"}
HEADS = (
    _HEADS_OF_IDS
    | _HEADS_OF_NAMES
    | _HEADS_OF_INDICES
    | {f"{head}_id" for head in _HEADS_OF_NAMES}
    | {f"{head}_name" for head in _HEADS_OF_NAMES}
    | {f"{head}s" for head in _HEADS_OF_NAMES}
    | {"class_idx", "label_idx", "classid", "classname", "labelid", "labelname"}
)


def parse_table(table: str) -> Rows:
    r"""Read a table as what it is.

    Examples
    --------
    >>> parse_table('{"dog": 1, "cat": 0}')
    (None, ('cat', 'dog'))
    >>> parse_table("index,name\n0,cat\n1,dog\n")
    (None, ('cat', 'dog'))
    >>> parse_table("n02123045\ttabby\nn02123159\ttiger cat\n")
    (('n02123045', 'n02123159'), ('tabby', 'tiger cat'))
    """
    lines = [line.rstrip(" \r") for line in table.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputError("the label table is empty; want a name for each class")
    if table.lstrip()[:1] in ("{", "["):
        return _python(table) or parse_json(table)
    for reader in (_tabs, _csv, _ids_and_names, _numbered):
        rows = reader(lines)
        if rows is not None:
            return rows
    return None, tuple(lines)


def _python(table: str) -> Rows | None:
    """A list or dictionary as Python prints it, ``{0: 'tench, Tinca tinca', …}``; nothing is evaluated."""
    text = table.strip()
    body = text[1:-1].strip()
    if not body or "'" not in body or text[0] + text[-1] not in ("{}", "[]"):
        return None
    for item in (_NAME,) if text[0] == "[" else (_NUMBER_NAME, _NAME_NUMBER):
        found, at = [], 0
        while at < len(body) and (match := item.match(body, at)):
            found.append(match)
            at = match.end()
        if at >= len(body):
            names = [re.sub(r"\\(['\"\\])", r"\1", match["name"][1:-1]) for match in found]
            return None, tuple(names) if item is _NAME else in_order(
                (int(match["index"]), name) for match, name in zip(found, names, strict=True)
            )
    return None


def _tabs(lines: Sequence[str]) -> Rows | None:
    """An id, a tab and a text in every line; ids that are the places of the classes must stand in that order."""
    if not any("\t" in line for line in lines):
        return None
    rows = [line.split("\t") for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise InputError(
                f"line {number} of the label table: need an id, one tab and a text, or in all of the table no tab"
            )
    heads = _heads(rows[0])
    if heads is not None or _ends_in_numbers(rows):  # columns, as CSV has them
        return _of_columns(rows if heads is None else rows[1:], heads)
    ids, texts = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    numbers = [int(i) for i in ids] if all(map(_NUMBER.fullmatch, ids)) else []
    if _is_another_order(numbers):
        _check_counts(numbers, 1)
    return ids, texts


class _Column(NamedTuple):
    """One column of a CSV file, below its head."""

    head: str
    cells: tuple[str, ...]

    @property
    def numbers(self) -> list[int] | None:
        """Its cells as whole numbers, if all are."""
        return [int(cell) for cell in self.cells] if all(map(_NUMBER.fullmatch, self.cells)) else None

    @property
    def is_of_ids(self) -> bool:
        return self.head in _HEADS_OF_IDS or all(map(_WORDNET.fullmatch, self.cells))


def _csv(lines: Sequence[str]) -> Rows | None:
    """Columns between commas or semicolons: one of numbers, or a first line that names the columns."""
    for mark in ",;":
        rows = _split(lines, mark)
        if rows is None:
            continue
        heads = _heads(rows[0])
        has_heads = heads is not None
        body = rows[1:] if has_heads else rows
        counted = [bool(row) and bool(_NUMBER.fullmatch(row[0].strip())) and len(row) > 1 for row in body]
        if not has_heads and any(counted) and not all(counted):
            number = counted.index(not counted[0]) + 1
            raise InputError(
                f"line {number} of the label table: {_short(lines[number - 1])} is not like the first line; for "
                "CSV want a number and a name in every line, for names with commas an id, a tab and the name"
            )
        if body and (has_heads or all(counted) or _ends_in_numbers(body)):
            return _of_columns(body, heads)
    return None


def _heads(row: Sequence[str]) -> list[str] | None:
    """The names of columns, if that is what the first row has."""
    heads = [cell.strip().lower().replace(" ", "_") for cell in row]
    return heads if len(heads) > 1 and all(head in HEADS for head in heads) else None


def _split(lines: Sequence[str], mark: str) -> list[list[str]] | None:
    """The cells of each line, if the mark is in any; a line is a row, whatever its quotes say."""
    if not any(mark in line for line in lines):
        return None
    try:
        return [next(csv.reader([line], delimiter=mark, skipinitialspace=True), []) for line in lines]
    except csv.Error as error:
        raise InputError(f"the label table looks like CSV, but cannot be read: {error}") from None


def _ends_in_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each line is a name and the places of the classes, in whatever order."""
    ends = [row[-1].strip() for row in rows if len(row) == 2]
    return (
        len(ends) == len(rows) and all(map(_NUMBER.fullmatch, ends)) and {int(e) for e in ends} == set(range(len(ends)))
    )


def _has_an_id(row: Sequence[str]) -> bool:
    """Whether a WordNet id follows the number."""
    return len(row) > 1 and _WORDNET.fullmatch(row[1].strip()) is not None


def _of_columns(rows: Sequence[Sequence[str]], heads: Sequence[str] | None) -> Rows:
    first = 1 if heads is None else 2  # line of the first class
    width = len(rows[0]) if heads is None else len(heads)
    if heads is None and max(map(len, rows)) > 2 and not all(_has_an_id(row) for row in rows):
        width = 2  # a name with commas and no quotes: what follows the number is the name
        rows = [[row[0], ", ".join(cell.strip() for cell in row[1:])] for row in rows]
    for number, row in enumerate(rows, start=first):
        if len(row) != width:
            raise InputError(
                f"line {number} of the label table: {len(row)} columns; want {width}, as in the first line"
            )
    columns = [_Column("" if heads is None else heads[i], tuple(row[i].strip() for row in rows)) for i in range(width)]
    named = [column for column in columns if column.numbers is None]
    named = named or [column for column in columns if column.head in _HEADS_OF_NAMES]  # the names are numbers
    for column in columns:
        if column not in named and column.numbers is not None:
            _check_counts(column.numbers, first)
    ids = [column for column in named if column.is_of_ids] if len(named) == 2 else []
    texts = [column for column in named if column not in ids]
    if len(texts) != 1:
        raise InputError(
            f"line 1 of the label table: {len(named)} columns may be the names; want a number and a name, "
            "or lines of one id, a tab and the name"
        )
    return (ids[0].cells if ids else None), texts[0].cells


def _ids_and_names(lines: Sequence[str]) -> Rows | None:
    """A WordNet id, a blank or comma, and the name, as in Caffe's ``synset_words.txt``."""
    found = [_ID_THEN_NAME.fullmatch(line) for line in lines]
    matches = [match for match in found if match]
    if len(matches) < len(lines):
        return None
    return tuple(match["id"] for match in matches), tuple(match["name"] for match in matches)


def _numbered(lines: Sequence[str]) -> Rows | None:
    """Each line with its own number, from 0 up, before or behind the name; other numbers belong to the names."""
    for pattern in _NUMBERED:
        matches = [match for line in lines if (match := pattern.fullmatch(line))]
        if len(matches) < len(lines) or len(lines) < 2:
            continue
        numbers = [int(match["index"]) for match in matches]
        names = tuple(match["name"] for match in matches)
        if numbers == list(range(len(lines))) and len(set(names)) * 2 > len(names):  # not class 0, class 1, …
            return None, names
        if _is_another_order(numbers):
            _check_counts(numbers, 1)
    return None


def _is_another_order(numbers: list[int]) -> bool:
    """Whether they count the classes, from 0 or 1, but the lines do not stand in that order."""
    count = len(numbers)
    return sorted(numbers) != numbers and sorted(numbers) in (list(range(count)), list(range(1, count + 1)))


def _check_counts(numbers: Sequence[int], first: int) -> None:
    """Refuse numbers that do not count the lines from 0."""
    for place, number in enumerate(numbers):
        if number != place:
            raise InputError(
                f"line {place + first} of the label table: number {number}, where {place} is next; want the classes "
                "in the order of the network's outputs, counted from 0, or names without numbers"
            )


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
