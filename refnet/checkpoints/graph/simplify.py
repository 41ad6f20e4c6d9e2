"""A graph without the many ways of saying the same: what the plan knows as one step becomes one node.

Each rewriting is exact: it changes no number that the graph computes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.checkpoints.graph.graph import Graph, Node
from refnet.checkpoints.graph.scales import scales
from refnet.checkpoints.graph.vectors import kernel_channels, vector
from refnet.errors import CheckpointError

_KERNELS = ("convolution", "depthwise", "dense")
_GEM = ("power", "mean", "power", "clip")  # from the last to the first
_CLIPS = {(0.0, 6.0): "relu6", (0.0, None): "relu"}
_IDENTITIES = {"add": 0.0, "subtract": 0.0, "multiply": 1.0, "divide": 1.0}


@dataclass(frozen=True)
class Simple:
    """A graph of one input and one output, simplified.

    Attributes
    ----------
    nodes
        By name, each after its inputs; all are on a way to the output.
    input, output
        Names of the picture's node and of that with the answer.
    dead
        Names of nodes of the file's graph that are on no way to the output.
    """

    nodes: Mapping[str, Node] = field(repr=False)
    input: str
    output: str
    dead: tuple[str, ...] = ()

    def users(self) -> dict[str, list[Node]]:
        """List the nodes that read each node, once for each time."""
        found: dict[str, list[Node]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in node.inputs:
                found[name].append(node)
        return found


def simplify(graph: Graph, output: str) -> Simple:
    """Rewrite what leads to an output in the plan's terms.

    Examples
    --------
    >>> nodes = [Node("x", "Input", "input"), Node("d", "Dropout", "neutral", ("x",))]
    >>> nodes += [Node("c", "Clip", "clip", ("d",), {"low": 0.0, "high": 6.0})]
    >>> [(node.name, node.settings) for node in simplify(Graph({n.name: n for n in nodes}, ("c",)), "c").nodes.values()]
    [('x', {}), ('c', {'function': 'relu6'})]
    """
    live = alive(graph.nodes, output)
    dead = tuple(name for name, node in graph.nodes.items() if name not in live and node.op != "input")
    nodes, alias = _without_neutral({name: node for name, node in graph.nodes.items() if name in live})
    output = alias.get(output, output)
    for rewrite in (_activations, scales, _biases, _pads, _gem):
        nodes, output = rewrite(nodes, output)
        live = alive(nodes, output)
        nodes = {name: node for name, node in nodes.items() if name in live}
    inputs = [name for name, node in nodes.items() if node.op == "input"]
    if len(inputs) != 1:
        raise CheckpointError(f"the output {output[:80]!r} depends on {len(inputs)} inputs, not on one picture")
    return Simple(nodes, inputs[0], output, dead)


def alive(nodes: Mapping[str, Node], output: str) -> set[str]:
    """Names of the nodes that an output depends on, itself included."""
    found, waiting = set[str](), [output]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in nodes:
            raise CheckpointError(f"the graph has no node {name[:80]!r}, though another one reads it")
        found.add(name)
        waiting.extend(nodes[name].inputs)
    return found


def _without_neutral(nodes: Mapping[str, Node]) -> tuple[dict[str, Node], dict[str, str]]:
    """Leave out what changes no number; and which node stands for each one left out."""
    kept: dict[str, Node] = {}
    alias: dict[str, str] = {}
    for name, node in nodes.items():
        inputs = tuple(alias.get(each, each) for each in node.inputs)
        if any(each not in kept for each in inputs):
            raise CheckpointError(f"node {name[:80]!r} comes before what it reads, or reads itself")
        if _is_neutral(node):
            if len(inputs) != 1:
                raise CheckpointError(f"node {name[:80]!r} ({node.kind[:80]}) has {len(inputs)} inputs, not one")
            alias[name] = inputs[0]
        else:
            kept[name] = replace(node, inputs=inputs)
    return kept, alias


def _is_neutral(node: Node) -> bool:
    if node.op in _IDENTITIES and "constant" in node.tensors:
        return bool((node.tensors["constant"] == _IDENTITIES[node.op]).all())
    linear = node.op == "activation" and node.settings.get("function") in ("none", "linear")
    return node.op == "neutral" or linear


def _activations(nodes: dict[str, Node], output: str) -> tuple[dict[str, Node], str]:
    """Name activations that are written as several nodes, or as limits."""
    for name, node in nodes.items():
        if node.op == "multiply" and len(node.inputs) == 2:
            for x, gate in (node.inputs, node.inputs[::-1]):
                if nodes[gate].inputs == (x,) and is_activation(nodes[gate], "sigmoid"):
                    nodes[name] = replace(node, op="activation", inputs=(x,), settings={"function": "swish"})
                    break
        elif node.op == "clip":
            limits = (node.settings.get("low"), node.settings.get("high"))
            if limits in _CLIPS:
                nodes[name] = replace(node, op="activation", settings={"function": _CLIPS[limits]})
    return nodes, output


def is_activation(node: Node, function: str) -> bool:
    """Whether a node is this activation."""
    return node.op == "activation" and node.settings.get("function") == function


def _biases(nodes: dict[str, Node], output: str) -> tuple[dict[str, Node], str]:
    """Make the bias of a convolution or dense layer from a constant that is added to its sums."""
    users = Counter(name for node in nodes.values() for name in node.inputs)
    alias: dict[str, str] = {}
    kept: dict[str, Node] = {}
    for name, old in nodes.items():
        node = replace(old, inputs=tuple(alias.get(each, each) for each in old.inputs))
        before = kept.get(node.inputs[0]) if len(node.inputs) == 1 else None
        if node.op == "add" and before is not None and before.op in _KERNELS and "bias" not in before.tensors:
            bias = vector(node.tensors.get("constant"), kernel_channels(before))
            if bias is not None and users[old.inputs[0]] == 1 and old.inputs[0] != output:
                sources = {"bias": node.sources["constant"]} if "constant" in node.sources else {}
                kept[before.name] = replace(
                    before, tensors={**before.tensors, "bias": bias}, sources={**before.sources, **sources}
                )
                alias[name] = before.name
                continue
        kept[name] = node
    return kept, alias.get(output, output)


def _pads(nodes: dict[str, Node], output: str) -> tuple[dict[str, Node], str]:
    """Give a convolution the zeros that stand before it as a node."""
    for name, node in nodes.items():
        if node.op not in ("convolution", "depthwise", "pad", "foreign") or not node.inputs:
            continue
        before = nodes[node.inputs[0]]
        if node.op == "foreign" and before.op == "pad":
            nodes[name] = replace(node, inputs=before.inputs)  # so that it is the one that is refused
            continue
        around = node.settings.get("pads", NO_PADS)
        if before.op == "pad" and around != "same":
            both = Pads(*(a + b for a, b in zip(around, before.settings["pads"], strict=True)))
            nodes[name] = replace(node, inputs=before.inputs, settings={**node.settings, "pads": both})
    return nodes, output


def _gem(nodes: dict[str, Node], output: str) -> tuple[dict[str, Node], str]:
    """Find the generalised mean: the root of the mean of powers of what is kept above a small number."""
    for name, root in nodes.items():
        chain = [root]
        while len(chain) < len(_GEM) and chain[-1].inputs:
            chain.append(nodes[chain[-1].inputs[0]])
        if tuple(node.op for node in chain) != _GEM or chain[-1].settings.get("high") is not None:
            continue
        _, _, power, clip = chain
        p, inverse = (float(node.settings["exponent"]) for node in (power, root))
        if p > 0 and abs(p * inverse - 1) < 1e-6:
            tensors, sources = {"p": np.array([p])}, {"p": power.sources.get("exponent", f"{power.name}:exponent")}
            settings = {"eps": clip.settings["low"]}
            nodes[name] = replace(
                root, op="gem", inputs=clip.inputs, settings=settings, tensors=tensors, sources=sources
            )
    return nodes, output
