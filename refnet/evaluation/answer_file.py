"""Files of answers: what `refnet predict` or another engine wrote of each picture, as CSV, columns or JSON Lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import IO, Any

from refnet.errors import InputError
from refnet.evaluation.answer_rows import Found, Row, best_first, read_rank, read_value
from refnet.evaluation.answers import Answers
from refnet.evaluation.columns import (
    CLASS_HEADS,
    FILE_HEADS,
    RANK_HEAD,
    VALUE_HEADS,
    Table,
    lines_of,
    of_columns,
    ours,
    read_text,
    split,
)
from refnet.evaluation.data_set import DataSet
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.matching import By, find_truth, match_answers
from refnet.evaluation.published import published
from refnet.files import opening, strict_json
from refnet.network import Network
from refnet.pipeline.tables import pyarrow, utf8

PARQUET = ".parquet"
BATCH = 1 << 12  # rows that are unpacked at once
MAX_UNPACKED = 200  # letters for each byte of a file


@dataclass(frozen=True)
class OtherAnswers:
    """What a file says of pictures: their classes, or why there is none.

    Attributes
    ----------
    name
        Of the file.
    of
        By each picture's path as it is written there.
    """

    name: str
    of: Mapping[str, Found | str]

    def match(self, files: Sequence[str]) -> dict[int, str]:
        """Find these files' names there: by the path, or else by the file's name if that is there once on both sides.

        Examples
        --------
        >>> answers = OtherAnswers("theirs.csv", {"cat.jpg": [("281", 0.5)], "dogs/a.jpg": [("207", 0.5)]})
        >>> answers.match(["photos/cat.jpg", "dogs/a.jpg", "bird.jpg"])
        {0: 'cat.jpg', 1: 'dogs/a.jpg'}
        """
        named = [str(PurePath(utf8(file))) for file in files]
        ours, theirs = _by_name(named), _by_name(self.of)
        found = {}
        for place, file in enumerate(named):
            short = PurePath(file).name
            if file in self.of:
                found[place] = file
            elif ours[short] == [file] and len(theirs.get(short, ())) == 1:
                found[place] = theirs[short][0]
        return found

    def answers(self, data: DataSet, network: Network, by: By | None = None) -> Answers:
        """Bring them into the data set's order, their classes as the network's outputs."""
        matched = self.match(data.files)
        if not matched:
            raise InputError(
                f"{self.name}: it names none of the pictures of {data.name}; the first there is "
                f"{next(iter(self.of))}, the first here {data.files[0]}"
            )
        names = sorted({name for found in self.of.values() if not isinstance(found, str) for name, _ in found})
        classes = match_answers(self.name, names, network.weights, by)
        each: list[list[tuple[int, float]] | str] = []
        for place in range(len(data)):
            found = self.of[matched[place]] if place in matched else f"{data.files[place]}: not in {self.name}"
            each.append(found if isinstance(found, str) else [(classes[name], value) for name, value in found])
        return Answers.of(each, max(1, *(len(one) for one in each if not isinstance(one, str))))


def read_answers(path: Path) -> OtherAnswers:
    r"""Read a file of answers; of a picture's several classes the best is that of the first rank or the largest value.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "theirs.csv")
    >>> _ = file.write_text("file,label,probability\ncat.jpg,tabby,0.5\ncat.jpg,lynx,0.25\n")
    >>> read_answers(file).of
    {'cat.jpg': [('tabby', 0.5), ('lynx', 0.25)]}
    """
    text = "" if path.suffix.lower() == PARQUET else read_text(path)
    lines = lines_of(text, path) if text or path.suffix.lower() != PARQUET else []
    try:
        of: dict[str, list[Row] | str] = {}
        for file, found in _rows(text, lines) if lines else _table_rows(_parquet(path)):
            before = of.setdefault(utf8(file), [])
            if isinstance(found, str) or isinstance(before, str):
                of[utf8(file)] = found
            else:
                before.extend(found)
        answers = {file: rows if isinstance(rows, str) else best_first(file, rows) for file, rows in of.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not any(found and not isinstance(found, str) for found in answers.values()):
        raise InputError(f"{path}: there is no answer in it")
    return OtherAnswers(path.name, {file: found or "no answer" for file, found in answers.items()})


def _rows(text: str, lines: Sequence[str]) -> Iterator[tuple[str, list[Row] | str]]:
    if lines[0].lstrip()[:1] in "[{":
        return _json_rows(lines)
    table = ours(text) or split(lines)
    if table is None:
        raise InputError("no line names a picture; want a file and its class in every line")
    return _table_rows(table)


def _table_rows(table: Table) -> Iterator[tuple[str, list[Row] | str]]:
    columns = (table.files, table.classes, table.values, table.ranks, table.errors)
    for file, name, value, rank, error in zip(*columns, strict=True):
        row = Row(name, read_value(value, file, table.value_head), read_rank(rank, file))
        yield file, error or ([row] if name else "no answer")


def _parquet(path: Path) -> Table:
    """Read a table that `refnet predict --parquet` or a data frame has written, or a cluster as a folder of parts."""
    names: list[str] = []
    rows: list[tuple[str, ...]] = []
    try:
        for part in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
            with opening.open_file(part) as file:
                columns = _add_part(file, os.fstat(file.fileno()).st_size, rows)
            if names and columns != names:
                raise InputError(f"{part.name} has the columns {columns}, the parts before it {names}")
            names = columns
    except InputError:
        raise
    except OSError as error:  # errors of pyarrow are OSErrors, or ValueErrors
        raise InputError(f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"no Parquet: {error}") from None
    return of_columns(names, rows, exact=True)


def _add_part(file: IO[bytes], size: int, rows: list[tuple[str, ...]]) -> list[str]:
    """Add the rows of a file of so many bytes; return the names of the columns."""
    with pyarrow().parquet.ParquetFile(file) as table:
        # A column keeps equal cells once, so that few bytes may be rows without end; names of pictures differ.
        if table.metadata.num_rows > size:
            raise InputError(f"{table.metadata.num_rows} rows in {size} bytes, which no table of pictures has")
        letters = 0
        for batch in table.iter_batches(BATCH):
            cells = [["" if cell is None else str(cell) for cell in column.to_pylist()] for column in batch.columns]
            letters += sum(len(cell) for column in cells for cell in column)
            if letters > MAX_UNPACKED * size:
                raise InputError(f"its cells are more than {MAX_UNPACKED} times its {size} bytes")
            rows.extend(zip(*cells, strict=True))
        return list(table.schema_arrow.names)


_parsed = partial(strict_json.parse, lenient=True)  # in the name of a file, half a letter is a byte


def _json_rows(lines: Sequence[str]) -> Iterator[tuple[str, list[Row] | str]]:
    """JSON Lines, or one list of objects: each a picture, its classes in ``predictions`` or beside its name."""
    try:
        whole = lines[0].lstrip().startswith("[")
        objects = _parsed("\n".join(lines)) if whole else [_parsed(line) for line in lines if line]
    except ValueError as error:
        raise InputError(f"no JSON Lines: {error}") from None
    for place, one in enumerate(objects, 1):
        file = _first(one, FILE_HEADS) if isinstance(one, dict) else None
        if not isinstance(file, str):
            raise InputError(f"object {place} names no file; want one with file and predictions")
        if one.get("error"):
            yield file, str(one["error"])
            continue
        found = one.get("predictions", [one])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise InputError(f"{file}: predictions are no list of objects")
        yield str(PurePath(file)), [_json_row(each, file) for each in found]


def _json_row(fields: Mapping[str, Any], file: str) -> Row:
    head = next((head for head in VALUE_HEADS if fields.get(head) not in (None, "")), "")
    return Row(_class(fields, file), read_value(fields.get(head), file, head), read_rank(fields.get(RANK_HEAD), file))


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def _class(fields: Mapping[str, Any], file: str) -> str:
    name = _first(fields, CLASS_HEADS)
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise InputError(f"{file}: no class; want index, wnid or label")
    return str(name)


def _by_name(files: Sequence[str] | Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in files:
        found.setdefault(PurePath(file).name, []).append(file)
    return found


def from_answers(
    network: Network,
    data: DataSet,
    other: OtherAnswers,
    *,
    by: By | None = None,
    name: str | None = None,
    ours: bool = False,
) -> Evaluation:
    """Evaluate answers that are there already, of this network or of anybody with its classes; nothing is run.

    Parameters
    ----------
    network
        Whose classes they are.
    data, by
        As for ``evaluate``.
    other
        What ``read_answers`` gives.
    name
        What is evaluated; by default the file's name.
    ours
        Whether they are this network's answers, to be held against what its publisher says.

    Raises
    ------
    InputError
        If the file names no picture of the data set, or classes that the network does not have.

    Examples
    --------
    >>> import refnet
    >>> data = DataSet("cats", ("a.jpg", "b.jpg"), ("tabby", "lynx"), ("lynx", "tabby"), "cats.csv")
    >>> theirs = OtherAnswers("theirs.csv", {"a.jpg": [("tabby", 0.75)], "b.jpg": [("tabby", 0.5)]})
    >>> from_answers(refnet.load("lite0"), data, theirs).top1
    Share(right=1, of=2)
    """
    truth = find_truth(data, network.weights, by)
    answers = other.answers(data, network)
    return Evaluation(
        name or other.name,
        network.recipe.name,
        data,
        truth,
        answers,
        network.weights.architecture.classes,
        network.weights.architecture.top.meaning,
        published(network) if ours else None,
    )
