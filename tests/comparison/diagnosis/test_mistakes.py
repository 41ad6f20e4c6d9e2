"""The catalogue: every mistake in it is named when it happens, unless it makes no difference."""

from importlib import import_module
from inspect import isfunction
from itertools import islice
from pkgutil import iter_modules

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.diagnosis import mistakes as catalogue
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.comparison.diagnosis.mistakes import KINDS, Situation, mistakes
from refnet.comparison.diagnosis.search import search
from refnet.comparison.judgement.verdict import judge
from refnet.weights import synthetic

PLAN = make_plan(variant("b0"), (24, 35))
TENSORS = synthetic.tensors(PLAN.architecture)
OTHER = {key: tensor * np.float32(1.01) for key, tensor in TENSORS.items()}
EPS = 2e-3
STEPS = ("stem", "depthwise", "squeeze", "reduce", "gate", "excite", "project", "add", "probabilities")


def situation(name) -> Situation:
    step = PLAN[name if name in ("stem", "probabilities") else f"block3b.{name}"]
    shapes = [step.in_shape, step.in_shape[-1:] if step.op == "excite" else step.in_shape][: len(step.inputs)]
    inputs = [synthetic.uniform(f"{name} {i}", (2, *shape)) * np.float32(2) for i, shape in enumerate(shapes)]
    neighbours = {"elsewhere": synthetic.uniform("elsewhere", inputs[0].shape)}
    right = computation_of(step, TENSORS, EPS, inputs)
    return Situation(step, right, None, computation_of(step, OTHER, EPS, inputs), neighbours)


@pytest.mark.parametrize("name", STEPS)
def test_every_mistake_is_named(name):
    s = situation(name)
    single, truth = evaluate(s.right, np.float32), evaluate(s.right, np.float64)
    seen = 0
    for mistake in islice(mistakes(s), None, None, 3):  # a third of them, to save time
        wrong = evaluate(mistake.wrong, np.float32)
        if not np.isfinite(wrong).all() or judge(wrong, single, truth).verdict != "wrong":
            continue
        diagnosis = search(s, wrong)
        assert mistake.name in (diagnosis.mistake, *(other.mistake for other in diagnosis.alternatives)), mistake[:2]
        seen += 1
    assert seen >= 3


@pytest.mark.parametrize("name", STEPS)
def test_names_are_unique_and_sentences_are_sentences(name):
    found = [mistake for mistake in mistakes(situation(name)) if mistake.name != "wrong-tensor"]  # one for each input
    assert len({mistake.name for mistake in found}) == len(found)
    assert all(len(mistake.sentence) > 10 and "{" not in mistake.sentence for mistake in found)


def test_every_kind_is_tried():
    """A generator of mistakes that is not in the table would never be asked."""
    modules = [import_module(f"{catalogue.__name__}.{info.name}") for info in iter_modules(catalogue.__path__)]
    written = {
        kind
        for module in modules
        for name, kind in vars(module).items()
        if isfunction(kind) and kind.__module__ == module.__name__ and not name.startswith("_")
    }
    assert written == set(KINDS)


def test_a_factor_that_nobody_knows_is_found():
    s = situation("add")
    x, skip = s.right.inputs
    diagnosis = search(s, x * np.float32(0.7) + skip * np.float32(1.25))
    assert diagnosis.mistake == "residual-scaled"
    assert "as 0.7 and 1.25 times themselves" in diagnosis.sentence
    pool = situation("squeeze")
    assert search(pool, evaluate(pool.right, np.float32) * np.float32(2.5)).sentence == (
        "the sum of all pixels, divided by 6, 2.5 times the mean; 15 pixels (3 × 5) are right"
    )
