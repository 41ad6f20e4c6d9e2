"""Tables of predictions: JSON Lines, CSV, Parquet, each from the same records, so that all of them say the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeAlias

from refnet.errors import RefnetError
from refnet.files.whole import not_written, whole_file
from refnet.pipeline.pipeline import Answer

SUFFIXES = (".jsonl", ".csv", ".parquet")

#: A picture's name, and its ``predictions``, each by its fields; or its ``error``.
Record: TypeAlias = "tuple[str, Mapping[str, Any]]"

_AT_ONCE = 1 << 14  # rows of a table that are in memory


def fields(answer: Answer) -> dict[str, Any]:
    """What a record says of an answer: its predictions, or its error.

    Examples
    --------
    >>> from refnet.prediction import Prediction
    >>> fields(Answer(0, "cat.png", {}, predictions=(Prediction(0, "", "cat", 0.75),)))
    {'predictions': [{'index': 0, 'wnid': '', 'label': 'cat', 'probability': 0.75}]}
    """
    if answer.error is not None:
        return {"error": str(answer.error)}
    return {"predictions": [prediction.fields() for prediction in answer.predictions]}


def columns(meaning: str) -> tuple[str, ...]:
    """Name the columns of a table, which has a row for each prediction; ``meaning`` is what the numbers are."""
    return ("file", "rank", "index", "wnid", "label", meaning, "error")


def rows(record: Record) -> Iterator[tuple[Any, ...]]:
    """Lay out a record as rows: one for each prediction, its rank from 1; or one with the error.

    Examples
    --------
    >>> list(rows(("a.png", {"predictions": [{"index": 0, "wnid": "", "label": "cat", "probability": 0.75}]})))
    [('a.png', 1, 0, '', 'cat', 0.75, None)]
    >>> list(rows(("b.png", {"error": "b.png: the file is empty"})))
    [('b.png', None, None, None, None, None, 'b.png: the file is empty')]
    """
    name, said = record
    if "error" in said:
        yield (utf8(name), *(None,) * 5, utf8(said["error"]))
    for rank, prediction in enumerate(said.get("predictions", ()), 1):
        yield (utf8(name), rank, *prediction.values(), None)


def utf8(text: str) -> str:
    r"""Spell out the bytes of a file's name that are no UTF-8.

    Examples
    --------
    >>> utf8("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def write(path: Path, records: Iterable[Record], *, meaning: str, about: Mapping[str, Any]) -> None:
    """Write a table whole, in the format of its ending; ``about`` is said in every line of JSON."""
    with not_written(path), whole_file(path) as unfinished:
        if path.suffix.lower() == ".parquet":
            write_parquet(unfinished, records, meaning)
            return
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".csv":
                table = csv_writer(file)
                table.writerow(columns(meaning))
                table.writerows(row for record in records for row in rows(record))
            else:
                file.writelines(json_line(record, about) + "\n" for record in records)


def json_line(record: Record, about: Mapping[str, Any]) -> str:
    """One picture as a line of JSON.

    Examples
    --------
    >>> json_line(("a.png", {"error": "no"}), {"model": "lite0"})
    '{"file": "a.png", "model": "lite0", "error": "no"}'
    """
    name, said = record
    return json.dumps({"file": name, **about, **said}, allow_nan=False)


class _Lines:
    """Lines of CSV that end in a line feed; csv quotes a carriage return in a cell only where lines end in one."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def csv_writer(file: IO[str]) -> Any:
    """Make what writes rows that come back as they were."""
    return csv.writer(_Lines(file), lineterminator="\r\n")


def csv_lines(table: Iterable[tuple[Any, ...]]) -> str:
    """Rows as lines of CSV, without the end of the last one.

    Examples
    --------
    >>> csv_lines([("a.png", 1, "cat, house cat", None)])
    'a.png,1,"cat, house cat",'
    """
    text = io.StringIO(newline="")
    csv_writer(text).writerows(table)
    return text.getvalue().removesuffix("\n")


def pyarrow() -> Any:
    """Import what writes Parquet, or say how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RefnetError("Parquet needs pyarrow: pip install 'refnet[table]'; or ask for .csv or .jsonl") from None
    return pyarrow


def write_parquet(
    place: Path | IO[bytes], records: Iterable[Record], meaning: str, about: Mapping[str, str] | None = None
) -> None:
    """Write a table of Parquet, to a file or into one that is open; ``about`` is said in its metadata."""
    arrow = pyarrow()
    kinds = (
        arrow.string(),
        arrow.int32(),
        arrow.int32(),
        arrow.string(),
        arrow.string(),
        arrow.float64(),
        arrow.string(),
    )
    schema = arrow.schema(list(zip(columns(meaning), kinds, strict=True)), metadata=about)
    every_row = (row for record in records for row in rows(record))
    with arrow.parquet.ParquetWriter(place, schema, write_page_checksum=True) as writer:
        while batch := list(islice(every_row, _AT_ONCE)):
            arrays = [arrow.array(column, kind) for column, kind in zip(zip(*batch, strict=True), kinds, strict=True)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
