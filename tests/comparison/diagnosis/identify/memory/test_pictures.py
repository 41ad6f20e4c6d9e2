"""Batches: another picture's result; and sums of several runs."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.weights import synthetic

PLAN = make_plan(variant("b0"), (32, 46))
TENSORS = synthetic.tensors(PLAN.architecture)
EPS = 1e-3


def planted(name, wrong, count=3):
    """What is said of a step's result in which something is wrong, for a batch of pictures."""
    step = PLAN[name]
    x = [np.abs(synthetic.uniform(f"{name} {i}", (count, *step.in_shape))) for i, _ in enumerate(step.inputs)]
    y = wrong(step, x, lambda inputs: evaluate(computation_of(step, TENSORS, EPS, inputs), np.float32))
    return diagnose(step, tensors=TENSORS, eps=EPS, inputs=x, actual=y.astype(np.float32))


@pytest.mark.parametrize(
    ("order", "mistake", "words"),
    [
        ([0, 0, 0], "first-picture", "all pictures of the batch hold picture 0"),
        ([2, 2, 2], "pictures-moved", "all pictures of the batch hold picture 2"),
        ([2, 1, 0], "pictures-swapped", "the pictures of the batch are in reverse order"),
        ([0, 0, 1], "pictures-moved", "pictures 1, 2 of the batch hold pictures 0, 1"),
        ([0, 1, 0], "pictures-moved", "picture 2 of the batch holds picture 0"),
    ],
)
def test_another_picture(order, mistake, words):
    found = planted("block2b.expand", lambda step, x, run: run(x)[order])
    assert (found.mistake, found.sentence) == (mistake, words)


@pytest.mark.parametrize(("runs", "times"), [(2, "twice"), (3, "3 times")])
def test_sums_of_several_runs(runs, times):
    def again(step, x, run):
        right = computation_of(step, TENSORS, EPS, x)
        (norm,) = right.norms
        return evaluate(
            right.__class__("none", (evaluate_sums(step, x) * runs,), norms=(norm,), activation=step.activation),
            np.float32,
        )

    def evaluate_sums(step, x):
        return evaluate(computation_of(step, TENSORS, EPS, x, part="conv"), np.float64)

    found = planted("block2b.depthwise", again, count=1)
    assert (
        found.sentence == f"every sum counts {times}: an accumulator that is not set back to 0 before it is used again"
    )
