"""Tables of predictions: three formats that say the same."""

import csv
import json
import sys

import pyarrow.parquet
import pytest

from refnet.errors import ImageError, RefnetError
from refnet.pipeline import tables
from refnet.pipeline.pipeline import Answer
from refnet.prediction import Prediction

CAT = Prediction(0, "n1", "cat, house cat", 0.1 + 0.2)
DOG = Prediction(1, "n2", 'dög "Rex"', 1e-30)
ANSWERS = [
    Answer(0, "a.png", {}, predictions=(CAT, DOG)),
    Answer(1, "b.png", {}, ImageError("b.png: the file is empty")),
    Answer(2, "caf\udce9 猫\n.png", {}, predictions=(DOG,)),
]
RECORDS = [(answer.name, tables.fields(answer)) for answer in ANSWERS]
ROWS = [
    ("a.png", 1, 0, "n1", "cat, house cat", 0.1 + 0.2, None),
    ("a.png", 2, 1, "n2", 'dög "Rex"', 1e-30, None),
    ("b.png", None, None, None, None, None, "b.png: the file is empty"),
    ("caf\\udce9 猫\n.png", 1, 1, "n2", 'dög "Rex"', 1e-30, None),
]
COLUMNS = ("file", "rank", "index", "wnid", "label", "probability", "error")


def write(path, records=RECORDS):
    tables.write(path, records, meaning="probability", about={"model": "lite0"})


def test_csv(tmp_path):
    write(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        header, *found = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert found == [["" if cell is None else str(cell) for cell in row] for row in ROWS]


def test_parquet(tmp_path):
    write(tmp_path / "a.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    assert table.to_pylist() == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
    assert [str(kind) for kind in table.schema.types] == [
        "string", "int32", "int32", "string", "string", "double", "string",
    ]  # fmt: skip


def test_json_lines(tmp_path):
    write(tmp_path / "a.jsonl")
    content = (tmp_path / "a.jsonl").read_text("utf-8")
    assert content.isascii()
    found = [json.loads(line) for line in content.splitlines()]
    assert found[0] == {"file": "a.png", "model": "lite0", "predictions": [CAT.fields(), DOG.fields()]}
    assert found[1] == {"file": "b.png", "model": "lite0", "error": "b.png: the file is empty"}
    assert [line["file"] for line in found] == [answer.name for answer in ANSWERS]


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
def test_more_rows_than_are_in_memory_and_none(tmp_path, monkeypatch, suffix):
    write(tmp_path / f"at_once{suffix}", RECORDS * 7)
    monkeypatch.setattr(tables, "_AT_ONCE", 5)
    write(tmp_path / f"few{suffix}", RECORDS * 7)
    write(tmp_path / f"none{suffix}", [])
    if suffix == ".parquet":
        read = pyarrow.parquet.read_table
        few = read(tmp_path / "few.parquet")
        assert few.to_pylist() == read(tmp_path / "at_once.parquet").to_pylist()
        assert few.num_rows == 28
        assert read(tmp_path / "none.parquet").schema.names == list(COLUMNS)
    else:
        assert (tmp_path / f"few{suffix}").read_bytes() == (tmp_path / f"at_once{suffix}").read_bytes()


def test_the_column_of_numbers_says_what_they_are():
    value = Prediction(0, "", "size", 37.5, "value")
    assert tables.columns("value")[5] == "value"
    assert list(tables.rows(("a.png", tables.fields(Answer(0, "a.png", {}, predictions=(value,)))))) == [
        ("a.png", 1, 0, "", "size", 37.5, None)
    ]


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RefnetError, match=r"Parquet needs pyarrow: pip install 'refnet\[table\]'"):
        write(tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())
