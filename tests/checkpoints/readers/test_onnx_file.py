"""ONNX files: read as the onnx package reads them, and hostile ones refused.

Written by PyTorch, as people export the published networks, and by the onnx package.
"""

import hashlib
import io
import tracemalloc

import numpy as np
import onnx
import pytest
import timm
import torch
from efficientnet_pytorch import EfficientNet
from helpers.refusal import refuse
from helpers.tf_writer import field, number
from onnx import TensorProto, helper, numpy_helper
from torchvision import models

from refnet.architecture.variants import variant
from refnet.checkpoints.names_and_shapes import publishers_by_names, variant_by_shapes
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers import onnx_file, protobuf
from refnet.checkpoints.state_dict import BFLOAT16, widen
from refnet.errors import CheckpointError

# Written by PyTorch ---------------------------------------------------------------------------------------------------

NETWORKS = {
    "timm": lambda: timm.create_model("efficientnet_b0", num_classes=10),
    "torchvision": lambda: models.efficientnet_b0(num_classes=10),
    "lukemelas": lambda: EfficientNet.from_name("efficientnet-b0", num_classes=10),
}
# Those of the one exporter that the installed PyTorch has without another package.
LEGACY = [
    "ignore:You are using the legacy TorchScript-based ONNX export:DeprecationWarning",
    "ignore:The feature will be removed:DeprecationWarning",
    "ignore:Constant folding - Only steps=1 can be constant folded:UserWarning",
    "ignore:Converting a tensor to a Python (boolean|float|integer):torch.jit.TracerWarning",
]
legacy_exporter = pytest.mark.filterwarnings(*LEGACY)


def exported(model: torch.nn.Module, **how) -> bytes:
    if isinstance(model, EfficientNet):
        model.set_swish(memory_efficient=False)  # its own function is one that ONNX does not have
    buffer = io.BytesIO()
    torch.onnx.export(model.eval(), torch.zeros(1, 3, 32, 32), buffer, dynamo=False, **how)
    return buffer.getvalue()


def weights_of(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def randomize(model: torch.nn.Module) -> None:
    """No two tensors alike, as after training."""
    generator = torch.Generator().manual_seed(0)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5, generator=generator)


@legacy_exporter
@pytest.mark.parametrize("trained", [True, False], ids=["trained", "fresh"])
@pytest.mark.parametrize("family", NETWORKS)
def test_a_published_network(family, trained):
    """Of a fresh one most tensors are equal: the file has each once, with all its names."""
    model = NETWORKS[family]()
    if trained:
        randomize(model)
    data = exported(model, do_constant_folding=False)
    initializers = onnx.load_from_string(data).graph.initializer
    found, expected = onnx_file.load(data), weights_of(model)
    assert len(initializers) == (len(expected) if trained else len({a.tobytes() for a in expected.values()}))
    assert found.tensors.keys() == expected.keys()
    assert found.dropped == ()
    for name, array in expected.items():
        assert (found.tensors[name].shape, found.tensors[name].dtype) == (array.shape, np.float32)
        assert found.tensors[name].tobytes() == array.tobytes()

    assert family in publishers_by_names(found.tensors)
    publisher = PUBLISHERS[family]
    architecture = variant_by_shapes({name: array.shape for name, array in found.tensors.items()}, publisher)
    assert architecture == variant("b0", classes=10)
    tensors = publisher.to_ours(found.tensors, architecture).tensors
    assert publisher.to_theirs(tensors, architecture).keys() == expected.keys()


# Written by the onnx package ------------------------------------------------------------------------------------------


def model_of(*initializers: TensorProto, nodes=(), **more) -> bytes:
    return helper.make_model(helper.make_graph(nodes, "g", [], [], initializers, **more)).SerializeToString()


ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "special": np.float32([np.nan, np.inf, -np.inf, -0.0, 1e-45]),
    "double": np.float64([[1e300], [-5e-324]]),
    "half": np.float16([[[1.5, -65504, 6e-8]]]),
    "rank_8": np.arange(4, dtype=np.float32).reshape(1, 2, 1, 2, 1, 1, 1, 1),
}
INTEGERS = {"shape": np.int64([1, -1]), "axes": np.int32([[3]]), "mask": np.array([True, False])}
SCALARS = {"six": np.float32(6), "half_scalar": np.float16(1), "step": np.int64(9)}
NOTHING = {"roi": np.zeros(0, np.float32), "none": np.zeros((2, 0, 3), np.float16)}


def typed(array: np.ndarray, name: str) -> TensorProto:
    """Values in the field of their type, not as raw bytes."""
    return helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.ravel())


@pytest.mark.parametrize("write", [numpy_helper.from_array, typed], ids=["raw", "typed"])
def test_every_type_and_shape(write):
    constants = INTEGERS | SCALARS | NOTHING
    data = model_of(*(write(array, name) for name, array in (ARRAYS | constants).items()))
    found = onnx_file.load(data)
    theirs = {i.name: numpy_helper.to_array(i) for i in onnx.load_from_string(data).graph.initializer}
    assert list(found.tensors) == list(ARRAYS)
    for name, array in found.tensors.items():
        assert (array.dtype, array.shape) == (theirs[name].dtype, theirs[name].shape)
        assert array.tobytes() == theirs[name].tobytes() == ARRAYS[name].tobytes()
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert array.flags.writeable
    assert found.dropped == tuple((name, onnx_file.CONSTANT) for name in constants)


@pytest.mark.parametrize("raw", [True, False])
def test_bfloat16(raw):
    values = np.float32([1, -2.5, 2.0**127, 0])
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    content = bits.tobytes() if raw else values
    found = onnx_file.load(model_of(helper.make_tensor("x", TensorProto.BFLOAT16, (2, 2), content, raw=raw)))
    (array,) = found.tensors.values()
    assert (array.dtype, array.shape) == (BFLOAT16, (2, 2))
    assert array["bfloat16"].ravel().tolist() == bits.tolist()
    assert widen(array).ravel().tolist() == values.tolist()


def test_names_by_identity():
    nodes = [
        helper.make_node("Identity", ["x"], ["y"]),
        helper.make_node("Identity", ["y"], ["z"]),
        helper.make_node("Identity", ["input"], ["output"]),
        helper.make_node("Identity", ["zero"], ["nought"]),
        helper.make_node("Relu", ["x"], ["w"]),
    ]
    x, zero = (numpy_helper.from_array(np.float32(value), name) for name, value in (("x", [1, 2]), ("zero", 0)))
    found = onnx_file.load(model_of(x, zero, nodes=nodes))
    assert list(found.tensors) == ["x", "y", "z"]
    assert found.tensors["z"] is found.tensors["x"]
    assert [name for name, _ in found.dropped] == ["zero", "nought"]


def test_metadata():
    model = helper.make_model(helper.make_graph([], "g", [], []))
    helper.set_model_props(model, {"author": "jemand", "Größe": ""})
    assert onnx_file.load(model.SerializeToString()).metadata == {"author": "jemand", "Größe": ""}
    assert onnx_file.load(model_of()).metadata == {}


def test_from_a_file(tmp_path):
    data = model_of(numpy_helper.from_array(ARRAYS["matrix"], "matrix"))
    (tmp_path / "net.onnx").write_bytes(data)
    assert onnx_file.read(tmp_path / "net.onnx").tensors["matrix"].tolist() == ARRAYS["matrix"].tolist()
    (tmp_path / "net.onnx").write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match=r"net\.onnx: not an ONNX file, or cut short: a message is cut short"):
        onnx_file.read(tmp_path / "net.onnx")


def test_a_graph():
    """Nodes with attributes of each kind, and what goes in and out."""
    attributes = {"i": 3, "f": 1e-3, "s": "SAME", "ints": [1, -2], "floats": [0.1, 6.0], "t": typed(SCALARS["six"], "")}
    nodes = [
        helper.make_node("Conv", ["x", "", "w"], ["y"], name="c", **attributes),
        helper.make_node("Foo", ["y"], ["z"], domain="my.own", other=["a", "b"]),
    ]
    w = numpy_helper.from_array(np.float32([1]), "w")
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", ["N", 3, None, 8]), ("w", [1]))]
    outputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, [w]), opset_imports=[helper.make_opsetid("", 13)]
    )
    found = onnx_file.load(model.SerializeToString())
    conv, foo = found.nodes
    assert (conv.name, conv.op_type, conv.inputs, conv.outputs) == ("c", "Conv", ("x", "", "w"), ("y",))
    six = conv.attributes["t"]
    assert conv.attributes == {"i": 3, "f": 0.001, "s": "SAME", "ints": (1, -2), "floats": (0.1, 6.0), "t": six}
    assert six == np.float32(6)
    assert (foo.op_type, foo.attributes) == ("my.own.Foo", {"other": onnx_file.OTHER})
    assert found.inputs == (onnx_file.Input("x", TensorProto.FLOAT, ("N", 3, None, 8)),)
    assert (found.outputs, found.opset, list(found.constants)) == (("z",), 13, ["w"])


# Values beside the file -----------------------------------------------------------------------------------------------


@pytest.fixture
def two_files(tmp_path):
    model = onnx.load_from_string(
        model_of(*(numpy_helper.from_array(np.arange(n, dtype=np.float32), f"x{n}") for n in (5, 7)))
    )
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, size_threshold=0, location="net.data")
    return tmp_path / "net.onnx"


def test_values_in_another_file(two_files):
    found = onnx_file.read(two_files)
    assert [found.tensors[f"x{n}"].tolist() for n in (5, 7)] == [list(range(5)), list(range(7))]
    data = (two_files.parent / "net.data").read_bytes()
    assert found.beside == {"net.data": hashlib.sha256(data).hexdigest()}


def test_the_other_file_is_missing_or_short(two_files):
    beside = two_files.parent / "net.data"
    data = beside.read_bytes()
    beside.write_bytes(data[:-1])
    with pytest.raises(
        CheckpointError, match=r"'x7': its 28 bytes are said to be 28 from \d+ of 'net.data', which has"
    ):
        onnx_file.read(two_files)
    beside.unlink()
    with pytest.raises(
        CheckpointError, match=r"net\.onnx: 'x5': its values are in 'net.data', .* put both files in one"
    ):
        onnx_file.read(two_files)
    beside.mkdir()
    with pytest.raises(CheckpointError, match="not beside the model"):
        onnx_file.read(two_files)
    with pytest.raises(CheckpointError, match=r"'x5': its values are in another file, 'net.data'"):
        onnx_file.load(two_files.read_bytes())


@pytest.mark.parametrize(
    "place", ["../secret", "/etc/hostname", "a/../../secret", "link", "folder/link", "c:\\secret", "", "."]
)
def test_no_file_outside_the_folder_is_read(place, tmp_path):
    folder = tmp_path / "net"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(bytes(24))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder" / "link").symlink_to("../../secret")
    entry = field(13, field(1, b"location") + field(2, place.encode()))
    (folder / "net.onnx").write_bytes(graph(tensor((14, 1), values=[]) + entry))
    with pytest.raises(
        CheckpointError, match=r"'x': its values are .*(outside the model's folder|not beside the model)"
    ):
        onnx_file.read(folder / "net.onnx")


def test_a_file_in_a_folder_beside_is_read(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_bytes(b"...." + FLOATS)
    entries = [("location", b"data/x"), ("offset", b"4"), ("length", b"24")]
    content = tensor((14, 1), values=[]) + b"".join(field(13, field(1, k.encode()) + field(2, v)) for k, v in entries)
    (tmp_path / "net.onnx").write_bytes(graph(content))
    assert onnx_file.read(tmp_path / "net.onnx").tensors["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "entries", [{"offset": "-4"}, {"offset": "1e3"}, {"length": "23"}, {"offset": "9" * 30}, {"offset": "4"}]
)
def test_places_that_cannot_be(entries, tmp_path):
    (tmp_path / "x").write_bytes(FLOATS)
    found = {"location": "x"} | entries
    content = tensor((14, 1), values=[])
    content += b"".join(field(13, field(1, k.encode()) + field(2, v.encode())) for k, v in found.items())
    (tmp_path / "net.onnx").write_bytes(graph(content))
    with pytest.raises(CheckpointError, match=r"'x': (its 24 bytes are said|the place)"):
        onnx_file.read(tmp_path / "net.onnx")


# Hostile files --------------------------------------------------------------------------------------------------------

FLOATS = np.arange(6, dtype="<f4").tobytes()
HUGE = 1 << 62


def tensor(*fields: tuple[int, object], dims=(2, 3), kind: object = 1, name: object = b"x", values=((9, FLOATS),)):
    """An initialiser, field by field, whatever they say."""
    named = [*((1, side) for side in dims), (2, kind), (8, name), *values, *fields]
    return b"".join(field(key, value) for key, value in named)


def graph(*tensors: bytes, more: bytes = b"") -> bytes:
    return field(7, b"".join(field(5, each) for each in tensors) + more)


def node(kind: bytes, *more: bytes) -> bytes:
    return field(1, field(4, kind) + b"".join(more))


def packed(*numbers: int) -> bytes:
    return b"".join(map(number, numbers))


def test_the_assembler_makes_good_files():
    """And fields that are packed or not, of whichever kind, are the same."""
    for one in (
        tensor(),
        tensor((14, 0)),
        tensor(dims=[packed(2, 3)]),
        tensor(dims=[2, packed(3)]),
        tensor(values=[(4, FLOATS)]),
        tensor(values=[(4, FLOATS[:8]), (4, FLOATS[8:])]),
        tensor() + b"\xf8\x07\x01",
    ):
        (array,) = onnx_file.load(graph(one)).tensors.values()
        assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    singly = b"".join(b"\x25" + FLOATS[i : i + 4] for i in range(0, 24, 4))
    assert onnx_file.load(graph(tensor(values=[]) + singly)).tensors["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    halves = [tensor(kind=10, dims=[2], values=values) for values in ([(5, packed(15360, 0))], [(5, 15360), (5, 0)])]
    assert [onnx_file.load(graph(half)).tensors["x"].tolist() for half in halves] == [[1, 0]] * 2


HOSTILE = {
    "not an ONNX file, or cut short": [
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
        graph(tensor())[:-1],
        b"\x0b",
        b"\x80" * 11,
    ],
    "not an ONNX file: it has 0 graphs": [b"", field(1, 8)],
    "it has 2 graphs": [graph(tensor()) * 2],
    "a number where a message": [field(7, 1), field(7, field(5, 1)), field(7, field(1, 1)), graph(more=field(15, 1))],
    "cut short": [graph(tensor()[:-1]), graph(more=field(1, b"\x0a\x05a"))],
    "sparse": [graph(more=field(15, field(1, tensor())))],
    "a constant without a name": [graph(tensor(name=b"")), graph(field(9, FLOATS) + field(1, 0))],
    "two constants of the name 'x'": [
        graph(tensor(), tensor()),
        graph(tensor(), more=node(b"Identity", field(1, b"x"), field(2, b"x"))),
        graph(tensor(), tensor(dims=[0])),
    ],
    "not one text": [
        graph(tensor((8, b"y"))),
        graph(tensor(name=b"\xff")),
        graph(more=node(b"Identity", field(4, b""))),
    ],
    "'x': field 2 of a message is not one number": [graph(tensor((2, 1))), graph(tensor(kind=b"1"))],
    "'x': (its values are both here|it is one of several pieces|field 1[34] of a message is)": [
        graph(tensor(*fields))
        for fields in ([(14, 1)], [(14, 2)], [(14, 0), (14, 1)], [(13, b"")], [(13, 1)], [(14, b"")], [(3, b"")])
    ],
    "'x': its values are in another file": [graph(tensor((14, 1), values=[]))],
    "'x': it is of ONNX's type": [graph(tensor(kind=kind)) for kind in (0, 2, 3, 4, 5, 8, 12, 13, 14, 17, 22, 99, -1)],
    "'x': the shape .* is impossible": [
        graph(tensor(dims=dims, values=values))
        for dims in ([HUGE], [-2, -3], [1 << 16] * 2, [0, HUGE], [0, 1 << 31, 2], [1] * 9, [bytes([1]) * 9], [0] * 9)
        for values in ([(9, FLOATS)], [])
    ],
    "'x': float32.* is not of .* bytes": [
        graph(tensor(dims=[7])),
        graph(tensor(dims=[1 << 31])),
        graph(tensor(values=[(9, FLOATS[:-1])])),
        graph(tensor(values=[(9, b"")])),
        graph(tensor(values=[(4, FLOATS[:-1])])),
        graph(tensor(values=[(4, FLOATS), (4, 0)])),
        graph(tensor(values=[(4, 0)])),
    ],
    "'x': float16.* is not of .* bytes": [
        graph(tensor(kind=10)),
        graph(tensor(kind=10, values=[(5, packed(1, 2, 3))])),
    ],
    r"'x': its values are in the fields \[.*\], not all in 9": [
        graph(tensor(values=[])),
        graph(tensor((4, FLOATS))),
        graph(tensor((9, FLOATS))),
        graph(tensor(values=[(5, packed(*range(6)))])),
        graph(tensor(kind=16, values=[(4, FLOATS)])),
    ],
    "'x': 65536 is not the bits": [graph(tensor(kind=10, values=[(5, packed(0, 0, 0, 0, 0, 65536))]))],
    "'x': 18446744073709551615 is not the bits": [graph(tensor(kind=16, values=[(5, -1)] * 6))],
    "'x': a number does not fit 4 bytes": [graph(tensor(values=[(4, 1 << 32)] * 6))],
    "'x': a variable-length number": [
        graph(tensor(dims=[b"\x80"])),
        graph(tensor(kind=10, values=[(5, b"\xff" * 12)])),
    ],
    "more than 65536 fields": [graph(b"\x20\x00" * (protobuf.MAX_FIELDS + 1)), b"\x08\x00" * (protobuf.MAX_FIELDS + 1)],
    "'x': field 9 .* a number": [graph(tensor(values=[(9, 5)]))],
}


@pytest.mark.parametrize(("data", "message"), [(data, m) for m, every in HOSTILE.items() for data in every])
def test_hostile(data, message):
    """Refused for this reason, taking memory in proportion to the file only."""
    refuse(onnx_file.load, data, message, (1 << 20) + 40 * len(data))


def test_names_without_end_share_their_array():
    """A file of many names for one tensor takes no more memory than its names."""
    names = [field(1, b"x") + field(2, b"y%d" % i) for i in range(10_000)]
    data = graph(
        tensor(dims=[1 << 16], values=[(9, bytes(4 << 16))]), more=b"".join(node(b"Identity", n) for n in names)
    )
    tracemalloc.start()
    try:
        assert len(onnx_file.load(data).tensors) == 10_001
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_cut_short_anywhere():
    data = graph(tensor(), tensor(name=b"y", kind=10, values=[(5, packed(*range(6)))]))
    for length in range(len(data)):
        with pytest.raises(CheckpointError):
            onnx_file.load(data[:length])
