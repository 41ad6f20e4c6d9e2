"""Networks on their way to a worker: nothing else is taken for them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.quantised_weights import make_quantised
from helpers.small_weights import make_weights

import refnet
from refnet.cluster import sent
from refnet.errors import WeightsError
from refnet.network import Network
from refnet.network.quantised import QuantisedNetwork
from refnet.preprocessing.recipe import RECIPES
from refnet.weights import writer

WORKER = SimpleNamespace(state=SimpleNamespace(nthreads=3))


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(sent, "_networks", type(sent._networks)())


def receive(words, content):
    sent._receive(words, content, WORKER.state.nthreads)


def test_what_arrives_is_the_network(tmp_path):
    network = Network(make_weights(), dtype="float64", recipe="timm", size=(40, 50))
    words = sent.describe(network)
    assert sent.find(words, 3) is None
    receive(words, sent.content_of(network))
    found = sent.find(words, 3)
    assert (found.threads, found.dtype, found.recipe, found.plan) == (3, network.dtype, network.recipe, network.plan)
    assert found.weights.digest() == network.weights.digest()


def test_integers_arrive_too():
    network = QuantisedNetwork(make_quantised(), size=40)
    words = sent.describe(network)
    assert sent.find(words, 3) is None
    receive(words, sent.content_of(network))
    found = sent.find(words, 3)
    assert (found.arithmetic, found.plan, found.weights.digest()) == (
        "int8, tflm",
        network.plan,
        words.file.tensors_digest,
    )


@pytest.mark.parametrize("what", ["tensors", "recipe", "nonsense"])
def test_other_bytes_are_refused(what):
    weights = make_weights()
    words = sent.describe(Network(weights))
    if what == "recipe":
        weights = replace(weights, recipe=RECIPES["timm"])
    elif what == "tensors":
        weights.tensors["logits/bias"][0] = 0.5
    content = b"nonsense" if what == "nonsense" else sent.content_of(Network(weights))
    with pytest.raises(WeightsError):
        receive(words, content)
    assert not sent.is_here(words)


def test_a_few_networks_are_kept(tmp_path):
    words = []
    for number in range(3):
        path = tmp_path / f"{number}.h5"
        writer.write(path, make_weights(bn_eps=0.001 * (number + 1)))
        words.append(sent.describe(refnet.load(path)))
        assert sent.find(words[-1], 1) is sent.find(words[-1], 1)
    assert [sent.is_here(each) for each in words] == [False, True, True]
