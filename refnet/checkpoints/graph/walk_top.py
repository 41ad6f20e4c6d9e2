"""From the last convolution to the answer: pooling, layers, classifier, and what is done to its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast, get_args

import numpy as np

from refnet.architecture.activations import Activation
from refnet.architecture.padding import NO_PADS
from refnet.architecture.top import Output, Pooling, Top, TopLayer
from refnet.checkpoints.graph.graph import Node
from refnet.checkpoints.graph.vectors import kernel_channels
from refnet.checkpoints.graph.walk import Walk, refusal
from refnet.errors import CheckpointError, InputError

GEM_EPS = 1e-6
FEATURES_ONLY = "`--head none` converts the network without what follows its pool"
_POOLS = ("mean", "max", "gem")
_OUTPUTS = ("softmax", "log_softmax")


@dataclass(frozen=True)
class FoundTop:
    """The top of a graph.

    Attributes
    ----------
    top
        As data.
    classes
        Of the classifier; 0 without one.
    nodes
        The node that each of its steps takes its tensors from, by the step's name.
    left_out
        Nodes that were left aside because only features are wanted.
    pooled
        Whether the graph has a pool.
    """

    top: Top
    classes: int
    nodes: Mapping[str, Node] = field(repr=False)
    left_out: tuple[str, ...] = ()
    pooled: bool = True


def walk_top(walk: Walk, value: str, *, features_only: bool = False) -> FoundTop:
    """Walk from the last convolution's value to the end."""
    if not walk.users[value] and features_only:
        return FoundTop(Top(), 0, {}, pooled=False)
    pooling, pool, value = _pooling(walk, value)
    nodes = {"pool": pool} if pooling == "gem" else {}
    if features_only:
        names = list(walk.nodes)
        return FoundTop(Top(pooling), 0, nodes, tuple(names[names.index(value) + 1 :]))
    chain = []
    while (node := walk.only(value)) is not None:
        chain.append(node)
        value = node.name
    layers = [number for number, node in enumerate(chain) if _is_dense(node)]
    last = layers[-1] if layers else -1
    between, classifier, after = chain[: max(last, 0)], chain[last : last + 1] if layers else [], chain[last + 1 :]
    if not layers:
        between, after = chain, []
    try:
        top_layers, named = _layers(between)
        temperature, output = _after(after)
        top = Top(pooling, top_layers, temperature, output) if classifier else Top(pooling, top_layers)
    except InputError as error:
        raise CheckpointError(f"{error}; {FEATURES_ONLY}") from None
    classes = kernel_channels(classifier[0]) if classifier else 0
    return FoundTop(top, classes, nodes | named | ({"logits": classifier[0]} if classifier else {}))


def _pooling(walk: Walk, value: str) -> tuple[Pooling, Node, str]:
    """How a picture becomes a vector, the node that says so, and the node whose value it is."""
    users = walk.users[value]
    if len(users) == 2 and {node.op for node in users} == {"mean", "max"}:
        return _both_pools(walk, users)
    node = walk.only(value)
    if node is None:
        raise refusal(walk.nodes[value], "is where the graph ends, before the pool", FEATURES_ONLY)
    if node.op not in _POOLS:
        raise refusal(node, "stands where the pool is", "that is mean, max, both, or a generalised mean (GeM)")
    if node.op == "gem" and not math.isclose(node.settings.get("eps", GEM_EPS), GEM_EPS, rel_tol=1e-6):
        raise refusal(node, f"pools what is above {node.settings['eps']:g}", f"here GeM's limit is {GEM_EPS:g}")
    return cast(Pooling, node.op), node, node.name


def _both_pools(walk: Walk, users: list[Node]) -> tuple[Pooling, Node, str]:
    mean, largest = sorted(users, key=lambda node: node.op != "mean")
    joined = walk.only(mean.name)
    if joined is None or walk.only(largest.name) is not joined:
        raise refusal(largest, "pools a second time, and the two are not joined")
    if joined.op == "concatenate" and joined.inputs == (mean.name, largest.name):
        return "concatenated", joined, joined.name
    half = walk.only(joined.name) if joined.op == "add" else None
    if half is not None and _divisor(half) == 2:
        return "mean+max", joined, half.name
    raise refusal(
        joined, "joins mean and max in another way than known", "that is mean before max, or half of their sum"
    )


def _is_dense(node: Node) -> bool:
    """Whether a node is a dense layer: one of one pixel may be written as a convolution."""
    if node.op != "convolution":
        return node.op == "dense"
    plain = node.tensors["kernel"].shape[:2] == (1, 1) and node.settings.get("pads", NO_PADS) in ("same", NO_PADS)
    return plain and node.settings.get("groups", 1) == 1


def _layers(chain: list[Node]) -> tuple[tuple[TopLayer, ...], dict[str, Node]]:
    """What stands between pool and classifier, an activation as part of the layer before it."""
    layers: list[TopLayer] = []
    named: dict[str, Node] = {}
    count = dict.fromkeys(("dense", "norm", "act"), 0)

    def name(kind: str, node: Node) -> None:
        count[kind] += 1
        named[f"top.{kind}{count[kind]}"] = node

    for node in chain:
        if _is_dense(node):
            layers.append(TopLayer("dense", units=kernel_channels(node)))
            name("dense", node)
        elif node.op == "batch_norm":
            layers.append(TopLayer("batch_norm", eps=float(node.settings["eps"])))
            name("norm", node)
        elif node.op == "activation":
            function = _activation(node)
            if layers and layers[-1].kind == "dense" and layers[-1].activation == "none":
                layers[-1] = TopLayer("dense", layers[-1].units, function)
            else:
                layers.append(TopLayer("activation", activation=function))
                name("act", node)
        else:
            raise _refusal(node, "cannot stand before the classifier")
    return tuple(layers), named


def _activation(node: Node) -> Activation:
    function = node.settings.get("function")
    if function not in get_args(Activation):
        raise _refusal(node, f"applies {str(function)[:80]}, which is none of {', '.join(get_args(Activation)[1:])}")
    return cast(Activation, function)


def _after(chain: list[Node]) -> tuple[float, Output]:
    """What is done to the classifier's numbers: division by a temperature, then one function."""
    temperature, output = 1.0, "none"
    for node in chain:
        divisor = _divisor(node)
        function = node.settings.get("function") if node.op == "activation" else node.op
        if output != "none":
            raise _refusal(node, f"follows {output}, which is the answer")
        if divisor is not None and divisor > 0:
            temperature *= divisor
        elif function in get_args(Output) and node.op in ("activation", *_OUTPUTS):
            output = str(function)
        else:
            raise _refusal(node, "cannot stand behind the classifier")
    return temperature, cast(Output, output)


def _divisor(node: Node) -> float | None:
    """The one number that a node divides by; None if it does something else."""
    constant = node.tensors.get("constant")
    if node.op not in ("multiply", "divide") or constant is None or constant.size == 0 or np.ptp(constant) != 0:
        return None
    number = float(constant.flat[0])
    if node.op == "divide":
        return number
    return 1 / number if number else None


def _refusal(node: Node, does: str) -> CheckpointError:
    return refusal(node, does, FEATURES_ONLY)
