"""One fact of a TensorFlow Lite file is changed: the network found computes what Google's interpreter computes.

Or the file is refused. Nothing else may happen, whatever the fact.
"""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers.tflite_files import OPERATORS, File, changed, interpreted
from helpers.tflite_networks import EXPECTED, FOLDER, answer, find
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from refnet.errors import CheckpointError

NETWORKS = {name: (FOLDER / name).read_bytes() for name in ("plain.tflite", "head.tflite", "lite.tflite")}
CONVOLUTIONS = (OPERATORS.CONV_2D, OPERATORS.DEPTHWISE_CONV_2D)


def compared(name: str, data: bytes) -> str:
    """``agrees``, ``refused``, or, where the interpreter cannot run the file itself, ``impossible``."""
    pixels = EXPECTED[f"pixels {name}"][:1]
    theirs = interpreted(data, pixels)
    try:
        found = find(data)
        ours = answer(found, pixels, "float64")
    except CheckpointError as error:
        assert len(str(error)) < 1200  # noqa: PT017
        return "refused"
    if theirs is None:
        return "impossible"
    assert ours.shape == theirs.shape
    assert np.isfinite(theirs).all()
    assert np.abs(ours - theirs).max() <= 2e-5 * np.sqrt(np.mean(np.square(theirs))) + 1e-9
    return "agrees"


def option(name, *values):
    """A change of one setting of one operator that has it."""

    def change(file: File, draw) -> None:
        having = [each for each in file.graph.operators if hasattr(each.builtinOptions, name)]
        assume(having)
        setattr(draw(st.sampled_from(having)).builtinOptions, name, draw(st.sampled_from(values)))

    return change


def function(file: File, draw) -> None:
    """Another activation in place of one."""
    kinds = [OPERATORS.LOGISTIC, OPERATORS.TANH, OPERATORS.RELU, OPERATORS.RELU6, OPERATORS.SOFTMAX, OPERATORS.ABS]
    there = file.of_kind(*kinds)
    operator = draw(st.sampled_from(there or file.of_kind(*CONVOLUTIONS)))
    kind = draw(st.sampled_from([*kinds, OPERATORS.HARD_SWISH, OPERATORS.GELU, OPERATORS.ELU, OPERATORS.LOG_SOFTMAX]))
    file.become(operator, kind, _softmax() if kind == OPERATORS.SOFTMAX else None)


def _softmax(beta: float = 1.0) -> schema.SoftmaxOptionsT:
    options = schema.SoftmaxOptionsT()
    options.beta = beta
    return options


def arithmetic(file: File, draw) -> None:
    """A constant more, anywhere: one number, one for each channel, or one for each pixel."""
    place = draw(st.integers(0, len(file.graph.operators) - 1))
    shape = file.graph.tensors[file.graph.operators[place].outputs[0]].shape
    sides = draw(st.sampled_from([(), (1,), tuple(shape[-1:]), tuple(shape)]))
    kinds = {
        OPERATORS.ADD: schema.AddOptionsT,
        OPERATORS.MUL: schema.MulOptionsT,
        OPERATORS.SUB: schema.SubOptionsT,
        OPERATORS.DIV: schema.DivOptionsT,
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    value = np.random.default_rng(place).uniform(0.5, 1.5, sides).astype(np.float32)
    file.insert(place, kind, kinds[kind](), value)


def operator_more(file: File, draw) -> None:
    """An activation, a softmax or zeros more, anywhere."""
    place = draw(st.integers(0, len(file.graph.operators) - 1))
    rank = len(file.graph.tensors[file.graph.operators[place].outputs[0]].shape)
    kind = draw(st.sampled_from([OPERATORS.RELU, OPERATORS.LOGISTIC, OPERATORS.SOFTMAX, OPERATORS.PAD, OPERATORS.ABS]))
    if kind == OPERATORS.PAD:
        around = np.zeros((rank, 2), np.int32)
        around[min(1, rank - 1)] = draw(st.sampled_from([(0, 1), (1, 0), (1, 1), (0, 0)]))
        file.insert(place, kind, schema.PadOptionsT(), around)
    else:
        file.insert(place, kind, _softmax(draw(st.sampled_from([1.0, 0.5]))) if kind == OPERATORS.SOFTMAX else None)


def reversed_operands(file: File, draw) -> None:
    kinds = (OPERATORS.ADD, OPERATORS.MUL, OPERATORS.SUB)
    having = file.of_kind(*kinds)
    assume(having)
    operator = draw(st.sampled_from(having))
    operator.inputs = list(reversed(operator.inputs))


def other_operands(file: File, draw) -> None:
    """One operator reads something else that is there."""
    place = draw(st.integers(1, len(file.graph.operators) - 1))
    operator = file.graph.operators[place]
    earlier = [number for each in file.graph.operators[:place] for number in each.outputs]
    inputs = list(operator.inputs)
    inputs[draw(st.integers(0, len(inputs) - 1))] = draw(st.sampled_from(earlier))
    operator.inputs = inputs


def axes(file: File, draw) -> None:
    """Means over other axes."""
    operator = draw(st.sampled_from(file.of_kind(OPERATORS.MEAN, OPERATORS.REDUCE_MAX)))
    values = draw(st.sampled_from([[1], [2], [3], [2, 1], [-3, -2], [1, 2, 3], [0, 1], [1, 1, 2]]))
    operator.inputs = [operator.inputs[0], file.constant(np.int32(values))]


def largest(file: File, draw) -> None:
    """The largest number in place of the mean, or the other way round."""
    there = file.of_kind(OPERATORS.MEAN, OPERATORS.REDUCE_MAX)
    operator = draw(st.sampled_from([there[-1], there[0]]))
    other = {OPERATORS.MEAN: OPERATORS.REDUCE_MAX, OPERATORS.REDUCE_MAX: OPERATORS.MEAN}[file.kind(operator)]
    operator.opcodeIndex = file.code(other)


def outputs(file: File, draw) -> None:
    """The answer is something else."""
    every = [number for each in file.graph.operators for number in each.outputs]
    last = every[-8:]
    file.graph.outputs = draw(st.sampled_from([[each] for each in every[::7]] + [[each] for each in last]))


def numbers(file: File, draw) -> None:
    """Another number in a constant of 32-bit floats."""
    floats = [
        number
        for number, tensor in enumerate(file.graph.tensors)
        if tensor.type == 0 and file.model.buffers[tensor.buffer].data is not None
    ]
    number = draw(st.sampled_from(floats))
    value = file.value(number).copy().reshape(-1)
    value[draw(st.integers(0, len(value) - 1))] += np.float32(0.25)
    file.model.buffers[file.graph.tensors[number].buffer].data = np.frombuffer(value.tobytes(), np.uint8)


def kind_of_numbers(file: File, draw) -> None:
    draw(st.sampled_from(file.graph.tensors)).type = draw(st.sampled_from([0, 1, 2, 3, 4, 9, 10]))


def shapes(file: File, draw) -> None:
    """A tensor's stated shape, which interpreters compute by themselves."""
    tensor = draw(st.sampled_from([each for each in file.graph.tensors if len(each.shape) > 1]))
    tensor.shape = list(draw(st.permutations(list(tensor.shape))))
    tensor.shapeSignature = None


CHANGES = {
    "activation": function,
    "fused": option("fusedActivationFunction", 0, 1, 2, 3, 4),
    "padding": option("padding", 0, 1),
    "stride": option("strideW", 1, 2, 3),
    "stride, both": lambda file, draw: (option("strideW", 2)(file, draw), option("strideH", 2)(file, draw)),
    "dilation": option("dilationHFactor", 1, 2),
    "multiplier": option("depthMultiplier", 0, 1, 2),
    "kept axes": option("keepDims", False, True),
    "beta": option("beta", 0.5, 2.0),
    "kept rank": option("keepNumDims", False, True),
    "format of weights": option("weightsFormat", 0, 1),
    "arithmetic": arithmetic,
    "operator": operator_more,
    "reversed": reversed_operands,
    "operands": other_operands,
    "axes": axes,
    "largest": largest,
    "outputs": outputs,
    "numbers": numbers,
    "type": kind_of_numbers,
    "shape": shapes,
}


@pytest.mark.parametrize("change", CHANGES)
@settings(max_examples=4, deadline=None, print_blob=True, derandomize=True)
@given(data=st.data(), name=st.sampled_from(["plain.tflite", "head.tflite", "lite.tflite"]))
def test_never_silently_wrong(change, data, name):
    def apply(file: File) -> None:
        CHANGES[change](file, data.draw)

    event(compared(name, changed(NETWORKS[name], apply)))


# Other ways to say the same -------------------------------------------------------------------------------------------


def pool_of_the_whole_picture(file: File) -> None:
    """As older converters have it: a window as large as the picture."""
    pool = file.of_kind(OPERATORS.MEAN)[-1]
    options = schema.Pool2DOptionsT()
    options.padding, options.strideW, options.strideH, options.filterWidth, options.filterHeight = 1, 2, 2, 2, 2
    file.become(pool, OPERATORS.AVERAGE_POOL_2D, options)
    pool.inputs = [pool.inputs[0]]
    tensor = file.graph.tensors[pool.outputs[0]]
    tensor.shape, tensor.shapeSignature = [1, 1, 1, tensor.shape[-1]], None


def symmetric_pads(file: File) -> None:
    """As converters from PyTorch have it: zeros by themselves, then a convolution without."""
    for convolution in file.of_kind(*CONVOLUTIONS):
        side = int(file.graph.tensors[convolution.inputs[1]].shape[1])
        if side > 1:
            place = file.graph.operators.index(convolution)
            before = convolution.inputs[0]
            around = np.int32([(0, 0), (side // 2,) * 2, (side // 2,) * 2, (0, 0)])
            made = file.operator(OPERATORS.PAD, schema.PadOptionsT(), [before, file.constant(around)], like=before)
            file.graph.operators.insert(place, made)
            convolution.inputs = [made.outputs[0], *convolution.inputs[1:]]
            convolution.builtinOptions.padding = 1


def channels_first(file: File) -> None:
    """As converters from PyTorch have it: the picture's channels come first, and are moved."""
    (picture,) = file.graph.inputs
    entry = file.tensor((1, 3, 64, 64), 0, 0)
    made = file.operator(
        OPERATORS.TRANSPOSE, schema.TransposeOptionsT(), [entry, file.constant(np.int32([0, 2, 3, 1]))], like=picture
    )
    made.outputs = [picture]
    file.graph.operators.insert(0, made)
    file.graph.inputs = [entry]


def score_for_each(file: File) -> None:
    file.insert(len(file.graph.operators) - 1, OPERATORS.LOGISTIC)


def warm_softmax(file: File) -> None:
    file.insert(len(file.graph.operators) - 1, OPERATORS.SOFTMAX, _softmax(0.5))


def batch_of_one(file: File) -> None:
    for tensor in file.graph.tensors:
        tensor.shapeSignature = None


@pytest.mark.parametrize(
    "change",
    [pool_of_the_whole_picture, symmetric_pads, channels_first, score_for_each, warm_softmax, batch_of_one],
)
def test_is_honoured(change):
    data = changed(NETWORKS["plain.tflite"], change)
    pixels = EXPECTED["pixels plain.tflite"][:1]
    theirs = interpreted(data, pixels.transpose(0, 3, 1, 2) if change is channels_first else pixels)
    found = find(data)
    assert np.abs(answer(found, pixels, "float64") - theirs).max() < 2e-5
    assert found.padding == ("symmetric" if change is symmetric_pads else "same")


def test_of_two_answers_the_last_is_taken_and_told():
    def two(file: File) -> None:
        file.graph.outputs = [int(file.graph.operators[place].outputs[0]) for place in (-1, -2)]

    found = find(changed(NETWORKS["lite.tflite"], two))
    assert found.architecture.top.output == "softmax"
    (told,) = [line for line in found.told if line.startswith("of 2 answers, the last on the way, ")]
    assert "'StatefulPartitionedCall:0'" in told or "'Softmax'" in told, told
