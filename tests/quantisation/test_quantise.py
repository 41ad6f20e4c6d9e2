"""From a float network to integers."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers.places import ROOT
from helpers.quantisable import network, pictures, weights

from refnet.architecture.top import Top
from refnet.errors import InputError, WeightsError
from refnet.network import Network
from refnet.network.quantised import QuantisedNetwork
from refnet.quantisation.nearness import measure
from refnet.quantisation.quantise import Settings, quantise
from refnet.reference.integers.engine import ENGINES
from refnet.weights.reader import read_any
from refnet.weights.writer import file_bytes, write

WAYS = [
    {},
    {"method": "percentile", "percentile": 99.9},
    {"method": "mse"},
    {"per": "tensor"},
    {"equalise": True},
    {"correct_bias": True},
    {"swish": "table", "engine": "xnnpack"},
    {"per": "tensor", "equalise": True, "correct_bias": True, "engine": "tflite"},
]
AGAIN = """
import hashlib, sys
from helpers.quantisable import pictures, weights
from refnet.network import Network
from refnet.quantisation.quantise import quantise
from refnet.weights.writer import file_bytes
net = Network(weights(lite=False), threads=3)
found = quantise(net, pictures(3)[[2, 0, 1]], method="mse", equalise=True, correct_bias=True)
print(hashlib.sha256(file_bytes(found.weights)).hexdigest())
"""


@pytest.mark.parametrize(
    ("kind", "way"), [*(("lite", way) for way in WAYS), *(("swish", way) for way in WAYS[-2:])], ids=str
)
def test_each_way(kind, way, tmp_path):
    """What comes out is near, can be written, and is read as what it was."""
    found = quantise(network(kind), pictures(4), **way)
    kernels = [each.kernel for each in found.weights.network.operations if each.kernel is not None]
    assert len(kernels) == sum(bool(step.weights) for step in found.original.plan)
    for codes in found.weights.network.codes.values():
        assert codes.dtype == "int8"
    assert measure(found, pictures(3, seed=1)).steps[-2].snr > (5 if way.get("per") == "tensor" else 10)
    write(tmp_path / "net.h5", found.weights)
    again = read_any(tmp_path / "net.h5")
    assert again.digest() == found.weights.digest()
    assert again.calibration == found.weights.calibration
    assert again.engine is ENGINES[way.get("engine", "tflm")]


def test_same_pictures_same_bytes():
    """In another process, with other threads, the pictures in another order."""

    def digest(count: int) -> str:
        found = quantise(network("swish"), pictures(count), method="mse", equalise=True, correct_bias=True)
        return hashlib.sha256(file_bytes(found.weights)).hexdigest()

    command = [sys.executable, "-c", AGAIN]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT / "tests")
    assert run.stdout.split() == [digest(3)]
    assert digest(2) != digest(3)


def test_inputs_of_an_addition_keep_their_own_scales():
    found = quantise(network("lite"), pictures(4)).weights.network
    adds = [each for each in found.operations if each.kind == "add"]
    assert adds
    for each in adds:
        assert len({found.codes[name].scale for name in (*each.inputs, each.name)}) == 3


def test_layers_are_what_engines_call_them():
    kinds = {each.name: each.kind for each in quantise(network("swish"), pictures(1)).weights.network.operations}
    assert kinds["logits"] == "dense"
    assert kinds["block1a.reduce.conv"] == kinds["block1a.gate.conv"] == "convolution"
    assert kinds["block1a.gate"] == "logistic"


def test_a_network_whose_batch_norms_are_folded_already():
    """It is the same network, up to the rounding of its weights to float32."""
    from refnet.quantisation.fold import fold

    plain = weights(lite=True)
    architecture = replace(plain.architecture, folded=True)
    tensors = {}
    for step in network("lite").plan:
        if step.weights:
            path = step.name.replace(".", "/")
            kernel, bias = fold(step, plain.tensors, plain.bn_eps)
            tensors |= {f"{path}/kernel": kernel.astype(np.float32), f"{path}/bias": bias.astype(np.float32)}
    folded = Network(replace(plain, architecture=architecture, tensors=tensors), threads=1)
    one = quantise(network("lite"), pictures(3)).weights.network
    other = quantise(folded, pictures(3), equalise=False).weights.network
    for ours, theirs in zip(one.operations, other.operations, strict=True):
        if ours.kernel is not None:
            off = ours.kernel.weights.astype(int) - theirs.kernel.weights
            assert np.abs(off).max() <= 1
            assert (off != 0).mean() < 1e-2
    assert quantise(folded, pictures(2), equalise=True, correct_bias=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "best"}, "method='best': want one of min-max, percentile, mse"),
        ({"per": "row"}, "per='row': want one of channel, tensor"),
        ({"swish": "hard"}, "swish='hard': want one of split, table"),
        ({"engine": "tpu"}, "no engine 'tpu'"),
        ({"percentile": 3}, "percentile 3: want a number above 50"),
    ],
)
def test_settings_that_are_none(settings, message):
    with pytest.raises(InputError, match=message):
        Settings(**settings)


def test_networks_that_cannot_be():
    integers = QuantisedNetwork(quantise(network("lite"), pictures(1)).weights)
    with pytest.raises(InputError, match="of integers already; want the network of float32"):
        quantise(integers, pictures(1))
    with pytest.raises(InputError, match="want one of float32"):
        quantise(Network(weights(lite=True), dtype="float64"), pictures(1))
    with pytest.raises(InputError, match=r"pool is a step of the kind max.* there are convolution, .* with none, relu"):
        quantise(Network(weights(lite=True, top=Top("max"))), pictures(1))


def test_weights_that_overflow():
    given = weights(lite=False)
    kernel = "block1a/project/kernel"
    with np.errstate(all="ignore"):
        huge = replace(given, tensors=given.tensors | {kernel: given.tensors[kernel] * np.float32(1e38)})
        huge.tensors[kernel][~np.isfinite(huge.tensors[kernel])] = 3e38
        with pytest.raises(WeightsError, match="is not finite on a picture: the weights of tiny overflow"):
            quantise(Network(huge), pictures(1))


def test_networks_without_a_classifier():
    found = quantise(Network(weights(lite=False, classes=0)), pictures(2))
    nearness = measure(found, pictures(1))
    assert nearness.same is None
    assert nearness.steps[-1].name == "pool"
