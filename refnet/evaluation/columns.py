"""Lines of a text file as columns: which one names the picture, which one its class, which one how sure that is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from refnet.errors import InputError, input_error
from refnet.evaluation.data_set import is_picture
from refnet.files import opening

FILE_HEADS = ("file", "filename", "file_name", "path", "filepath", "file_path", "image", "imageid", "image_id", "img",
              "picture", "photo")  # fmt: skip
INDEX_HEADS = ("index", "class_index", "class_idx", "label_index", "label_idx", "class_id", "label_id", "idx")
CLASS_HEADS = ("wnid", "synset", "synset_id", "predictionstring", "label", "class_name", "label_name", "class",
               "category", "target", "truth", "prediction", "predicted", "answer", "top1", *INDEX_HEADS)  # fmt: skip
SHARE_HEADS = ("probability", "prob", "confidence")
VALUE_HEADS = (*SHARE_HEADS, "score", "value", "log_probability")
RANK_HEAD, ERROR_HEAD = "rank", "error"
OURS = "file,rank,index,wnid,label,"  # how a table of `refnet predict` begins, whose names are exact

_FILE_THEN_CLASS = re.compile(r"(?P<file>\S.*?\.\w{2,5})\s+(?P<name>\S.*)")


@dataclass(frozen=True)
class Table:
    """The columns that count; ``values``, ``ranks`` and ``errors`` are empty texts where a table has none."""

    files: list[str]
    classes: list[str]
    class_head: str
    value_head: str
    values: list[str]
    ranks: list[str]
    errors: list[str]


MAX_BYTES = 1 << 32  # of a file of answers; of a million pictures with five classes each it has 300 MB


def read_text(path: Path) -> str:
    """Read a text file, the ends of lines as they are."""
    try:
        return opening.read_text(path, MAX_BYTES)
    except OSError as error:
        raise input_error(f"{path}: cannot be read: {error.strerror or error}", path, error) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: no text in UTF-8: {error}") from None


def read_lines(path: Path) -> list[str]:
    """Read a text file's lines; empty ones at the end do not count."""
    return lines_of(read_text(path), path)


def lines_of(text: str, path: Path) -> list[str]:
    """Split a file's text."""
    lines = [line.rstrip(" ") for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputError(f"{path}: it is empty; want a picture and its class in every line")
    return lines


def ours(text: str) -> Table | None:
    """Read the table that `refnet predict` has written, in which a name may hold anything; None if it is another."""
    if not text.startswith(OURS):
        return None
    try:
        head, *rows = (row for row in csv.reader(io.StringIO(text, newline="")) if row)
    except csv.Error as error:
        raise InputError(f"no CSV: {error}") from None
    return of_columns(head, rows, exact=True)


def split(lines: Sequence[str]) -> Table | None:
    """Find the columns of a file and its class; None if lines name no picture.

    Examples
    --------
    >>> split(["ImageId,PredictionString", "ILSVRC2012_val_00048981,n03995372 85 1 499 272"]).classes
    ['n03995372 85 1 499 272']
    >>> split(["cat.jpg 281", "dog.jpg 207"]).classes
    ['281', '207']
    >>> split(["tench, Tinca tinca", "goldfish"]) is None
    True
    """
    for mark in "\t,;":
        if mark not in lines[0]:
            continue
        try:
            rows = list(csv.reader(lines, delimiter=mark, skipinitialspace=True))
        except csv.Error as error:
            raise InputError(f"no CSV: {error}") from None
        if any(_plain_head(cell) in FILE_HEADS for cell in rows[0]):
            return of_columns(rows[0], rows[1:])
        if all(any(map(is_picture, row)) for row in rows):
            return _bare(rows)
    matches = [_FILE_THEN_CLASS.fullmatch(line) for line in lines]
    if all(match and is_picture(match["file"]) for match in matches):
        return _bare([[match["file"], match["name"]] for match in matches if match])
    return None


def of_columns(names: Sequence[str], rows: Sequence[Sequence[str]], *, exact: bool = False) -> Table:
    """Find the columns that count by their names; blanks around the name of a file are its own if it is ``exact``."""
    heads = [_plain_head(name) for name in names]
    if not any(head in FILE_HEADS for head in heads):
        raise InputError(f"no column of pictures among {', '.join(heads)}; want one called {', '.join(FILE_HEADS)}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(heads):
            raise InputError(f"row {number} has {len(row)} columns; want {len(heads)}, as the first has")

    def column(head: str | None) -> list[str]:
        return [""] * len(rows) if head is None else [row[heads.index(head)].strip() for row in rows]

    named = [head for head in CLASS_HEADS if head in heads]
    if not named:
        raise InputError(f"no column of classes among {', '.join(heads)}; want one called {', '.join(CLASS_HEADS)}")
    name = next((head for head in named if any(column(head))), named[0])  # wnids are empty where there are no labels
    file, value = _head(heads, FILE_HEADS), _head(heads, VALUE_HEADS)
    rank, error = (head if head in heads else None for head in (RANK_HEAD, ERROR_HEAD))
    files = [row[heads.index(file)] for row in rows] if exact and file else column(file)
    return Table(_plain(files), column(name), name, value or "", column(value), column(rank), column(error))


def _plain_head(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _head(heads: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted names that a column has."""
    return next((head for head in wanted if head in heads), None)


def _bare(rows: Sequence[Sequence[str]]) -> Table:
    """Two columns without a head: the one of pictures, and the other; a third may be a number."""
    width = len(rows[0])
    if width not in (2, 3) or any(len(row) != width for row in rows):
        raise InputError(
            f"a row has {width} columns; want a file and its class, or a first line that names the columns"
        )
    files = next((at for at in range(width) if all(is_picture(row[at]) for row in rows)), None)
    if files is None:
        raise InputError("no column has pictures in every row; want a file and its class in each")
    name = next(at for at in range(width) if at != files)
    values = [row[2].strip() if width == 3 and files != 2 else "" for row in rows]
    none = [""] * len(rows)
    return Table(
        _plain(row[files].strip() for row in rows), [row[name].strip() for row in rows], "", "", values, none, none
    )


def _plain(paths: Iterable[str]) -> list[str]:
    """Paths with the separators of this system, without ``./`` before them."""
    return [str(PurePath(path)) for path in paths]
