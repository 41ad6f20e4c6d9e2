"""Int8 files as nobody's converter writes them: each is refused in one of refnet's own errors, or computes.

Damaged bytes are in ``tests/checkpoints/readers/test_fuzz.py``; here the file is whole, and says what is impossible.
"""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers.integer_networks import content, find
from helpers.tflite_files import OPERATORS, File

from refnet.checkpoints.readers.tflite import tflite_file
from refnet.errors import CheckpointError, InputError, RefnetError
from refnet.export.tflite.tflite_file import content as written
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.evaluate import evaluate
from refnet.weights.quantised import to_tensors

SCALES = [np.nan, -0.5, 0.0, 1e-45, 3e38]
ZERO_POINTS = [-129, (1 << 63) - 1]
# Which tensor of which operator: of the picture, weights, a bias, codes in the middle, those of fixed scales.
PLACES = [
    ("CONV_2D", "inputs", 0), ("CONV_2D", "inputs", 1), ("CONV_2D", "inputs", 2), ("CONV_2D", "outputs", 0),
    ("DEPTHWISE_CONV_2D", "inputs", 1), ("ADD", "outputs", 0), ("MEAN", "outputs", 0), ("LOGISTIC", "outputs", 0),
    ("MUL", "outputs", 0), ("FULLY_CONNECTED", "outputs", 0), ("SOFTMAX", "outputs", 0),
]  # fmt: skip


def place(file: File, kind: str, side: str, number: int):
    return file.graph.tensors[getattr(file.of_kind(getattr(OPERATORS, kind))[0], side)[number]]


def judge(data: bytes) -> bool:
    """Read a file; if that works, each engine prepares it or refuses it, and so does one that computes it."""
    found = find(data).network
    x = np.zeros((1, 48, 48, 3), np.float32)
    for engine in ENGINES.values():
        with suppress(RefnetError):
            to_tensors(found, engine)
    with suppress(RefnetError):
        for _ in evaluate(found, ENGINES["tflm"], x):
            pass
    return True


def stating(kind: str, side: str, number: int, **stated: object) -> bytes:
    """The file with something else stated of a tensor's codes."""
    model = tflite_file.load(content("swish.tflite"))
    operator = next(each for each in model.operators if each.kind == kind)
    at = getattr(operator, side)[number]
    tensors = list(model.tensors)
    tensors[at] = replace(tensors[at], quantisation=tensors[at].quantisation._replace(**stated))
    return written(replace(model, tensors=tuple(tensors)))


@pytest.mark.parametrize("kind, side, number", PLACES)  # noqa: PT006
@pytest.mark.filterwarnings("ignore:(overflow|invalid|divide by zero)")
def test_impossible_numbers(kind, side, number):
    """One scale or zero point after the other, of one tensor."""
    read = 0
    for value in SCALES:
        with suppress(RefnetError):
            read += judge(stating(kind, side, number, scale=np.array([value], np.float32)))
    for value in ZERO_POINTS:
        with pytest.raises(RefnetError):
            judge(stating(kind, side, number, zero_point=np.array([value], np.int64)))
    assert read <= 3  # what is only small or large


@pytest.mark.parametrize("kind, side, number", PLACES)  # noqa: PT006
def test_another_number_of_scales(kind, side, number):
    with pytest.raises(CheckpointError):
        judge(stating(kind, side, number, scale=np.full(5, 0.1, np.float32)))
    with pytest.raises(CheckpointError):
        judge(stating(kind, side, number, zero_point=np.zeros(0, np.int64)))


@pytest.mark.parametrize("axis", [-1, 1, 3, 4, 1 << 30])
def test_another_axis(axis):
    with pytest.raises(CheckpointError):
        judge(stating("CONV_2D", "inputs", 1, axis=axis))


def own_output(file: File) -> None:
    operator = file.of_kind(OPERATORS.CONV_2D)[1]
    operator.inputs = [operator.outputs[0], *operator.inputs[1:]]


def in_a_circle(file: File) -> None:
    first, second = file.of_kind(OPERATORS.CONV_2D)[1:3]
    first.inputs = [second.outputs[0], *first.inputs[1:]]
    second.inputs = [first.outputs[0], *second.inputs[1:]]


def reshaped_to_itself(file: File) -> None:
    """A walk past reshapes has no end there."""
    mean = file.of_kind(OPERATORS.MEAN)[-1]
    number = mean.outputs[0]
    for operator in (made := file.operator(OPERATORS.RESHAPE, schema.ReshapeOptionsT(), [number], like=number),):
        operator.outputs = [number]
    file.graph.operators.append(made)


def made_twice(file: File) -> None:
    first, second = file.of_kind(OPERATORS.CONV_2D)[:2]
    second.outputs = list(first.outputs)


def backwards(file: File) -> None:
    file.graph.operators.reverse()


def without_operators(file: File) -> None:
    file.graph.operators = []


def buffer_elsewhere(offset: int, size: int):
    def change(file: File) -> None:
        buffer = file.model.buffers[place(file, "CONV_2D", "inputs", 1).buffer]
        buffer.data, buffer.offset, buffer.size = None, offset, size

    return change


def number_of_a_buffer(file: File) -> None:
    place(file, "CONV_2D", "inputs", 1).buffer = 1 << 20


def weights_of_another_shape(file: File) -> None:
    place(file, "CONV_2D", "inputs", 1).shape = [8, 3, 3, 4]


def picture_as_weights(file: File) -> None:
    operator = file.of_kind(OPERATORS.CONV_2D)[1]
    operator.inputs = [operator.inputs[0], operator.inputs[0], operator.inputs[2]]


def one_input(file: File) -> None:
    operator = file.of_kind(OPERATORS.ADD)[0]
    operator.inputs = [operator.inputs[0]] * 2


def of_type(kind: int, side: str = "outputs", number: int = 0):
    def change(file: File) -> None:
        place(file, "CONV_2D", side, number).type = kind

    return change


@pytest.mark.parametrize(
    "change",
    [
        own_output, in_a_circle, reshaped_to_itself, made_twice, backwards, without_operators, number_of_a_buffer,
        weights_of_another_shape, picture_as_weights, one_input,
        buffer_elsewhere(1 << 40, 216), buffer_elsewhere(8, 1 << 63), buffer_elsewhere(8, 100),
        of_type(schema.TensorType.UINT8), of_type(schema.TensorType.INT16), of_type(schema.TensorType.FLOAT32),
        of_type(schema.TensorType.INT4, "inputs", 1), of_type(schema.TensorType.INT64, "inputs", 2),
    ],
)  # fmt: skip
def test_impossible_graphs(change):
    file = File(content("swish.tflite"))
    change(file)
    with pytest.raises((CheckpointError, InputError)):
        judge(file.packed())
