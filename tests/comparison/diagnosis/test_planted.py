"""Mistakes planted in a port to PyTorch: each is found at its step, by that step alone, and called by its name."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.planted_cases import MODELS, Model, cases, model, picture, plants, port

from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.comparison.judgement.verdict import judge

NAMED_RIGHTLY = 0.95


def first_wrong(net: Model, values: dict[str, Array]) -> Step | None:
    """The first step that the port's own inputs of it do not explain."""
    for step in net.plan:
        if step.name not in values:
            return None
        right = computation_of(step, net.tensors, net.eps, [values[name] for name in step.inputs])
        if judge(values[step.name], evaluate(right, np.float32), evaluate(right, np.float64)).verdict == "wrong":
            return step
    return None


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm(name, seed):
    net = model(name)
    assert first_wrong(net, port(net, picture(seed))) is None


def test_planted_mistakes_are_found_and_named():
    drawn = cases("planted")
    assert len(drawn) >= 60
    misnamed = []
    for case in drawn:
        net = model(case.model)
        plant = plants(net)[case.plant]
        values = port(net, picture(0), plant, case.step)
        found = first_wrong(net, values)
        assert found is not None, case
        assert found.name == case.step, case
        diagnosis = diagnose(
            found,
            tensors=net.tensors,
            eps=net.eps,
            inputs=[values[name] for name in found.inputs],
            actual=values[found.name],
            other_tensors=net.raw,
            neighbours=values,
        )
        if diagnosis.mistake not in plant.names:
            misnamed.append((case, diagnosis.mistake, diagnosis.sentence))
    assert len(misnamed) <= (1 - NAMED_RIGHTLY) * len(drawn), misnamed
