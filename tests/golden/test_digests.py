"""Tables of digests: written, read back, and refused where they are none."""

import json
from dataclasses import asdict, replace

import pytest

from refnet.errors import InputError
from refnet.golden.digests import RunDigests, read_table, read_tables, write_table, write_tables
from refnet.reference.numerics import NUMERICS_VERSION

ENTRY = RunDigests("lite0", "noise", (33, 18), "float32", "0" * 64, {"input": "1" * 64, "stem": "2" * 64})


def test_comes_back(tmp_path):
    others = [replace(ENTRY, model="lite1@lite"), replace(ENTRY, model="b0@synthetic"), replace(ENTRY, model="lite1")]
    paths = write_tables(tmp_path, others)
    assert [path.name for path in paths] == ["b0.json", "lite1.json"]
    assert read_tables(tmp_path) == [others[1], others[0], others[2]]
    assert [len(path.read_text().splitlines()) for path in paths] == [3, 4]


def test_of_another_numerics_version(tmp_path):
    path = tmp_path / "old.json"
    write_table(path, [ENTRY])
    path.write_text(path.read_text().replace('"numerics": 1', '"numerics": 0'))
    with pytest.raises(InputError, match=r"old\.json is of numerics version 0, this refnet of version 1"):
        read_table(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"numerics": 1}', "ä"])
def test_that_is_none(tmp_path, text):
    (tmp_path / "no.json").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"no\.json: cannot read a table of digests: "):
        read_table(tmp_path / "no.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, ": null; want an object"),
        (7, ": 7; want an object"),
        ("lite0", ": .lite0.; want an object"),
        ([["model", "lite0"]], ": .*; want an object"),
        ({}, ".*model"),
        ({"more": 1}, ".*more"),
        ({"model": None}, r"\.model: null; want a text"),
        ({"input": ["generated"]}, r"\.input: .*; want a text"),
        ({"weights": 7}, r"\.weights: 7; want a text"),
        ({"dtype": "float16"}, r"\.dtype: .float16.; want"),
        ({"dtype": {}}, r"\.dtype: {}; want"),
        ({"size": None}, r"\.size: null; want a list of 2, each a whole number from 1 to 16384"),
        ({"size": 7}, r"\.size"),
        ({"size": "ab"}, r"\.size"),
        ({"size": [32]}, r"\.size"),
        ({"size": [32, 32.0]}, r"\.size"),
        ({"size": [True, True]}, r"\.size"),
        ({"size": [0, 32]}, r"\.size"),
        ({"size": [32, 16385]}, r"\.size"),
        ({"steps": None}, r"\.steps"),
        ({"steps": ["input"]}, r"\.steps"),
        ({"steps": {"input": None}}, r"\.steps"),
    ],
)
def test_with_a_malformed_entry(tmp_path, change, message):
    good = asdict(ENTRY)
    missing = {key: good[key] for key in list(good)[1:]}
    bad = missing if change == {} else good | change if isinstance(change, dict) else change
    (tmp_path / "bad.json").write_text(json.dumps({"numerics": NUMERICS_VERSION, "entries": [good, bad]}))
    with pytest.raises(InputError, match=rf"bad\.json: cannot read a table of digests: entries\[1\]{message}"):
        read_table(tmp_path / "bad.json")


@pytest.mark.parametrize("entries", ["null", "7", '"lite0"', "{}"])
def test_without_a_list(tmp_path, entries):
    (tmp_path / "no.json").write_text(f'{{"numerics": {NUMERICS_VERSION}, "entries": {entries}}}')
    with pytest.raises(InputError, match=r"no\.json: cannot read a table of digests: entries: .*; want a list"):
        read_table(tmp_path / "no.json")


@pytest.mark.parametrize("numerics", ["true", "1.0", "null", "[]"])
def test_with_a_version_that_is_no_whole_number(tmp_path, numerics):
    (tmp_path / "no.json").write_text(f'{{"numerics": {numerics}, "entries": []}}')
    with pytest.raises(InputError, match=r"numerics: .*; want a whole number"):
        read_table(tmp_path / "no.json")


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_that_is_nested_deeply(tmp_path, bracket):
    (tmp_path / "deep.json").write_text('{"numerics": 1, "entries": ' + bracket * 200_000)
    with pytest.raises(InputError, match=r"deep\.json: cannot read a table of digests: "):
        read_table(tmp_path / "deep.json")


def test_that_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"no\.json: cannot read a table of digests: .*No such file"):
        read_table(tmp_path / "no.json")


def test_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match="cannot read tables of digests: no file of a variant there"):
        read_tables(tmp_path)
