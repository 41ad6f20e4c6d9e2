"""Columns of text files: whatever is in one, it is read or it is an error of refnet's."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.errors import InputError, RefnetError
from refnet.evaluation import read_answers
from refnet.evaluation.columns import CLASS_HEADS, FILE_HEADS, split
from refnet.evaluation.folders import read_data_set

CELLS = st.sampled_from(
    ["a.png", "b.jpg", "", "3", "0.5", "n01440764", "cat, dog", '"', "nan", "\x00", "\r", "é", "1e999"]
)
HEADS = st.sampled_from(["file", "label", "index", "probability", "error", "colour"])
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5)


@st.composite
def tables(draw):
    """Text that is nearly a table."""
    mark = draw(st.sampled_from([",", ";", "\t", " "]))
    rows = draw(ROWS)
    if draw(st.booleans()):
        rows = [draw(st.lists(HEADS, min_size=1, max_size=4)), *rows]
    return "\n".join(mark.join(row) for row in rows)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3))


@st.composite
def objects(draw):
    """Lines of JSON that are nearly answers."""
    keys = st.sampled_from(["file", "label", "index", "probability", "error", "predictions"])
    inner = st.dictionaries(keys, JSON, max_size=4)
    one = st.dictionaries(keys, JSON | st.lists(inner, max_size=2), max_size=4)
    return "\n".join(json.dumps(each) for each in draw(st.lists(one, min_size=1, max_size=3)))


@settings(max_examples=300)
@given(text=tables() | objects() | st.text(max_size=40))
def test_it_is_read_or_it_is_an_error(tmp_path_factory, text):
    file = Path(tmp_path_factory.getbasetemp()) / "fuzz.csv"
    file.write_bytes(text.encode("utf-8", "replace"))
    for read in (read_answers, read_data_set):
        try:
            found = read(file)
        except RefnetError as error:
            assert str(error).startswith(str(file))  # noqa: PT017
        else:
            assert found.of if read is read_answers else len(found)


@pytest.mark.parametrize("file", FILE_HEADS)
def test_every_name_of_a_column(file):
    for name in CLASS_HEADS:
        table = split([f"{name.upper()},{file}", "cat,a.png"])
        assert (table.files, table.classes, table.class_head) == (["a.png"], ["cat"], name)


def test_the_column_that_says_most():
    """The wnid of two columns, unless it is empty."""
    assert split(["file,index,wnid,label", "a.png,0,n01440764,tench"]).class_head == "wnid"
    assert split(["file,index,wnid,label", "a.png,0,,tench"]).class_head == "label"
    assert split(["file,index,wnid,label", "a.png,0,,"]).class_head == "index"


def test_a_cell_that_is_too_long():
    with pytest.raises(InputError, match="no CSV: field larger than field limit"):
        split(["file,label", f"a.png,{'x' * 200_000}"])
