"""Every reader on damaged files: it returns, or raises a CheckpointError, and nothing else happens.

Nothing else: no other error and no warning, no file opened, no module imported, no time and no memory out of
proportion. Checksums would refuse almost every damaged file at the door; a hostile one has good checksums, so here
all checksums are good.
"""

import argparse
import gzip
import io
import pathlib
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from helpers import fuzzing, integer_networks
from helpers.fuzzing import CHANGES, changed, fuzzed, harmless
from helpers.places import DATA
from helpers.tf_writer import entry, field, packed, shape_of, table
from helpers.tflite_files import first_operators
from helpers.tflite_metadata import NORMALIZATION, metadata
from helpers.torch_files import SCRIPT, legacy, tensor
from hypothesis import given
from onnx import helper, numpy_helper

from refnet.checkpoints.graph.from_onnx import graph_of
from refnet.checkpoints.graph.match import match
from refnet.checkpoints.graph.tflite.program import from_tflite
from refnet.checkpoints.readers import npz_file, onnx_file, safetensors_file
from refnet.checkpoints.readers.tensorflow import bundle_index, object_graph, saved_model, tar, tensor_bundle
from refnet.checkpoints.readers.tflite import metadata as tflite_metadata
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.checkpoints.readers.torch import torch_file
from refnet.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("good_checksums")

# Files and their readers ----------------------------------------------------------------------------------------------


def saved(new: bool) -> bytes:
    base = torch.arange(6.0)
    content = {
        "epoch": 3,
        "state_dict": {"a": base.reshape(2, 3).t(), "b": base[::2], "c": torch.nn.Parameter(base.half())},
        "state_dict_ema": {"n": torch.tensor(5), "d": torch.ones(2, dtype=torch.bfloat16)},
        "optimizer": [1.5, -(1 << 70), None, True, "text", (1, (2,)), {3: []}],
    }
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def saved_with_others() -> bytes:
    """Protocol 4, and all that lies beside tensors."""
    content = {
        "w": torch.ones(2),
        ("a", 1): {1, 2},
        "path": pathlib.PurePosixPath("a/b"),
        "number": np.float64(1),
        "options": argparse.Namespace(lr=0.1, device=torch.device("cpu")),
        "flags": torch.tensor([True]),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer, pickle_protocol=4)
    return buffer.getvalue()


def numpy_archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{"a": np.ones((2, 3), np.float32), "b/c": np.arange(6.0).reshape(2, 3).T, "n": np.array(5)})
    return buffer.getvalue()


def onnx_model() -> bytes:
    arrays = {"a": np.ones((2, 3), np.float32), "h": np.ones(3, np.float16), "i": np.int64([1, 2]), "s": np.float32(6)}
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    constants += [helper.make_tensor("t", onnx.TensorProto.FLOAT, (3,), [1, 2, 3])]
    constants += [helper.make_tensor("b", onnx.TensorProto.BFLOAT16, (2,), [1, 2])]
    nodes = [helper.make_node(kind, ["a"], [kind]) for kind in ("Conv", "BatchNormalization", "Identity")]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], constants))
    helper.set_model_props(model, {"key": "value"})
    return model.SerializeToString()


def onnx_graph() -> bytes:
    """The beginning of a network, with what a graph computes of shapes and constants."""
    arrays = {
        "kernel": np.ones((8, 3, 3, 3), np.float32), "point": np.ones((8, 8, 1, 1), np.float32),
        "deep": np.ones((8, 1, 3, 3), np.float32), "eight": np.ones(8, np.float32),
        "dense": np.ones((8, 5), np.float32), "first": np.int64([0]), "rest": np.int64([-1]), "half": np.float32(0.5),
    }  # fmt: skip
    norm = ["eight"] * 4
    nodes = [
        helper.make_node("Mul", ["x", "half"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "kernel"], ["c"], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("BatchNormalization", ["c", *norm], ["n"], epsilon=1e-3),
        helper.make_node("Sigmoid", ["n"], ["s"]),
        helper.make_node("Mul", ["n", "s"], ["a"]),
        helper.make_node("Conv", ["a", "deep"], ["d"], group=8, auto_pad="SAME_UPPER"),
        helper.make_node("BatchNormalization", ["d", *norm], ["dn"]),
        helper.make_node("Relu", ["dn"], ["da"]),
        helper.make_node("Conv", ["da", "point", "eight"], ["p"]),
        helper.make_node("Add", ["p", "a"], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["m"], axes=[2, 3]),
        helper.make_node("Shape", ["m"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["sides"], axis=0),
        helper.make_node("Reshape", ["m", "sides"], ["v"]),
        helper.make_node("Gemm", ["v", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=-1),
    ]
    x, y = (helper.make_tensor_value_info(name, 1, sides) for name, sides in (("x", [1, 3, 16, 16]), ("y", None)))
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def read_onnx_graph(data: bytes) -> None:
    """As far as a network of one block goes."""
    with suppress(CheckpointError):
        match(graph_of(onnx_file.load(data)))


SIX = np.arange(6, dtype="<f4").tobytes()
INDEX = table({b"a": entry(SIX, shape=shape_of(2, 3)), b"b": entry(SIX[:8], offset=24), b"n": entry(SIX, offset=32)}, 2)
ARCHIVE = packed([("net/", "DIRTYPE"), ("net/x.index", INDEX), ("net/x.data-00000-of-00001", bytes(64))])
STATE = {"a": torch.ones(2, 3), "h": torch.ones(3, dtype=torch.float16), "n": torch.tensor(5)}

TFLITE = first_operators((DATA / "tflite" / "plain.tflite").read_bytes(), 18)


def read_index(data: bytes) -> None:
    parsed = bundle_index.parse(data)
    bundle_index.shard_count(parsed)
    bundle_index.entries(parsed, [64])


def read_tar(data: bytes) -> None:
    for part in tar.members(io.BytesIO(data)).values():
        part.read(0, part.size)


def read_bundle(path: Path) -> None:
    with tensor_bundle.opened(path) as bundle:
        bundle.read([n for n, e in bundle.entries.items() if not e.sliced and e.dtype in tensor_bundle.READABLE])


def read_objects(data: bytes) -> None:
    list(object_graph.places(object_graph.parse(data), 0))


def object_graph_of_three() -> bytes:
    value = field(2, field(1, b"VARIABLE_VALUE") + field(2, b"a/kernel") + field(3, b"a/x"))
    part = field(1, field(1, 1) + field(2, b"a")) + field(1, field(1, 2) + field(2, b"b"))
    return field(1, part) + field(1, value + field(3, field(3, 2))) + field(1, field(1, field(1, 0) + field(2, b"up")))


def keras_metadata() -> bytes:
    layer = b'{"class_name": "Dense", "config": {"name": "d", "units": 3}}'
    model = b'{"class_name": "Functional", "config": {"name": "m", "layers": [' + layer + b"]}}"
    text = b'{"name": "m", "keras_version": "2.21.0", "model_config": ' + model + b"}"
    root = field(3, b"root") + field(4, b"_tf_keras_network") + field(5, text)
    return field(1, root) + field(1, field(2, 1) + field(3, b"root.layer-0") + field(5, b'{"name": "d"}'))


READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "torch-zip": (torch_file.load, saved(new=True)),
    "torch-legacy": (torch_file.load, saved(new=False)),
    "torch-legacy-state": (torch_file.load, legacy({"x": tensor()})),
    "safetensors": (safetensors_file.load, safetensors.torch.save(STATE, {"format": "pt"})),
    "npz": (npz_file.load, numpy_archive()),
    "torch-others": (torch_file.load, saved_with_others()),
    "torch-script": (torch_file.load, SCRIPT),
    "tf-index": (read_index, INDEX),
    "tar": (read_tar, ARCHIVE),
    "tar-pax": (read_tar, packed([("n" * 200, b"text"), ("ö", b"")], kind=1)),
    "onnx": (onnx_file.load, onnx_model()),
    "onnx-graph": (read_onnx_graph, onnx_graph()),
    "tf-objects": (read_objects, object_graph_of_three()),
    "keras-metadata": (saved_model.parse_metadata, keras_metadata()),
    "tflite": (lambda data: from_tflite(tflite_file.load(data)), TFLITE),
    "tflite-integers": (integer_networks.find, integer_networks.content("relu6.tflite")),
    "tflite-metadata": (tflite_metadata.parse, metadata((NORMALIZATION, {0: [1.0], 1: [2.0]}), files=("a.txt",))),
}

# Damage ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: Path(__file__).read_bytes(), "open"),
        (lambda: __import__("this_is_nowhere"), "No module"),
        (lambda: bytes(fuzzing.MEMORY + (1 << 20)), r"took \d+ bytes"),
        (lambda: np.ones(fuzzing.MEMORY), r"took \d+ bytes"),
        (lambda: sum(range(1 << 20)), r"took [0-9.]+ s$"),
        (lambda: int("x"), "invalid literal"),
        (lambda: warnings.warn("careless", stacklevel=1), "careless"),
    ],
)
def test_the_watch_sees_what_is_wrong(wrong, why, monkeypatch):
    monkeypatch.setattr(fuzzing, "SECONDS", 0.001 if why.endswith("s$") else fuzzing.SECONDS)
    with pytest.raises((AssertionError, ValueError, UserWarning, ImportError), match=why), harmless(0):
        wrong()


@pytest.mark.parametrize("name", READERS)
def test_good_files_are_read(name):
    read, data = READERS[name]
    read(data)  # and what is imported late is imported
    with harmless(len(data)):
        read(data)


@pytest.mark.parametrize("name", READERS)
@fuzzed
@given(changes=CHANGES)
def test_damaged(name, changes):
    read, data = READERS[name]
    damaged = changed(data, changes)
    with harmless(len(damaged)):
        read(damaged)


@fuzzed
@given(changes=CHANGES)
def test_damaged_checkpoint_in_an_archive(changes, tmp_path):
    data = changed(ARCHIVE, changes)
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with harmless(len(data), [path]):
        read_bundle(path)


@fuzzed
@given(changes=CHANGES)
def test_damaged_compression(changes):
    data = changed(gzip.compress(ARCHIVE, mtime=0), changes)
    with harmless(len(data), [tempfile.gettempdir()]), tar.decompressed(io.BytesIO(data), len(data)) as file:
        read_tar(file.read())


@fuzzed
@given(index=CHANGES, shard=CHANGES)
def test_damaged_checkpoint_in_files(index, shard, tmp_path):
    (tmp_path / "x.index").write_bytes(changed(INDEX, index))
    (tmp_path / "x.data-00000-of-00001").write_bytes(changed(bytes(64), shard))
    with harmless(4000, [tmp_path / "x.index", tmp_path / "x.data-00000-of-00001"]):
        read_bundle(tmp_path / "x")
