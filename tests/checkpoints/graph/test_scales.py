"""Batch norms of which a converter left a scale and a shift; whole networks as tf2onnx writes them.

The files in tests/data/tf2onnx were written by tools/make_tf2onnx_fixtures.py, which says what each one is.
"""

import numpy as np
import onnxruntime
import pytest
from helpers.graphs import TINY, changed, graph_of
from helpers.places import DATA

from refnet.architecture.scaling import Coefficients
from refnet.architecture.top import Top
from refnet.architecture.variants import efficientnet
from refnet.checkpoints.graph.from_onnx import graph_of as graph_of_onnx
from refnet.checkpoints.graph.graph import Graph, Node
from refnet.checkpoints.graph.match import Found, match
from refnet.checkpoints.graph.scales import scales
from refnet.checkpoints.readers import onnx_file
from refnet.errors import CheckpointError
from refnet.network import Network
from refnet.preprocessing.normalise import normalise
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights.weights import Provenance, Weights

FOLDER = DATA / "tf2onnx"
EXPECTED = np.load(FOLDER / "expected.npz")
NARROW = efficientnet(Coefficients(0.02, 0.3, 64), name="tiny")
PARTLY = "batch norms are folded into the convolutions but for some, of which a scale and a shift are left"


def answer(found: Found, pixels: np.ndarray) -> np.ndarray:
    origin = Provenance("keras")
    weights = Weights(found.architecture, found.padding, found.bn_eps, TENSORFLOW, found.tensors, None, origin)
    return Network(weights, dtype="float64", threads=1).answer(normalise(pixels, found.normalise))


@pytest.mark.parametrize(("name", "folded"), [("keras2", True), ("keras3", False)])
def test_a_network_as_tf2onnx_has_it(name, folded):
    found = match(graph_of_onnx(onnx_file.read(FOLDER / f"{name}.onnx")), candidates=[NARROW])
    assert (found.architecture.folded, found.bn_eps, found.architecture.top) == (folded, 0, Top())
    assert (PARTLY in found.told) != folded
    pixels = EXPECTED["pixels"].astype(np.float32)
    session = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: pixels})[0]
    assert np.abs(answer(found, pixels) - theirs).max() < 1e-5 * np.sqrt(np.mean(np.square(theirs)))
    assert np.abs(answer(found, pixels) - EXPECTED[name]).max() < 1e-5


# By hand --------------------------------------------------------------------------------------------------------------


def chain(*nodes: Node, bias: bool = False) -> dict[str, Node]:
    tensors = {"kernel": np.ones((1, 1, 3, 2), np.float32)} | ({"bias": np.float32([5, 6])} if bias else {})
    every = [Node("x", "input", "input"), Node("conv", "Conv", "convolution", ("x",), {}, tensors), *nodes]
    return {node.name: node for node in every}


def scale(constant, name: str = "scale", before: str = "conv", op: str = "multiply") -> Node:
    return Node(name, "Mul", op, (before,), {}, {"constant": np.asarray(constant, np.float32)}, {"constant": "c"})


def test_a_scale_and_a_shift():
    found, _ = scales(chain(scale([2, 3]), scale([4, 5], "shift", "scale", "add")), "shift")
    norm = found["shift"]
    assert (norm.op, norm.inputs, norm.settings["eps"]) == ("batch_norm", ("conv",), 0)
    numbers = {name: array.tolist() for name, array in norm.tensors.items()}
    assert numbers == {"gamma": [2, 3], "beta": [4, 5], "mean": [0, 0], "variance": [1, 1]}
    assert norm.sources == {"gamma": "c", "beta": "c"}


def test_a_bias_before_the_scale_is_a_mean():
    found, _ = scales(chain(scale(2), bias=True), "scale")
    numbers = {name: array.tolist() for name, array in found["scale"].tensors.items()}
    assert numbers == {"gamma": [2, 2], "beta": [0, 0], "mean": [-5, -6], "variance": [1, 1]}
    assert "bias" not in found["conv"].tensors


@pytest.mark.parametrize(
    "nodes",
    [
        [scale(np.ones((2, 2)))],  # another number for each pixel
        [scale([2, 3]), scale([2, 3], "other")],  # the sums are read twice
        [scale([2, 3], "other", "x")],
    ],
)
def test_anything_else_stays(nodes):
    every = chain(*nodes)
    found, _ = scales(every, nodes[-1].name)
    assert [node.op for node in found.values()] == [node.op for node in every.values()]


def test_one_batch_norm_as_it_was_and_others_folded_is_refused():
    """An epsilon cannot be both: then nothing is exact."""
    graph = graph_of(TINY)
    norm = graph.nodes["stem.batch_norm"]
    gone = changed(graph, "stem.batch_norm", op="multiply", tensors={"constant": norm.tensors["gamma"]}, settings={})
    with pytest.raises(CheckpointError, match=r"has an epsilon of 0; the other batch norms have 0\.001"):
        match(Graph(gone.nodes, gone.outputs), candidates=[TINY])
