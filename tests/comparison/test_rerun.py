"""Runs: whose model is run, and which tensors a run begins with."""

from dataclasses import replace

import numpy as np
import pytest

from refnet.architecture import names
from refnet.comparison.rerun import Stream, nearest_held, prepare_rerun
from refnet.errors import InputError, UnknownModelError
from refnet.golden.manifest import Run
from refnet.reference.numerics import NUMERICS_VERSION


@pytest.fixture(scope="module")
def run(b0):
    return Run("b0@synthetic", b0.weights.digest(), (40, 56), "float32", "array x", None, NUMERICS_VERSION, "0")


@pytest.fixture(scope="module")
def rerun(run):
    return prepare_rerun(run, None)[0]


def test_a_files_word_opens_and_fetches_nothing(run, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr("refnet.hub.fetch.fetch", refuse)
    monkeypatch.setattr("refnet.hub.models.read_any", refuse)
    for model in ("/etc/passwd.h5", "b3", "b9"):
        none, (finding,) = prepare_rerun(replace(run, model=model), None)
        assert none is None
        assert (finding.kind, finding.severity) == ("model", "note")
        assert finding.text.startswith("nothing is judged by itself, since the golden's model cannot be run here: ")


def test_other_weights(run):
    none, (finding,) = prepare_rerun(replace(run, model="lite0@synthetic"), None)
    assert none is None
    assert finding.text.endswith(
        "the lite0@synthetic on this machine has other weights than the golden was recorded with"
        "; name the file that has them by --model FILE"
    )
    with pytest.raises(InputError, match="lite0@synthetic has the weights"):
        prepare_rerun(run, "lite0@synthetic")
    with pytest.raises(UnknownModelError):
        prepare_rerun(run, "b9")


def test_other_numerics(run):
    found, (finding,) = prepare_rerun(replace(run, numerics=0), None)
    assert found is not None
    assert finding.text.startswith(f"the golden has numerics version 0, this refnet version {NUMERICS_VERSION}: ")


def test_makes_both(rerun, recorded):
    single, truth = rerun.run_both({"input": recorded.x}, "stem")
    assert np.array_equal(single, recorded.tensors["stem"])
    assert (truth.dtype, truth.shape) == (np.float64, single.shape)
    assert 0 < np.abs(single - truth).max() < 1e-5


def test_longest_sum_on_the_way(rerun):
    assert rerun.terms("stem", ["input"]) == 27
    assert rerun.terms("block1a.gate", ["block1a.depthwise"]) == 20 * 28
    assert rerun.terms("block1a.excite", ["block1a.depthwise", "block1a.gate"]) == 1
    assert rerun.terms("stem/kernel", []) == 1


@pytest.mark.parametrize(
    ("name", "held", "found"),
    [
        ("block2b.add", {"block2b.project", "block2a.project"}, ("block2b.project", "block2a.project")),
        ("block2b.add", {"block2a.project"}, ("block2a.project",)),
        ("block2b.add", {"block2b.project"}, None),
        ("block2b.add", {"block2b.project", names.INPUT}, ("block2b.project", names.INPUT)),
        ("stem", {names.INPUT}, (names.INPUT,)),
        ("stem.bn", {names.INPUT, "stem"}, (names.INPUT,)),
        (names.INPUT, {names.INPUT}, None),
    ],
)
def test_begins_with_the_nearest(rerun, name, held, found):
    assert nearest_held(name, rerun.inputs, held.__contains__) == found


def test_a_stream_goes_on_only():
    stream = Stream(iter([("a", 1), ("b", 2), ("c", 3)]), ["a", "b", "c"])
    assert [stream.advance_to(name) for name in ("b", "a", "z", "c")] == [2, None, None, 3]
