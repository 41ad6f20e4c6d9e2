"""Doubts: roundings that one run in float32 does not show, and mistakes that stay mistakes."""

import numpy as np
import pytest

from refnet.comparison.judgement.borderline import is_borderline, widest_floor
from refnet.comparison.judgement.verdict import ROUNDING, Judgement, NoiseFloor, judge, rms
from refnet.comparison.rerun import Rerun
from refnet.hub.models import synthetic_weights
from refnet.weights import synthetic

SIZE = (64, 64)


@pytest.fixture(scope="module")
def rerun():
    return Rerun(synthetic_weights("b0"), SIZE)


def floors(rerun, given, name, dtype="float32"):
    """Noise floor of a tensor at first, and with doubts; relative to its size."""
    single, truth = rerun.run_both(given, name)
    first = judge(truth, single, truth, terms=rerun.terms(name, given)).floor.rms
    return first / rms(truth), widest_floor(rerun, given, name, dtype).rms / rms(truth)


def test_mean_of_equal_pixels(rerun):
    """All roundings go in one direction: the one chain of another engine is farther off than by chance."""
    colours = synthetic.uniform("colours", (32,))
    depthwise = np.broadcast_to(colours, (1, 32, 32, 32)).astype(np.float32)
    first, widest = floors(rerun, {"block1a.depthwise": depthwise}, "block1a.squeeze")
    assert 5 * first < widest < 1e-4
    varied = synthetic.uniform("varied", (1, 32, 32, 32)) + np.float32(2)
    first, widest = floors(rerun, {"block1a.depthwise": varied}, "block1a.squeeze")
    assert widest < 3 * first


def test_sigmoid_of_a_tanh(rerun):
    """1/2 + tanh(x / 2) / 2 is one rounding of 1 away, however small the sigmoid is."""
    reduce = np.full((1, 8), -1e3, np.float32)
    found = widest_floor(rerun, {"block1a.reduce": reduce}, "block1a.gate", "float32")
    assert found.largest >= ROUNDING["float32"]
    assert widest_floor(rerun, {"block1a.reduce": reduce}, "block1a.gate", "float32", (slice(0),)) == NoiseFloor(0, 0)


def test_terms_that_cancel(rerun):
    """The floor goes by the size of the terms, not by what is left of them."""
    kernel = rerun.single.weights.tensors["block1a/project/kernel"].reshape(32, 16).astype(np.float64)
    cancelling = np.linalg.svd(kernel.T)[2][-1].astype(np.float32)  # all 16 sums are 0, nearly
    given = {"block1a.excite": np.broadcast_to(cancelling, (1, 32, 32, 32)).astype(np.float32)}
    _, widest = floors(rerun, given, "block1a.project.conv")
    assert widest > 0.1


def test_tensors_of_two_bytes_hide_more(rerun):
    given = {"input": synthetic.picture_tensor(*SIZE)}
    single, half = (widest_floor(rerun, given, "block1a.project", dtype).rms for dtype in ("float32", "float16"))
    assert 100 * single < half


def test_over_a_gap_means_and_gates_count_too(rerun):
    white = np.full((1, *SIZE, 3), 2, np.float32)
    first, widest = floors(rerun, {"input": white}, "block1a.project")
    assert first < widest < 1e-4


@pytest.mark.parametrize(
    ("verdict", "error", "doubtful"), [("rounded", 1e-6, False), ("wrong", 1e-4, True), ("wrong", 1e-2, False)]
)
def test_only_what_is_near_is_doubted(verdict, error, doubtful):
    judgement = Judgement(verdict, NoiseFloor(1e-7, 1e-7), error, 1.0, 9.0, 9.0)
    assert is_borderline(judgement, "float32") == doubtful
    assert not is_borderline(None, "float32")
