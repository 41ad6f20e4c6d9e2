"""An int8 file's graph on a plan: what is read of it, and what is refused, by name."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers.integer_networks import FILES, content, find, network, picture, pooled
from helpers.places import DATA
from helpers.tflite_files import OPERATORS, File
from helpers.tflite_networks import CANDIDATES as OF_REAL_NUMBERS

from refnet.architecture.variants import variant
from refnet.checkpoints.graph.tflite.integers import find_integers
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.errors import CheckpointError
from refnet.reference.integers.engine import engine
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.quantisation import Quantisation


def of_kind(file: File, kind: str, place: int = 0):
    return file.of_kind(getattr(OPERATORS, kind))[place]


def codes(file: File, number: int):
    return file.graph.tensors[number].quantization


def refused(change, name: str = "swish.tflite") -> None:
    file = File(content(name))
    change(file)
    find(file.packed())


@pytest.mark.parametrize("name", FILES)
def test_operations_are_the_plans(name):
    """Each step's name is that of its codes; a swish has its sum and its sigmoid before it."""
    net, tensors = network(name)
    names = [each.name for each in net.operations]
    assert list(tensors) == ["input", *names] == list(net.codes)
    assert [each for each in names if not each.endswith((".conv", ".sigmoid"))] == [step.name for step in net.plan]
    assert net.plan.architecture.name == ("tiny" if name == "swish.tflite" else "tinylite")
    for operation in net.operations:
        assert set(operation.inputs) < {"input", *names}


@pytest.mark.parametrize("name", FILES)
def test_weights_are_the_files(name):
    """Element by element, in our axes; scales and biases as they are."""
    net, tensors = network(name)
    model = tflite_file.load(content(name))
    makes = {operator.outputs[0]: operator for operator in model.operators}
    seen = 0
    for operation in net.operations:
        if operation.kernel is not None:
            _, weights, bias = (model.tensors[number] for number in makes[tensors[operation.name]].inputs)
            ours = np.moveaxis(operation.kernel.weights, -1, 0).reshape(-1)
            theirs = weights.value if operation.kind != "depthwise" else np.moveaxis(weights.value, -1, 0)
            assert ours.tolist() == theirs.reshape(-1).tolist()
            assert operation.kernel.scales.tolist() == weights.quantisation.scale.tolist()
            assert operation.kernel.bias.tolist() == bias.value.tolist()
            seen += 1
    assert seen == sum(step.macs > 0 for step in net.plan)


def test_limits_and_kinds():
    net, _ = network("relu6.tflite")
    assert {each.limit for each in net.operations if each.kind == "depthwise"} == {"relu6"}
    assert {each.limit for each in net.operations if ".project" in each.name} == {"none"}
    kinds = {each.name: each.kind for each in network("swish.tflite").network.operations}
    assert kinds["block1a.reduce.conv"] == "convolution"  # a dense layer, written as a convolution of one pixel
    assert kinds["logits"] == "dense"


def test_one_scale_for_all_channels():
    file = File(content("relu6.tflite"))
    _, weights, bias = of_kind(file, "CONV_2D").inputs
    for number in (weights, bias):
        codes(file, number).scale = codes(file, number).scale[:1]
        codes(file, number).zeroPoint = [0]
    (stem, *_) = find(file.packed()).network.operations
    assert stem.kernel.scales.tolist() == [stem.kernel.scales[0]] * 32


def test_pictures_of_uint8():
    """The same codes 128 higher, at both ends."""
    file = File(content("relu6.tflite"))
    first, last = of_kind(file, "QUANTIZE"), of_kind(file, "DEQUANTIZE")
    for outside, inside in ((first.inputs[0], first.outputs[0]), (last.outputs[0], last.inputs[0])):
        file.graph.tensors[outside].type = schema.TensorType.UINT8
        quantisation = schema.QuantizationParametersT()
        quantisation.scale = codes(file, inside).scale
        quantisation.zeroPoint = [codes(file, inside).zeroPoint[0] + 128]
        file.graph.tensors[outside].quantization = quantisation
    file.become(last, OPERATORS.QUANTIZE)
    net, _ = find(file.packed())
    own = net.codes["input"]
    assert net.given == Quantisation(own.scale, own.zero_point + 128, "uint8")
    signed = dict(evaluate(network("relu6.tflite").network, engine("tflm"), picture(7)))
    unsigned = (signed["input"].astype(int) + 128).astype(np.uint8)
    for name, found in evaluate(net, engine("tflm"), unsigned):
        np.testing.assert_array_equal(found, signed[name])


def test_an_average_pool():
    """What the first converters made of the mean before the classifier; it has one scale at both ends."""
    file = pooled()
    assert {each.name: each.kind for each in find(file.packed()).network.operations}["pool"] == "average_pool"
    scale_of("AVERAGE_POOL_2D", -1)(file)
    with pytest.raises(CheckpointError, match="AVERAGE_POOL_2D of pool comes out at another scale"):
        find(file.packed())


def scale_of(kind: str, part: int, place: int = 0):
    """Another scale for one of an operator's tensors: an input, or -1, its output."""

    def change(file: File) -> None:
        operator = of_kind(file, kind, place)
        stated = codes(file, operator.outputs[0] if part < 0 else operator.inputs[part])
        stated.scale = [2 * each for each in stated.scale]

    return change


def in_weights(**changes: object):
    def change(file: File) -> None:
        stated = codes(file, of_kind(file, "CONV_2D").inputs[1])
        for name, value in changes.items():
            setattr(stated, name, value)

    return change


def quantise_inside(file: File) -> None:
    file.insert(4, OPERATORS.QUANTIZE)


def largest_bias(file: File) -> None:
    buffer = schema.BufferT()
    number = of_kind(file, "CONV_2D").inputs[2]
    buffer.data = np.frombuffer(np.full(8, 2**31 - 1, np.int32).tobytes(), np.uint8)
    file.model.buffers.append(buffer)
    file.graph.tensors[number].buffer = len(file.model.buffers) - 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (quantise_inside, "QUANTIZE at 'added_.*' stands inside of the network"),
        (scale_of("LOGISTIC", -1), "LOGISTIC of stem.sigmoid does not come out at a scale of 1/256"),
        (scale_of("SOFTMAX", -1), "SOFTMAX of probabilities does not come out"),
        (scale_of("CONV_2D", 2), "its bias '.*' is not of the scale of the products"),
        (scale_of("CONV_2D", 1), "its bias '.*' is not of the scale of the products"),
        (largest_bias, r"stem.conv: the sum of channel \d can reach \d+, which 32 bits do not hold"),
        (in_weights(zeroPoint=[1] * 8), "its weights '.*' have zero points other than 0"),
        (in_weights(scale=[0.1] * 7), "has 7 scales and 8 zero points along axis 0"),
        (in_weights(scale=[0.0] * 8), "want positive ones"),
        (in_weights(scale=[np.inf] * 8), "want positive ones"),
        (in_weights(scale=[3e38] * 8), "not of the scale of the products"),
        (in_weights(quantizedDimension=7), "8 scales and 8 zero points along axis 7"),
    ],
)
def test_refused(change, why):
    with pytest.raises(CheckpointError, match=why):
        refused(change)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("int8.tflite", "it changes pixels by itself, in codes"),
        ("plain.tflite", "float32 without a scale|changes pixels"),
        ("dynamic.tflite", "stands inside|changes pixels|without a scale"),
        ("lite.tflite", "float32 without a scale"),
    ],
)
def test_other_files(name, why):
    with pytest.raises(CheckpointError, match=why):
        find_integers(tflite_file.read(DATA / "tflite" / name), candidates=OF_REAL_NUMBERS)


def test_another_graph():
    """Refused by the operator that departs from every plan, as files of real numbers are."""
    with pytest.raises(CheckpointError, match="the graph is none of lite0"):
        find_integers(tflite_file.load(content("swish.tflite")), candidates=[variant("lite0")])
