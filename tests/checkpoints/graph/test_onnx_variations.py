"""One fact of an ONNX graph is changed: the network found computes what the onnx package computes of the changed graph.

Or the graph is refused, by a line that can be read. Nothing else may happen, whatever the fact.
"""

from functools import cache

import numpy as np
import onnx
import pytest
import torch
from helpers.onnx_networks import NETWORKS, answer, exported, find, interpreted, picture, timm_network, trained
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from refnet.errors import CheckpointError, WeightsError


class WithTop(torch.nn.Module):
    """Scaled input, GeM, a hidden layer, a batch norm, and softmax: as people build them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = timm_network(num_classes=0, global_pool="")
        self.hidden = torch.nn.Linear(NETWORKS[0].head_channels, 7)
        self.norm = torch.nn.BatchNorm1d(7)
        self.last = torch.nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body((x * 0.5 - 0.25) / 0.125)
        x = torch.nn.functional.adaptive_avg_pool2d(x.clamp(min=1e-6).pow(4.0), 1).pow(0.25)
        x = self.norm(torch.relu(self.hidden(torch.nn.functional.dropout(x.flatten(1), 0.5, self.training))))
        return torch.softmax(self.last(x) / 1.5, 1)


MODELS = {
    "plain": lambda: (timm_network(), {"do_constant_folding": False}),
    "folded": lambda: (timm_network(same=True, eps=1e-3), {}),
    "lite": lambda: (timm_network(lite=True, same=True, eps=1e-3), {"do_constant_folding": False}),
    "top": lambda: (trained(WithTop()), {"do_constant_folding": False}),
}
names = st.sampled_from(list(MODELS))


@cache
def base(name: str) -> bytes:
    model, how = MODELS[name]()
    return exported(model, **how)


def compared(data: bytes) -> str:
    """``agrees``, ``refused``, or, where the onnx package cannot run it either, ``impossible``."""
    try:
        found = find(data)
    except CheckpointError as error:
        assert len(str(error)) < 800  # noqa: PT017
        return "refused"
    theirs = interpreted(data, picture())
    if theirs is None:
        return "impossible"
    try:
        ours = answer(found, picture())
    except WeightsError:  # a variance below 0 and the like, which conversion checks last
        return "refused"
    assert ours.size == theirs.size
    distance = np.abs(ours.reshape(theirs.shape) - theirs).max()
    assert distance <= 1e-9 * max(np.sqrt(np.mean(np.square(theirs))), 1e-3)
    return "agrees"


@pytest.mark.parametrize("name", MODELS)
def test_the_files_themselves(name):
    assert compared(base(name)) == "agrees"


# Changes --------------------------------------------------------------------------------------------------------------


def constant(graph, name: str):
    """The initialiser, or the constant's attribute, of a name."""
    for tensor in graph.initializer:
        if tensor.name == name:
            return tensor
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] == name:
            return node.attribute[0].t
    return None


def arithmetic_nodes(graph) -> list:
    """Nodes that the picture goes through."""
    live = {graph.input[0].name}
    found = []
    for node in graph.node:
        if live & set(node.input) and node.op_type not in ("Shape", "Gather"):
            live |= set(node.output)
            found.append(node)
    return found


def of_kind(graph, *kinds: str):
    return st.sampled_from([node for node in graph.node if node.op_type in kinds] or [None])


def set_attribute(node, name: str, value) -> None:
    for attribute in list(node.attribute):
        if attribute.name == name:
            node.attribute.remove(attribute)
    if value is not None:
        node.attribute.append(helper.make_attribute(name, value))


def attribute(kinds, name: str, *values):
    """A change of one attribute of one node."""

    def change(graph, draw) -> None:
        node = draw(of_kind(graph, *kinds))
        assume(node is not None)
        set_attribute(node, name, draw(st.sampled_from(values)))

    return change


FUNCTIONS = ("Sigmoid", "Relu", "Tanh", "HardSigmoid", "HardSwish", "Elu", "Softplus", "Abs", "Identity")
SHAPES = ((), (1,), (8, 1, 1), (1, 8, 1, 1), (5,), (3,), (1, 1), (7,), (1, 160), (20,), (160, 1, 1))
ZEROS = ((0, 0, 0, 0, 0, 0, 1, 1), (0, 0, 1, 1, 0, 0, 1, 1), (0,) * 8, (0, 1, 0, 0, 0, 0, 0, 0))
PADS = ([0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [0, 0, 1, 1], [1, 1, 2, 2], [1, 0, 1, 0], None)
POOLS = {"GlobalAveragePool": ["GlobalMaxPool", "GlobalLpPool"], "ReduceMean": ["ReduceMax", "ReduceSum", "ReduceL2"]}


def activation(graph, draw) -> None:
    node = draw(of_kind(graph, "Sigmoid", "Relu", "Clip", "Softmax"))
    node.op_type = draw(st.sampled_from(FUNCTIONS))
    del node.attribute[:]
    del node.input[1:]


def insert(graph, draw, kind: str, *more: str, **attributes) -> None:
    """A node behind another one."""
    place = draw(st.sampled_from(arithmetic_nodes(graph)))
    at = list(graph.node).index(place) + 1
    name = place.output[0]
    for node in graph.node[at:]:
        for i, each in enumerate(node.input):
            if each == name:
                node.input[i] = "inserted"
    if graph.output[0].name == name:
        graph.output[0].name = "inserted"
    graph.node.insert(at, helper.make_node(kind, [name, *more], ["inserted"], name="inserted", **attributes))


def arithmetic(graph, draw) -> None:
    """A constant more, anywhere: one number, one for each channel, one for each column."""
    shape = draw(st.sampled_from(SHAPES))
    value = draw(st.sampled_from([0.0, 1.0, 2.0, -1.0, 0.5]))
    graph.initializer.append(numpy_helper.from_array(np.full(shape, value, np.float32), "extra"))
    insert(graph, draw, draw(st.sampled_from(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"])), "extra")


def node_more(graph, draw) -> None:
    kind = draw(st.sampled_from(["Relu", "Sigmoid", "Identity", "Softmax", "LogSoftmax", "Tanh", "Neg", "Flatten"]))
    insert(graph, draw, kind)


def zeros_more(graph, draw) -> None:
    around = draw(st.sampled_from(ZEROS))
    graph.initializer.append(numpy_helper.from_array(np.int64(around), "around"))
    insert(graph, draw, "Pad", "around", mode=draw(st.sampled_from(["constant", "reflect"])))


def operands(graph, draw) -> None:
    """Two inputs change places."""
    node = draw(of_kind(graph, "Add", "Sub", "Mul", "Div", "Pow", "MatMul"))
    assume(node is not None)
    node.input[0], node.input[1] = node.input[1], node.input[0]


def other_operand(graph, draw) -> None:
    """A node reads another value that is there."""
    nodes = arithmetic_nodes(graph)
    place = draw(st.integers(1, len(nodes) - 1))
    earlier = [node.output[0] for node in nodes[:place]]
    nodes[place].input[0] = draw(st.sampled_from(earlier[-6:]))


def numbers(graph, draw) -> None:
    """One number of a constant."""
    tensor = draw(st.sampled_from([each for each in graph.initializer if len(each.dims) > 0]))
    array = numpy_helper.to_array(tensor).copy()
    at = draw(st.integers(0, array.size - 1))
    array.reshape(-1)[at] += draw(st.sampled_from([1, -1]))
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def small_constants(graph, draw) -> None:
    """Axes, exponents, limits and pads."""
    nodes = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].t.data_type in (1, 7)]
    assume(nodes)
    node = draw(st.sampled_from(nodes))
    array = numpy_helper.to_array(node.attribute[0].t).copy()
    assume(array.size)
    if array.ndim:
        array.reshape(-1)[draw(st.integers(0, array.size - 1))] += draw(st.sampled_from([1, -1]))
    else:
        array = (array + draw(st.sampled_from([1, -1, 2]))).astype(array.dtype)
    node.attribute[0].t.CopyFrom(numpy_helper.from_array(array))


def left_out(graph, draw) -> None:
    """A node is gone, its input in its place."""
    node = draw(st.sampled_from(arithmetic_nodes(graph)))
    at = list(graph.node).index(node)
    for each in graph.node[at + 1 :]:
        for i, name in enumerate(each.input):
            if name == node.output[0]:
                each.input[i] = node.input[0]
    if graph.output[0].name == node.output[0]:
        graph.output[0].name = node.input[0]
    del graph.node[at]


def output(graph, draw) -> None:
    """The answer is another value."""
    every = [node.output[0] for node in arithmetic_nodes(graph)]
    graph.output[0].name = draw(st.sampled_from(every[-9:] + every[::11]))


def pool(graph, draw) -> None:
    node = draw(of_kind(graph, "GlobalAveragePool", "ReduceMean"))
    node.op_type = draw(st.sampled_from(POOLS[node.op_type]))


def side(graph, draw) -> None:
    """The input is stated to be of another size, or of any."""
    dims = graph.input[0].type.tensor_type.shape.dim
    for dim in dims[2:]:
        dim.Clear()
    value = draw(st.sampled_from([None, 40, 41, 64]))
    if value is not None:
        for dim in dims[2:]:
            dim.dim_value = value


def loose(graph, draw) -> None:
    """Tensors and nodes that lead nowhere."""
    graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "loss.weight"))
    value = draw(st.sampled_from(arithmetic_nodes(graph))).output[0]
    graph.node.append(helper.make_node("Softplus", [value], ["loose"]))


CONV = ("Conv",)
CHANGES = {
    "activation": activation,
    "pads": attribute(CONV, "pads", *PADS),
    "automatic pads": attribute(CONV, "auto_pad", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"),
    "strides": attribute(CONV, "strides", [1, 1], [2, 2], [2, 1], None),
    "dilations": attribute(CONV, "dilations", [1, 1], [2, 2], None),
    "group": attribute(CONV, "group", 1, 2, 8),
    "epsilon": attribute(("BatchNormalization",), "epsilon", 1e-5, 1e-3, 1e-4, 0.0, None),
    "training": attribute(("BatchNormalization",), "training_mode", 0, 1),
    "kept axes": attribute(("ReduceMean",), "keepdims", 0, 1, None),
    "flattened": attribute(("Flatten",), "axis", 0, 1, 2, 3, -1, None),
    "gemm": attribute(("Gemm",), "alpha", 1.0, 0.5, 2.0),
    "gemm's bias": attribute(("Gemm",), "beta", 1.0, 0.5, 0.0),
    "gemm's order": attribute(("Gemm",), "transB", 0, 1),
    "softmax": attribute(("Softmax",), "axis", 0, 1, -1, None),
    "arithmetic": arithmetic,
    "a node more": node_more,
    "zeros": zeros_more,
    "operands": operands,
    "other operand": other_operand,
    "numbers": numbers,
    "small constants": small_constants,
    "left out": left_out,
    "output": output,
    "pool": pool,
    "side": side,
    "loose": loose,
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    print_blob=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data(), name=names)
def test_never_silently_wrong(kind, data, name):
    model = onnx.load_from_string(base(name))
    CHANGES[kind](model.graph, data.draw)
    event(compared(model.SerializeToString()))
