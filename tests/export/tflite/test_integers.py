"""Integer networks as files of TensorFlow Lite: read again they are the same, and engines compute them to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.integer_networks import CANDIDATES, FILES, find, network, of_kinds, picture, symmetric

from refnet.architecture.plan import make_plan
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.errors import InputError
from refnet.export.tflite.integers import model_of
from refnet.export.tflite.tflite_file import content
from refnet.reference.integers.engine import engine
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.network import IntegerNetwork

pytest.importorskip("tflite_micro", reason="needs tflite-micro")

from integer_comparison import Counts, compare_network
from integer_engines import RUNNERS

NUMBERS = ("int8", "uint8", "float32")


def file(net: IntegerNetwork, **options: str) -> bytes:
    return content(model_of(net, **options))


def assert_same(ours: IntegerNetwork, theirs: IntegerNetwork) -> None:
    assert (ours.plan, ours.codes) == (theirs.plan, theirs.codes)
    for mine, other in zip(ours.operations, theirs.operations, strict=True):
        assert replace(mine, kernel=None) == replace(other, kernel=None)
        np.testing.assert_equal(mine.kernel, other.kernel)


def coming_as(numbers: str, seed: int) -> np.ndarray:
    x = picture(seed)
    return x if numbers == "float32" else np.clip(128 * x, -128, 127).astype(np.int8).view(numbers)


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("name", FILES)
def test_read_again(name, numbers):
    net = network(name).network
    data = file(net, numbers=numbers)
    found = find(data).network
    assert_same(found, net)
    assert tflite_file.load(data).tensors[0].dtype == numbers
    if numbers == "uint8":
        assert found.given.zero_point == net.codes["input"].zero_point + 128
        assert file(found) == data  # as pictures come to it
    else:
        assert found.given is None


@pytest.mark.parametrize("name", FILES)
def test_engines_compute_it(name):
    counts, data = Counts(), file(network(name).network)
    compare_network(data, find(data), coming_as("int8", 4), counts)
    assert counts.differ == 0, counts.table()


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("of", RUNNERS)
def test_ends(of, numbers):
    """Pictures and answers as other numbers are the same codes."""
    net, x = find(file(network("relu6.tflite").network, numbers=numbers)).network, coming_as(numbers, 5)
    *_, (name, codes) = evaluate(net, engine(of), x)
    answer = RUNNERS[of](file(net, numbers=numbers), x)
    wanted = {
        "int8": codes,
        "uint8": codes + np.int16(128),
        "float32": net.codes[name].above_zero(codes) / np.float32(256),
    }
    assert answer.dtype.name == numbers
    assert answer.tolist() == wanted[numbers].tolist()


@pytest.mark.parametrize(
    "change",
    [
        symmetric,
        lambda net: of_kinds(net, {".reduce.conv": "dense", ".gate.conv": "dense"}),
        lambda net: of_kinds(net, {"pool": "average_pool", "logits": "convolution"}),
    ],
    ids=["symmetric", "dense", "pool"],
)
def test_other_graphs(change):
    """Explicit padding, vectors of rank 2 inside of blocks, a classifier that is a convolution."""
    net = change(network("swish.tflite").network)
    if any(each.kind == "average_pool" for each in net.operations):
        net = replace(net, codes={**net.codes, "pool": net.codes["head"]})
    data, x = file(net), coming_as("int8", 6)
    assert_same(find(data).network, net)
    for of, run in RUNNERS.items():
        *_, (_, codes) = evaluate(net, engine(of), x)
        assert run(data, x).tolist() == codes.tolist(), of


def test_a_network_without_classifier():
    net = network("relu6.tflite").network
    plan = make_plan(replace(CANDIDATES[1], folded=True, classes=0))
    features = replace(net, plan=plan, operations=net.operations[:-2])
    x = coming_as("int8", 7)
    *_, (_, codes) = evaluate(features, engine("tflm"), x)
    assert RUNNERS["tflm"](file(features), x).tolist() == codes.tolist()


def test_what_has_no_operator():
    net = network("swish.tflite").network
    with pytest.raises(InputError, match=r"stem: .* no operator for swish by a table; .* --swish split"):
        model_of(of_kinds(net, {"stem": "swish"}))
    limited = [replace(each, limit="relu6") if each.kind == "mean" else each for each in net.operations]
    with pytest.raises(InputError, match="MEAN of TensorFlow Lite ends with no relu6"):
        model_of(replace(net, operations=tuple(limited)))
