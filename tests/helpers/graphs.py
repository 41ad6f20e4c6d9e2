"""Graphs as a front end makes them, from a plan; tests change one fact."""

from dataclasses import replace

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import Architecture, efficientnet
from refnet.checkpoints.graph.graph import Graph, Node
from refnet.weights import synthetic

TINY = efficientnet(Coefficients(0.125, 0.3, 64), name="tiny", classes=5)
TINY_LITE = efficientnet(Coefficients(0.125, 0.3, 64, lite=True), name="tinylite", classes=5)
EPS = 1e-3


def graph_of(net: Architecture, size: int | tuple[int, int] | None = 64, padding: str = "same") -> Graph:
    """The graph of a network, for one size or any (``None``: with pads that a front end calls "same")."""
    tensors = synthetic.tensors(net)
    shape = (None, None, 3) if size is None else (*((size, size) if isinstance(size, int) else size), 3)
    nodes = [Node("input", "Input", "input", settings={"shape": shape})]
    for step in make_plan(net, size, padding=padding):
        around = "same" if size is None and padding == "same" and step.kernel > 1 else step.pads
        nodes += _nodes(step, around, {w.key: tensors[w.key] for w in step.weights})
    return Graph({node.name: node for node in nodes}, (nodes[-1].name,))


def _nodes(step, around, tensors) -> list[Node]:
    def leaf(name: str) -> np.ndarray:
        return tensors[names.weight_key(step.name, name)]

    def follow(kind: str, op: str, **more) -> None:
        found.append(Node(f"{step.name}.{op}", kind, op, (found[-1].name,), **more))

    inputs = tuple(_last[name] for name in step.inputs) if step.inputs != ("input",) else ("input",)
    name = f"{step.name}.{step.op}"
    if step.op in ("convolution", "depthwise"):
        settings = {"stride": (step.stride,) * 2, "pads": around, "dilation": (1, 1), "groups": 1}
        found = [Node(name, "Conv", step.op, inputs, settings, {"kernel": leaf("kernel")}, {"kernel": f"{name}.w"})]
        norm = {each: leaf(f"bn/{each}") for each in names.BN_LEAVES}
        follow("BatchNormalization", "batch_norm", settings={"eps": EPS}, tensors=norm)
    elif step.op == "dense":
        found = [Node(name, "Gemm", "dense", inputs, {}, {"kernel": leaf("kernel"), "bias": leaf("bias")})]
    else:
        op = {"excite": "multiply"}.get(step.op, step.op)
        found = [Node(name, step.op.title(), op, inputs)]
    if step.activation == "swish":
        x = found[-1].name
        follow("Sigmoid", "activation", settings={"function": "sigmoid"})
        found.append(Node(f"{step.name}.swish", "Mul", "multiply", (x, found[-1].name)))
    elif step.activation == "relu6":
        follow("Clip", "clip", settings={"low": 0.0, "high": 6.0})
    elif step.activation != "none":
        follow("Activation", "activation", settings={"function": step.activation})
    _last[step.name] = found[-1].name
    return found


_last: dict[str, str] = {}


def changed(graph: Graph, name: str, **change) -> Graph:
    """The graph with one node changed; settings and tensors are added to the node's."""
    node = graph.nodes[name]
    for field in ("settings", "tensors"):
        if field in change:
            change[field] = {**getattr(node, field), **change[field]}
    return Graph({**graph.nodes, name: replace(node, **change)}, graph.outputs)


def appended(graph: Graph, *nodes: Node) -> Graph:
    """The graph with nodes behind its output, each reading the one before unless it says what."""
    last, every = graph.outputs[-1], dict(graph.nodes)
    for node in nodes:
        every[node.name] = node if node.inputs else replace(node, inputs=(last,))
        last = node.name
    return Graph(every, (last,))


def inserted(graph: Graph, before: str, node: Node) -> Graph:
    """The graph with a node between another and its first input."""
    every: dict[str, Node] = {}
    for name, each in graph.nodes.items():
        if name == before:
            every[node.name] = replace(node, inputs=each.inputs[:1])
            each = replace(each, inputs=(node.name, *each.inputs[1:]))
        every[name] = each
    return Graph(every, graph.outputs)
