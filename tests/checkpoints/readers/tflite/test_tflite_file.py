"""TensorFlow Lite files as TensorFlow's converter and the schema's own code write them."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from helpers.places import DATA
from helpers.tflite_files import changed

from refnet.checkpoints.readers.tflite import schema as ours
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.errors import CheckpointError

FOLDER = DATA / "tflite"
PLAIN = (FOLDER / "plain.tflite").read_bytes()


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.tflite")))
def test_what_the_interpreter_reads(name):
    """Every tensor: name, type, shape, scale, and the value of each constant; every operator with its tensors."""
    model = tflite_file.read(FOLDER / name)
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(FOLDER / name), experimental_op_resolver_type=plain)
    theirs = [each for each in interpreter.get_tensor_details() if each["index"] < len(model.tensors)]
    assert len(theirs) == len(model.tensors)
    for tensor, their in zip(model.tensors, theirs, strict=True):
        signature = their["shape_signature"] if len(their["shape_signature"]) else their["shape"]
        assert (tensor.name, tensor.dtype) == (their["name"], np.dtype(their["dtype"]).name)
        assert tensor.shape == tuple(signature)
        assert (tensor.quantisation is not None) == (len(their["quantization_parameters"]["scales"]) > 0)
        if tensor.quantisation is not None:
            assert np.array_equal(tensor.quantisation.scale, their["quantization_parameters"]["scales"])
            assert np.array_equal(tensor.quantisation.zero_point, their["quantization_parameters"]["zero_points"])
        if tensor.value is not None:
            assert np.array_equal(tensor.value, interpreter.get_tensor(their["index"]))
    operators = interpreter._get_ops_details()[: len(model.operators)]
    for operator, their in zip(model.operators, operators, strict=True):
        assert operator.kind == their["op_name"]
        assert operator.inputs == tuple(their["inputs"])
        assert operator.outputs == tuple(their["outputs"])


def test_the_schema():
    """Names and numbers of operators, options and types are the schema's."""
    for number, name in enumerate(ours.NAMES):
        assert getattr(schema.BuiltinOperator, name) == number
    for kind, (number, options) in ours.OPTIONS.items():
        names = [name for name, value in vars(schema.BuiltinOptions).items() if value == number]
        made = getattr(schema, f"{names[0]}T")()
        for option in options:
            words = option.name.split("_")
            found = getattr(made, words[0] + "".join(word.title() for word in words[1:]))
            assert (found or 0) == option.default, (kind, option)
    for number, name in enumerate(tflite_file.TYPES):
        assert getattr(schema.TensorType, name.upper()) == number
    for number, name in enumerate(ours.ACTIVATIONS):
        assert getattr(schema.ActivationFunctionType, name) == number


def first(file, kind):
    return next(each for each in file.graph.operators if file.kind(each) == kind)


def set_to(path, value):
    def change(file) -> None:
        *parts, last = path.split(".")
        at = file
        for part in parts:
            at = at[int(part)] if part.isdigit() else getattr(at, part)
        setattr(at, last, value)

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (set_to("model.version", 2), "version 2 .*; 3 is read"),
        (set_to("model.subgraphs", []), "it has 0 graphs"),
        (lambda file: file.model.subgraphs.append(file.graph), "it has 2 graphs"),
        (set_to("graph.tensors.3.buffer", 9999), "there is no buffer 9999"),
        (set_to("graph.operators.3.opcodeIndex", 99), "there is no operator code 99"),
        (set_to("graph.operators.3.inputs", [0, 999]), "a tensor's number is not in -1 to 249"),
        (set_to("graph.operators.3.outputs", [-2]), "a tensor's number is not in -1 to 249"),
        (set_to("graph.operators.3.builtinOptions.fusedActivationFunction", 9), "CONV_2D: .*no activation 9"),
        (set_to("graph.operators.3.builtinOptionsType", 8), "CONV_2D: its options are of the kind 8, not 1"),
        (set_to("graph.outputs", [400]), "a tensor's number"),
        (set_to("graph.tensors.9.shape", [6]), r"tensor 9, .*: float32\[6\] is not of 20 bytes"),
        (set_to("graph.tensors.9.shape", [-6]), r"the shape \[-6\] is impossible"),
        (set_to("graph.tensors.9.shape", [1] * 9), "is impossible"),
        (set_to("graph.tensors.9.name", "x" * 9000), "a name of 9000 letters"),
    ],
)
def test_refused(change, why):
    with pytest.raises(CheckpointError, match=why):
        tflite_file.load(changed(PLAIN, change))


def test_another_file():
    with pytest.raises(CheckpointError, match="not a TensorFlow Lite file"):
        tflite_file.load(b"\0" * 100)


def test_constants_that_share_bytes():
    """The converter gives two tensors one constant at times; not thousands."""

    def share(file) -> None:
        large = max(file.graph.tensors, key=lambda tensor: int(np.prod(tensor.shape)) * (tensor.type == 0))
        for number in range(200):
            tensor = schema.TensorT()
            tensor.shape, tensor.type, tensor.buffer, tensor.name = large.shape, 0, large.buffer, str(number)
            file.graph.tensors.append(tensor)
        file.model.buffers[large.buffer].data = np.zeros(4 * int(np.prod(large.shape)), np.uint8)

    with pytest.raises(CheckpointError, match="share bytes"):
        tflite_file.load(changed(PLAIN, share))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (set_to("graph.tensors.9.isVariable", True), "a variable"),
        (set_to("graph.tensors.9.sparsity", schema.SparsityParametersT()), "sparse"),
    ],
)
def test_strange_tensors(change, what):
    assert tflite_file.load(changed(PLAIN, change)).tensors[9].strange == what


def test_a_constant_behind_the_graph():
    """So larger files than 2 GB are written."""
    bias = np.arange(5, dtype=np.float32).tobytes()
    data = changed(PLAIN, lambda file: _move(file, 1 << 20, len(bias)))
    data = data.ljust(1 << 20, b"\0") + bias
    assert tflite_file.load(data).tensors[9].value.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(CheckpointError, match="behind its end"):
        tflite_file.load(data[:-1])


def _move(file, offset, size) -> None:
    buffer = file.model.buffers[file.graph.tensors[9].buffer]
    buffer.data, buffer.offset, buffer.size = None, offset, size
