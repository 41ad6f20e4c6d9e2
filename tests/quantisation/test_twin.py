"""The float network with its activations apart."""

import numpy as np
import pytest
from helpers.quantisable import network, pictures

from refnet.quantisation.twin import Twin
from refnet.reference.ops import ACTIVATIONS


@pytest.mark.parametrize("kind", ["lite", "swish"])
def test_bits_are_the_networks(kind):
    net = network(kind)
    twin = Twin(net)
    x = pictures(1)
    found = dict(twin.run(x, twin.names | {"input"}))
    np.testing.assert_array_equal(found["input"], x)
    for name, tensor in net.trace(x):
        np.testing.assert_array_equal(found[name], tensor)
        activation = net.plan[name].activation
        if activation != "none":
            np.testing.assert_array_equal(ACTIVATIONS[activation](found[f"{name}.conv"]), tensor)


def test_some_tensors():
    twin = Twin(network("swish"))
    assert [name for name, _ in twin.run(pictures(1), {"logits", "stem.conv", "stem"})] == [
        "stem.conv",
        "stem",
        "logits",
    ]
