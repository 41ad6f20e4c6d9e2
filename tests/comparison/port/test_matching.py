"""Matching: the same name, a name in a mapping, a name in disguise, and what belongs to nothing."""

import json

import pytest

from refnet.comparison.port.matching import Partner, match, part_of, read_map
from refnet.errors import InputError

OURS = ["input", "stem", "block1a.project", "block1a.expand.act", "block1a/expand/kernel"]


def pairs(theirs, mapping=None):
    return {ours: partner.name for ours, partner in match(theirs, OURS, mapping).partners.items()}


def texts(theirs, mapping=None):
    return [finding.text for finding in match(theirs, OURS, mapping).findings]


def test_same_names():
    assert pairs(["stem", "input"]) == {"stem": "stem", "input": "input"}
    assert texts(["stem", "input"]) == []


@pytest.mark.parametrize("name", ["Block1A/project", "block1a_project", "block1a.PROJECT"])
def test_disguises_are_said(name):
    assert pairs([name]) == {"block1a.project": name}
    assert texts([name]) == [f"{name} taken for block1a.project"]


def test_a_step_and_its_last_part_are_one():
    assert pairs(["stem.act", "block1a.project.bn", "block1a.expand"]) == {
        "stem": "stem.act", "block1a.project": "block1a.project.bn", "block1a.expand.act": "block1a.expand",
    }  # fmt: skip


def test_weights_by_dots():
    assert pairs(["block1a.expand.kernel"]) == {"block1a/expand/kernel": "block1a.expand.kernel"}


def test_mapping_goes_first():
    mapping = {"conv_1": "stem", "stem": "input"}
    assert pairs(["conv_1", "stem"], mapping) == {"stem": "conv_1", "input": "stem"}


def test_unknown_with_the_nearest():
    assert texts(["stemm", "zebra"]) == ["not in the golden, so not compared: stemm (stem?), zebra"]


def test_two_for_one():
    assert pairs(["stem", "STEM"]) == {"stem": "stem"}
    assert texts(["stem", "STEM"])[0] == "STEM and stem are both stem; only the second is compared"


def test_pieces():
    assert match(["stem[:, 0:8]"], OURS).partners == {"stem": Partner("stem[:, 0:8]", ":, 0:8")}
    assert part_of(":,0:8,:,16:32", (1, 16, 8, 32)) == ((0, 1), (0, 8), (0, 8), (16, 32))


@pytest.mark.parametrize("slices", ["0:2", ":,8:4", ":,:,:,:,:", ":,a", "0:1:2", ":,-1", "9" * 30])
def test_no_pieces(slices):
    with pytest.raises(InputError, match=r"is no piece of \[1, 16, 8, 32\]"):
        part_of(slices, (1, 16, 8, 32))


def test_map_files(tmp_path):
    path = tmp_path / "names"
    path.write_text("# theirs ours\nconv_1  stem\n\nx input # the picture\n")
    assert read_map(path) == {"conv_1": "stem", "x": "input"}
    path.write_text(json.dumps({"a": "stem"}))
    assert read_map(path) == {"a": "stem"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one two three", "line 1: 3 words; want two"),
        (b'{"a": 1}', "no JSON object of names, the port's to refnet's: a: 1; want a text"),
        (b'{"a"', "no JSON"),
        (b"\xff\xff", "cannot read the names"),
        (b"a b\n" * (1 << 19), "2097152 bytes; want at most 1048576"),
        (b'{"a":' * 100_000, "no JSON"),
    ],
)
def test_wrong_map_files(tmp_path, content, message):
    path = tmp_path / "names"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_map(path)
    with pytest.raises(InputError, match="cannot read the names: No such file"):
        read_map(tmp_path / "nowhere")


def test_a_map_that_says_nothing_is_told():
    assert texts(["a", "b"], {"a": "stem", "c": "input"}) == [
        "in the map, but not in the port: c (for input)",
        "not in the golden, so not compared: b",
    ]
    assert texts(["a[:, 0:2]", "b"], {"a": "stem", "b": "input"}) == []


def test_a_map_the_wrong_way_round():
    found = texts(["a", "b"], {"stem": "a", "input": "b"})
    assert found[0] == "the map seems to be the wrong way round: want the port's name first, then refnet's"
