"""Several runs of a port: what differs between them is said first, and the run is judged that is right furthest."""

import shutil

import numpy as np
import pytest
from helpers import recorded_runs

from refnet.comparison import compare
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.matching import match
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.runs import compare_runs
from refnet.golden.read import open_reader

SIZE = (40, 56)


@pytest.fixture
def dump(recorded, tmp_path):
    """Write a run of the port in which some tensors are changed, and the rest is computed from these."""

    def dump(name, **edits):
        made = {"input": recorded.x}
        for step in list(recorded.tensors)[1:]:
            made |= dict(recorded.net.resume(made, [step], size=SIZE))
            edit = edits.get(step.replace(".", "_"))
            made[step] = edit(made[step].copy()) if edit else made[step]
        return recorded_runs.save(tmp_path / name, made)

    return dump


def torn(rows):
    """Rows that another thread had not written yet."""

    def torn(tensor):
        tensor[:, rows] = 0
        return tensor

    return torn


def about(found):
    return [finding for finding in found.findings if finding.kind == "runs"]


def test_the_same_each_time(recorded, dump):
    one = dump("one")
    shutil.copytree(one, one.parent / "two")
    found = compare(recorded.path, one, one.parent / "two")
    assert (found.exit_code, found.runs.differing, found.verdict) == (0, (), "exact: 12 tensors")
    assert [finding.text for finding in about(found)] == ["the 2 runs hold the same numbers"]


def test_no_tensor_in_both(recorded, tmp_path):
    """Nothing that is not there is called the same."""
    for name in ("stem", "logits"):
        np.savez(tmp_path / f"{name}.npz", **{name: recorded.tensors[name]})
    found = compare(recorded.path, tmp_path / "stem.npz", tmp_path / "logits.npz")
    assert [finding.text for finding in about(found)] == [
        "no tensor is in all 2 runs: nothing is compared between them"
    ]


def test_a_race(recorded, dump):
    one = dump("one", block1a_depthwise=torn([3, 7]))
    two = dump("two")
    three = dump("three", block1a_depthwise=torn([3]))
    found = compare(recorded.path, one, two, three)
    first = found.runs.differing[0]
    assert (first.name, first.alike, first.outcomes) == (
        "block1a.depthwise",
        ((0,), (1,), (2,)),
        ("wrong", "exact", "wrong"),
    )
    assert [one.name for one in found.runs.differing if one.begins] == ["block1a.depthwise"]
    (said,) = about(found)
    assert found.findings[0] == said
    assert said.severity == "wrong"
    depthwise = recorded.tensors["block1a.depthwise"]
    place = tuple(np.argwhere(depthwise[0, 3] != 0)[0])
    value = f"{depthwise[(0, 3, *place)]:.9g}"
    assert said.text.startswith("the runs differ, first in block1a.depthwise: in rows 3 and 7 of 20, ")
    assert (
        f": 0 in {one}, {value} in {two}. There {two} is right, and the others wrong. What it is made from "
        in said.text
    )
    assert found.verdict == f"the runs differ, first in block1a.depthwise; {two}: exact: 12 tensors"
    assert (found.actual, found.exit_code) == (str(two), 1)
    assert found.to_json()["runs"]["judged"] == str(two)


def test_the_run_that_is_right_furthest(recorded, dump):
    """The first two are right where they first differ from the third, and one of them goes wrong later."""
    runs = [
        dump("one", block2a_expand=torn([1])), dump("two"), dump("three", stem=torn([0])),
    ]  # fmt: skip
    found = compare(recorded.path, *runs)
    assert found.runs.differing[0].alike == ((0, 1), (2,))
    assert found.actual == str(runs[1])
    assert "block2a.expand begins to differ anew" in about(found)[0].text


def test_sums_in_another_order(recorded, dump):
    def rounded(tensor):
        return tensor * np.float32(1 + 2**-23)

    found = compare(recorded.path, dump("one"), dump("two", stem=rounded))
    (said,) = about(found)
    assert (said.severity, found.exit_code) == ("note", 0)
    assert "All are right there, each with its own roundings." in said.text
    assert "sums in an order that changes" in said.text


def test_no_number_in_one(recorded, dump):
    def none(tensor):
        tensor[0, 2] = np.nan
        return tensor

    found = compare(recorded.path, dump("one", logits=none), dump("two"))
    assert "in channel 2 of 1000, 1 of 1,000 elements, the first at (0, 2): " in about(found)[0].text
    assert found.verdict.endswith("two: exact: 12 tensors")


def test_what_it_is_made_from_is_not_known(recorded, dump):
    """Nothing before it was dumped."""
    one, two = dump("one"), dump("two", stem=torn([0]))
    with open_reader(recorded.path) as reader, open_reader(one) as first, open_reader(two) as second:
        golden = GoldenTensors(reader, reader.manifest)
        ports = [PortTensors(run, match(run.names, tuple(golden.entries)).partners, golden) for run in (first, second)]
        inputs = {"stem": ("input",), "input": ()}.__getitem__
        found = compare_runs(["one", "two"], ports, golden, ["stem"], inputs, lambda run, name: "wrong")
    assert "None is right there. Not all that it is made from is in these dumps." in found.finding.text
