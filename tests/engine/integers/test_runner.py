"""The kernels of integers against the definition: every code equal, of each engine, fused and apart."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers import integer_networks as fixtures

from refnet.engine.integers.runner import IntegerEngine
from refnet.errors import InputError
from refnet.reference.integers.engine import ENGINES, TFLM, Engine, Rescaling, of_one_policy
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.network import IntegerNetwork

FLOATS = replace(TFLM, name="in floats", multiply=Rescaling("double-float"), convolution=Rescaling("double-float"))
OTHERS = [*map(of_one_policy, ("double-up", "single", "truncate")), FLOATS]
CASES = [
    *((name, engine) for name in fixtures.FILES for engine in ENGINES.values()),
    *(("swish.tflite", engine) for engine in OTHERS),
    *(("pooled", ENGINES[name]) for name in ("tflm", "onnxruntime")),
]


@cache
def small(name: str) -> IntegerNetwork:
    if name == "pooled":
        return fixtures.find(fixtures.pooled().packed()).network
    return fixtures.network(name).network


def assert_same(network: IntegerNetwork, engine: Engine, picture: np.ndarray) -> None:
    """All tensors at once, none of them fused; then each of some by itself."""
    (_, codes), *rest = evaluate(network, engine, picture)
    expected = dict(rest)
    kernels = IntegerEngine(network, engine, 2)
    size = (network.plan.height, network.plan.width)
    names = list(expected)
    for wanted in (names, names[-1:], *([name] for name in names[::9])):
        got = dict(kernels.run({"input": codes[0]}, wanted, size))
        assert list(got) == wanted
        for name in wanted:
            assert got[name].dtype == np.int8
            assert np.array_equal(got[name], expected[name][0]), name


@pytest.mark.parametrize(("name", "engine"), CASES, ids=lambda part: getattr(part, "name", part))
def test_whole_networks(name: str, engine: Engine) -> None:
    assert_same(small(name), engine, fixtures.picture(0))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("engine", ["tflm", "xnnpack"])
def test_batches_and_threads(engine: str, threads: int) -> None:
    network = small("swish.tflite")
    pictures = np.concatenate([fixtures.picture(seed) for seed in range(3)])
    (_, codes), *rest = evaluate(network, ENGINES[engine], pictures)
    expected = dict(rest)["probabilities"]
    into = {"probabilities": np.empty(expected.shape, np.int8)}
    kernels = IntegerEngine(network, ENGINES[engine], threads)
    kernels.run_batch(codes, into)
    assert np.array_equal(into["probabilities"], expected)
    one = {"probabilities": np.empty(expected.shape[1:], np.int8)}
    kernels.run_one(codes[2], one, alone=True)
    assert np.array_equal(one["probabilities"], expected[2])
    assert kernels.needs((48, 48), ["probabilities"], runs=2) >= 0
    assert kernels.shares_out((48, 48), ["probabilities"]) == (threads > 1)


def test_what_is_given_in_between() -> None:
    network = small("swish.tflite")
    (_, codes), *rest = evaluate(network, TFLM, fixtures.picture(0))
    values = dict(rest)
    kernels = IntegerEngine(network, TFLM, 1)
    ((_, found),) = kernels.run({"stem": values["stem"][0]}, ["probabilities"], (48, 48))
    assert np.array_equal(found, values["probabilities"][0])
    given = {"stem.conv": values["stem.conv"][0], "stem.sigmoid": values["stem.sigmoid"][0] ^ 1}
    ((_, found),) = kernels.run(given, ["stem"], (48, 48))
    assert not np.array_equal(found, values["stem"][0])
    with pytest.raises(InputError, match=r"nothing makes stem: it is given"):
        list(kernels.run({"stem": values["stem"][0]}, ["stem"], (48, 48)))
    with pytest.raises(InputError, match=r"input must be given to make head"):
        list(kernels.run({"logits": values["logits"][0]}, ["head"], (48, 48)))
    with pytest.raises(InputError, match=r"64x48: the scales of an integer network are of one size, here 48x48"):
        list(kernels.run({"input": codes[0]}, ["head"], (64, 48)))
