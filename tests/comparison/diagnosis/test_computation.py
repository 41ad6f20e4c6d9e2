"""The fast evaluator against the definition."""

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.comparison.judgement.verdict import judge
from refnet.reference.evaluate import evaluate as definition
from refnet.weights import synthetic

EPS = 1e-3
SIZE = (20, 33)


@pytest.fixture(scope="module", params=[("b0", "same"), ("b0", "symmetric"), ("lite0", "same")])
def run(request):
    name, padding = request.param
    plan = make_plan(variant(name), SIZE, padding=padding)
    tensors = synthetic.tensors(plan.architecture)
    x = synthetic.picture_tensor(*SIZE)
    values = {
        dtype: {"input": x} | dict(definition(plan.steps, tensors, EPS, x.astype(dtype)))
        for dtype in ("float32", "float64")
    }
    return plan, tensors, values


def test_every_step_and_part_is_that_of_the_definition(run):
    plan, tensors, values = run
    for step in plan:
        inputs = [values["float64"][name] for name in step.inputs]
        for whole in (step.name, *step.parts):
            part = whole.removeprefix(step.name).removeprefix(".")
            truth = values["float64"][whole]
            got = evaluate(computation_of(step, tensors, EPS, inputs, part=part), np.float64)
            np.testing.assert_allclose(got, truth, rtol=1e-12, atol=1e-12 * np.abs(truth).max(), err_msg=whole)


def test_float32_is_merely_rounded_differently(run):
    plan, tensors, values = run
    for step in plan:
        single = computation_of(step, tensors, EPS, [values["float32"][name] for name in step.inputs])
        found = judge(values["float32"][step.name], evaluate(single, np.float32), evaluate(single, np.float64))
        assert found.verdict in ("exact", "rounded"), step.name


def test_a_step_goes_on_from_its_parts(run):
    plan, tensors, values = run
    for step in filter(lambda step: step.normalized, plan):
        for since in ("conv", "bn"):
            x = values["float64"][f"{step.name}.{since}"]
            got = evaluate(computation_of(step, tensors, EPS, [x], since=since), np.float64)
            truth = values["float64"][step.name]
            np.testing.assert_allclose(got, truth, rtol=1e-12, atol=1e-12 * np.abs(truth).max(), err_msg=step.name)


def test_some_channels_are_those_of_all(run):
    plan, tensors, values = run
    channels = np.array([0, 3])
    for step in plan:
        c = computation_of(step, tensors, EPS, [values["float64"][name] for name in step.inputs])
        if c.narrows:
            some, every = evaluate(c.narrowed(channels), np.float64), evaluate(c, np.float64)[..., channels]
            np.testing.assert_allclose(some, every, rtol=1e-11, atol=1e-12 * np.abs(every).max(), err_msg=step.name)
