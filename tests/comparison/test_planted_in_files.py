"""Planted mistakes all the way: a golden in a file, the port's tensors in another one, and what `compare` says."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from helpers import planted_cases, torch_port
from helpers.planted_cases import MODELS, model, picture, plants

from refnet.comparison import compare
from refnet.golden.record import record

CASES = 10
SEED = "compared"


@pytest.fixture(scope="module")
def goldens(tmp_path_factory):
    place = tmp_path_factory.mktemp("goldens")
    for name in MODELS:
        record(name, place / f"{name}.h5", x=picture(1))
    return place


def save(path, tensors):
    """As a port with channels first would; as far as it gets."""
    captured = {"input": picture(1)}
    with suppress(RuntimeError):  # PyTorch refuses what a mistake has made
        captured |= tensors
    np.savez(path, **{name: np.moveaxis(x, -1, 1) if x.ndim == 4 else x for name, x in captured.items()})


@pytest.mark.parametrize("name", MODELS)
def test_nothing_planted(goldens, tmp_path, name):
    net = model(name)
    save(tmp_path / "port.npz", torch_port.run(net.plan, net.tensors, net.eps, picture(1)))
    found = compare(goldens / f"{name}.h5", tmp_path / "port.npz")
    assert (found.exit_code, {row.outcome for row in found.tensors}) == (0, {"exact", "rounded"})


@cache
def drawn():
    names = sorted(plants(model(MODELS[0])))
    names.remove("raw weights")  # needs other weights: tests/comparison/test_causes.py
    return planted_cases.cases(SEED, random.Random(SEED).sample(names, CASES))


@pytest.mark.parametrize("number", range(CASES))
def test_found_and_named(goldens, tmp_path, number):
    case = drawn()[number]
    net = model(case.model)
    plant = plants(net)[case.plant]
    save(tmp_path / "port.npz", torch_port.run(net.plan, net.tensors, net.eps, picture(1), (plant.spoil, case.step)))
    found = compare(goldens / f"{case.model}.h5", tmp_path / "port.npz", order="NCHW")
    assert found.exit_code == 1
    assert found.first_wrong.name == case.step, case
    assert found.sentences[0].startswith(f"{case.step}: ")
    assert "no known mistake" not in found.sentences[0], case
