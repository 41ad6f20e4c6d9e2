"""What a layer adds on the mean is taken off its bias."""

import numpy as np
import pytest
from helpers.quantisable import network, pictures

from refnet.quantisation.bias_correction import before, correct_biases
from refnet.quantisation.quantise import quantise
from refnet.quantisation.twin import Twin
from refnet.reference.integers.engine import TFLM
from refnet.reference.integers.evaluate import accumulate
from refnet.reference.integers.quantisation import quantise as to_codes


@pytest.mark.parametrize("kind", ["lite", "swish"])
def test_no_error_is_left_on_the_mean(kind):
    net, x = network(kind), pictures(3)
    plain = quantise(net, x).weights.network
    twin = Twin(net)
    corrected = correct_biases(plain, TFLM, twin, (picture[None] for picture in x))
    values = [dict(twin.run(picture[None], twin.names | {"input"})) for picture in x]

    def means(integers):
        for each in integers.operations:
            if each.kernel is None:
                continue
            of = integers.codes[each.inputs[0]]
            sums = np.concatenate([accumulate(each, to_codes(v[each.inputs[0]], of), of) for v in values])
            real = np.concatenate([v[before(each.name, twin)] for v in values]).astype(np.float64)
            off = sums - real / (each.kernel.scales.astype(np.float64) * np.float64(of.scale))
            yield each.name, np.abs(off.reshape(-1, off.shape[-1]).mean(axis=0)).max()

    left = dict(means(corrected))
    there = dict(means(plain))
    assert len(left) >= 20
    assert all(value <= 1 for value in left.values())
    assert sum(value > 20 for value in there.values()) > 5


def test_nothing_else_is_changed():
    plain, corrected = (
        quantise(network("lite"), pictures(2), correct_bias=correct).weights.network for correct in (False, True)
    )
    assert plain.codes == corrected.codes
    for one, other in zip(plain.operations, corrected.operations, strict=True):
        if one.kernel is not None:
            np.testing.assert_array_equal(one.kernel.weights, other.kernel.weights)
            np.testing.assert_array_equal(one.kernel.scales, other.kernel.scales)
