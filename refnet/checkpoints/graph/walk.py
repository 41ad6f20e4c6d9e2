"""From the picture to the last convolution: which nodes of a graph are the stem, the blocks and the head.

Here only the order of operations counts; ``match`` compares their numbers with a plan. A value that is read by more
nodes than the network has for it is refused, so that nothing of a graph is left aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refnet.checkpoints.graph.graph import Node
from refnet.checkpoints.graph.simplify import Simple
from refnet.checkpoints.graph.vectors import vector
from refnet.errors import CheckpointError, InputError
from refnet.preprocessing.normalise import LARGEST, MOST_OPERATIONS, Normalisation, check_operations

CHANNELS = 3  # red, green, blue
_ON_PIXELS = {"multiply": "multiply", "divide": "divide", "subtract": "subtract", "add": "subtract"}


@dataclass(frozen=True)
class Unit:
    """A convolution or dense layer, with the batch norm and the activation that follow it.

    ``output`` is the node whose value leaves it.
    """

    node: Node
    norm: Node | None
    activation: str
    output: str


@dataclass(frozen=True)
class FoundBlock:
    """The parts of one block; those that it does not have are None."""

    expand: Unit | None
    depthwise: Unit
    reduce: Unit | None
    gate: Unit | None
    project: Unit
    adds: bool


@dataclass(frozen=True)
class Trunk:
    """All up to the last convolution; ``output`` is the node whose value leaves it."""

    normalise: Normalisation
    stem: Unit
    blocks: tuple[FoundBlock, ...]
    head: Unit
    output: str


def refusal(node: Node, does: str, wanted: str = "") -> CheckpointError:
    """What refuses a node by its name, and by what its front end found odd about it."""
    does += f": {node.settings['reason']}" if "reason" in node.settings else ""
    return CheckpointError(f"node {node.name[:80]!r} ({node.kind[:80]}) {does}{wanted and '; ' + wanted}")


class Walk:
    """A graph on the way from its input to its output."""

    def __init__(self, simple: Simple) -> None:
        self.nodes = simple.nodes
        self.users = simple.users()

    def only(self, value: str) -> Node | None:
        """The one node that reads a value; None at the end."""
        users = self.users[value]
        if len(users) > 1:
            names = ", ".join(f"{node.name[:80]!r} ({node.kind[:80]})" for node in users[:4])
            raise refusal(
                self.nodes[value], f"is read by {len(users)} nodes, {names}", "here one continues the network"
            )
        return users[0] if users else None

    def unit(self, node: Node) -> Unit:
        """A layer and what belongs to it."""
        value, norm, activation = node.name, None, "none"
        if len(self.users[value]) == 1 and self.users[value][0].op == "batch_norm":
            norm = self.users[value][0]
            value = norm.name
        if len(self.users[value]) == 1 and self.users[value][0].op == "activation":
            last = self.users[value][0]
            value, activation = last.name, str(last.settings.get("function"))
        return Unit(node, norm, activation, value)


def walk_trunk(simple: Simple) -> tuple[Walk, Trunk]:
    """Walk to the last convolution."""
    walk = Walk(simple)
    normalise, value = _pixels(walk, simple.input)
    stem = walk.unit(_expect(walk, value, "convolution", "the stem is a convolution"))
    blocks: list[FoundBlock] = []
    value = stem.output
    while True:
        first = _first_of_block(walk, value)
        unit = walk.unit(first)
        if first.op == "convolution" and not _leads_to_depthwise(walk, unit):
            _check_users(walk, value, first)
            return walk, Trunk(normalise, stem, tuple(blocks), unit, unit.output)
        block, value = _block(walk, value, unit)
        blocks.append(block)


def _pixels(walk: Walk, value: str) -> tuple[Normalisation, str]:
    """What is done to pixels before the first convolution."""
    operations: list[tuple[str, tuple[float, float, float]]] = []
    while (node := walk.only(value)) is not None and node.op in _ON_PIXELS:
        numbers = vector(node.tensors.get("constant"), CHANNELS)
        if numbers is None or len(operations) == MOST_OPERATIONS or not (abs(numbers) <= LARGEST).all():
            raise refusal(node, "changes pixels by more than one number for each of three colours")
        red, green, blue = (float(number) for number in (-numbers if node.op == "add" else numbers).astype(np.float32))
        operations.append((_ON_PIXELS[node.op], (red, green, blue)))
        try:
            check_operations((operations[-1],))
        except InputError as error:
            raise refusal(node, f"changes pixels: {error}") from None
        value = node.name
    return tuple(operations), value


def _expect(walk: Walk, value: str, op: str, wanted: str) -> Node:
    node = walk.only(value)
    if node is None:
        raise refusal(walk.nodes[value], "is where the graph ends", wanted)
    if node.op != op:
        raise refusal(node, "cannot stand there", wanted)
    return node


def _first_of_block(walk: Walk, value: str) -> Node:
    """The convolution that a block, or the head, begins with."""
    users = walk.users[value]
    first = [node for node in users if node.op in ("convolution", "depthwise")]
    if len(first) == 1:
        return first[0]
    if not users:
        raise refusal(
            walk.nodes[value], "is where the graph ends", "a network goes on to its last convolution and the pool"
        )
    raise refusal(next((node for node in users if node not in first), users[0]), "cannot stand between blocks")


def _leads_to_depthwise(walk: Walk, unit: Unit) -> bool:
    return any(node.op == "depthwise" for node in walk.users[unit.output])


def _check_users(walk: Walk, value: str, *wanted: Node) -> None:
    """Only the wanted ones may read a value."""
    for node in walk.users[value]:
        if node.name not in [each.name for each in wanted]:
            raise refusal(node, f"reads {value[:80]!r} beside the network's own nodes")


def _block(walk: Walk, entry: str, unit: Unit) -> tuple[FoundBlock, str]:
    """One block, of which the first layer is known; and the node whose value leaves it."""
    first, expand = unit.node, None
    if first.op == "convolution":
        expand, unit = unit, walk.unit(_expect(walk, unit.output, "depthwise", "an expansion leads to one"))
    value, reduce, gate = _squeeze_excite(walk, unit.output)
    after = walk.unit(_expect(walk, value, "convolution", "a block ends with a 1x1 convolution"))
    adds = [node for node in walk.users[after.output] if node.op == "add" and entry in node.inputs]
    _check_users(walk, entry, first, *adds)
    if not adds:
        return FoundBlock(expand, unit, reduce, gate, after, adds=False), after.output
    _check_users(walk, after.output, adds[0])
    return FoundBlock(expand, unit, reduce, gate, after, adds=True), adds[0].name


def _squeeze_excite(walk: Walk, value: str) -> tuple[str, Unit | None, Unit | None]:
    """The two layers of squeeze-excite behind a value, if it has one, and the node whose value leaves it."""
    users = walk.users[value]
    if len(users) < 2:
        return value, None, None
    squeeze = next((node for node in users if node.op == "mean"), None)
    excite = next((node for node in users if node.op == "multiply" and len(node.inputs) == 2), None)
    if squeeze is None or excite is None:
        odd = next((node for node in users if node.op not in ("mean", "multiply", "convolution")), users[0])
        raise refusal(odd, "is no squeeze-excite", "that is a mean over the picture, two layers and a multiplication")
    _check_users(walk, value, squeeze, excite)
    reduce = walk.unit(_layer(walk, squeeze.name))
    gate = walk.unit(_layer(walk, reduce.output))
    for unit, function in ((reduce, "swish"), (gate, "sigmoid")):
        if unit.norm or unit.activation != function:
            raise refusal(unit.node, f"of squeeze-excite is followed by {unit.activation}", f"here it is {function}")
    if walk.only(gate.output) is not excite or sorted(excite.inputs) != sorted((value, gate.output)):
        raise refusal(excite, "does not multiply the block by its squeeze-excite")
    return excite.name, reduce, gate


def _layer(walk: Walk, value: str) -> Node:
    """A dense layer, which may be written as a convolution of one pixel."""
    node = walk.only(value)
    if node is None or node.op not in ("dense", "convolution"):
        raise refusal(node or walk.nodes[value], "cannot stand in a squeeze-excite")
    return node
