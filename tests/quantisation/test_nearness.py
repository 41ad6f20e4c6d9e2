"""How near integers come, beside what NumPy says."""

import math

import numpy as np
import pytest
from helpers.quantisable import network, pictures

from refnet.network.quantised import QuantisedNetwork
from refnet.quantisation.nearness import StepNearness, measure
from refnet.quantisation.quantise import quantise
from refnet.quantisation.ranges import scale_of
from refnet.quantisation.twin import Twin


@pytest.mark.parametrize("kind", ["lite", "swish"])
@pytest.mark.parametrize("equalised", [False, True])
def test_signal_to_noise(kind, equalised):
    net, x = network(kind), pictures(2, seed=1)
    found = quantise(net, pictures(2), equalise=equalised, method="percentile", percentile=99)
    nearness = measure(found, x)
    integers, twin = QuantisedNetwork(found.weights), Twin(net)
    assert nearness.pictures == 2
    wanted = [step.name for step in nearness.steps]
    codes = integers.features(x, at=wanted)
    reals = [dict(twin.run(picture[None], wanted)) for picture in x]
    for step in nearness.steps:
        real, q = np.concatenate([each[step.name] for each in reals]).astype(float), codes[step.name]
        factors = found.factors.get(step.name.removesuffix(".conv"), 1.0)
        noise = real - integers.real(step.name, q).astype(float) / factors
        assert step.snr == pytest.approx(10 * np.log10((real**2).sum() / (noise**2).sum()), abs=0.05)
        assert step.numbers == real.size
        least, most = step.range
        half = float(step.codes.scale) / 2
        beyond = (real * factors < least - half) | (real * factors > most + half)
        assert step.clipped == beyond.sum()
        assert (step.low, step.high) == (real.min(), real.max())
    assert any(step.clipped_share > 0.002 for step in nearness.steps)
    answers = integers.answer(x)
    assert nearness.same == (answers.argmax(axis=1) == net.answer(x).argmax(axis=1)).sum()
    assert nearness.farthest == np.abs(answers - net.answer(x)).max()
    assert nearness.same_share == nearness.same / 2


def test_no_noise_and_no_signal():
    step = StepNearness("stem", "convolution", scale_of(0, 255))
    step.add(np.array([1, 2], np.float32), np.array([-127, -126], np.int8))
    assert step.snr == math.inf
    silent = StepNearness("stem", "convolution", scale_of(0, 255))
    silent.add(np.zeros(1, np.float32), np.array([-127], np.int8))
    assert silent.snr == -math.inf
