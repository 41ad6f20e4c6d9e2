"""JSON within bounds, and what is said where it is of another kind."""

import json
import re
import subprocess
import sys
import time

import pytest

from refnet.files import strict_json as js


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value: line 1 column 1"),
        ("[" * 100_000, "nested deeper than 100 times"),
        ("[" * 990 + "]" * 990, "nested deeper than 100 times"),
        ('{"a":' * 101 + "0" + "}" * 101, "nested deeper than 100 times"),
        ("9" * 5000, "a number of 5000 digits"),
        ("-" + "9" * 41, "a number of 42 digits"),
        ("1e999", "1e999 is too large a number"),
        ("[NaN]", "NaN is no number"),
        ("-Infinity", "-Infinity is no number"),
        ('{"a": 1, "b": 2, "a": 1}', "'a' comes twice"),
        (r'"\ud800"', "surrogates not allowed"),
        (r'[{"\udfff": 1}]', "surrogates not allowed"),
        (r'{"a": ["x", "\udfff"]}', "surrogates not allowed"),
        (b"\xff\xfe[\x00]\x00", "can't decode byte 0xff"),
        ("[1]".encode("utf-16"), "can't decode byte"),
        (b'"\xed\xa0\x80"', "can't decode byte 0xed"),
        ("\ufeff[]", "Unexpected UTF-8 BOM"),
        ("{'a': 1}", "Expecting property name"),
        ("[1,]", "line 1 column"),
        ("1 2", "Extra data"),
    ],
)
def test_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        js.parse(text)


def test_taken():
    assert js.parse(b'\xef\xbb\xbf{"a": [1, -2.5e3, "\\ud83d\\ude00", null, true]}') == {
        "a": [1, -2500.0, "😀", None, True]
    }
    assert js.parse("[" * 100 + "]" * 100)
    assert js.parse(r'{"\udce9": "caf\udce9"}', lenient=True) == {"\udce9": "caf\udce9"}
    assert js.parse("[Infinity, 1e999]", lenient=True) == [float("inf")] * 2
    assert js.parse("9" * 40) == int("9" * 40)


def test_where_the_stack_is_nearly_full():
    def deep(left):
        return deep(left - 1) if left else js.parse("[" * 95 + "]" * 95)

    for left in range(0, 960, 16):
        try:
            deep(left)
        except ValueError as error:
            assert "nested" in str(error)  # noqa: PT017
        except RecursionError:  # of the test's own calls
            break


def test_the_cost_is_that_of_its_size():
    started = time.process_time()
    js.parse(json.dumps([{"name": str(n), "shape": [n] * 8} for n in range(20_000)]))
    assert time.process_time() - started < 5


KIND = js.fields(
    {
        "name": js.TEXT,
        "size": js.items(js.whole(1, 9), 2, 2),
        "dtype": js.one_of("f4", "f8"),
        "order": js.like("[A-Z]+", "capital letters"),
        "many": js.items(js.NUMBER, most=3),
        "by_name": js.table(js.FLAG),
    },
    optional={"note": js.nullable(js.fields({"at": js.whole(0)}))},
)
RIGHT = {"name": "a", "size": [1, 9], "dtype": "f4", "order": "NC", "many": [1, 0.5], "by_name": {"x": True}}


@pytest.mark.parametrize("more", [{}, {"note": None}, {"note": {"at": 0}}, {"many": []}, {"by_name": {}}])
def test_of_its_kind(more):
    assert js.read(json.dumps(RIGHT | more), KIND) == RIGHT | more


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": 0}, "name: 0; want a text"),
        ({"name": None}, "name: null; want a text"),
        ({"size": 3}, "size: 3; want a list of 2, each a whole number from 1 to 9"),
        ({"size": [1, 2, 3]}, "size: [1, 2, 3]; want a list of 2, each a whole number from 1 to 9"),
        ({"size": [1, True]}, "size[1]: true; want a whole number from 1 to 9"),
        ({"size": [0, 1]}, "size[0]: 0; want a whole number from 1 to 9"),
        ({"size": [1.0, 1]}, "size[0]: 1.0; want a whole number from 1 to 9"),
        ({"dtype": []}, "dtype: []; want one of f4, f8"),
        ({"order": "NC\n"}, 'order: "NC\\n"; want capital letters'),
        ({"many": [1, "x"]}, 'many[1]: "x"; want a number'),
        ({"many": [1, True]}, "many[1]: true; want a number"),
        ({"many": [0] * 4}, "many: [0, 0, 0, 0]; want a list of 0 to 3, each a number"),
        ({"by_name": [True]}, "by_name: [true]; want an object, each of it true or false"),
        ({"by_name": {"x": 1}}, "by_name.x: 1; want true or false"),
        ({"note": {}}, "note.at: missing; want a whole number of at least 0"),
        ({"note": {"at": -1}}, "note.at: -1; want a whole number of at least 0"),
        ({"other": 1}, "other: 1; want no such field"),
        ({"name": ["x" * 100]}, f'name: ["{"x" * 57}…; want a text'),
    ],
)
def test_of_another_kind(more, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        js.read(json.dumps(RIGHT | more), KIND)


def test_the_whole():
    with pytest.raises(ValueError, match=r"^the whole: \[\]; want an object of name, "):
        js.read("[]", KIND)
    with pytest.raises(ValueError, match=r"^name: missing; want a text$"):
        js.read("{}", KIND)


def test_deep_nesting_is_refused_where_a_program_allows_deep_recursion():
    """Python 3.11 would go into it until its stack ends, and die."""
    program = """
import sys
from refnet.files import strict_json as js
sys.setrecursionlimit(10**7)
try:
    js.parse('[' * 10**6)
except ValueError as error:
    print(error)
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "nested deeper than 100 times\n"


def test_brackets_in_texts_are_no_nesting():
    texts = ["[" * 200, 'a\\"[' * 200, "]" * 200]
    assert js.parse(json.dumps(texts)) == texts
    assert js.parse("[" * 100 + "]" * 100)


def test_a_text_without_an_end_takes_no_time():
    started = time.process_time()
    with pytest.raises(ValueError, match="Unterminated"):
        js.parse('"' + '\\"' * 500_000)
    assert time.process_time() - started < 2


def test_the_first_of_unknown_fields_is_told():
    fields = js.fields({})
    with pytest.raises(ValueError, match=r"^z: 0; want no such field"):
        js.read(json.dumps(dict.fromkeys("zyxwvu", 0)), fields)
