"""A file's program compared with a plan: which network it is, by every fact that can change an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.step import Step
from refnet.architecture.variants import Architecture, variant
from refnet.checkpoints.graph import numbers
from refnet.checkpoints.graph.graph import Graph, Node
from refnet.checkpoints.graph.padding_rule import Size, find_paddings
from refnet.checkpoints.graph.scales import LEFT, with_norm
from refnet.checkpoints.graph.simplify import Simple, alive, simplify
from refnet.checkpoints.graph.walk import CHANNELS, Trunk, Unit, refusal, walk_trunk
from refnet.checkpoints.graph.walk_top import FoundTop, walk_top
from refnet.checkpoints.graph.which_variant import find_variant
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import Normalisation

Head = Literal["own", "none"]
FOLDED = "batch norms are folded into the convolutions"
SCALES = f"{FOLDED} but for some, of which a scale and a shift are left"
SHOWN = 5  # names in one line of what is told


@dataclass(frozen=True)
class Found:
    """A network that a graph computes.

    Attributes
    ----------
    architecture
        With its top and number of classes; its resolution is the graph's, where that takes one size alone.
    padding
        ``same``, ``symmetric``, or ``same@224``: TensorFlow's zeros of a picture of 224 pixels, whatever size comes.
    bn_eps
        What the batch norms behind convolutions add to the variance; 0 where all are folded.
    tensors, sources
        By our key: each tensor, float32, and what the file calls it.
    normalise
        What the graph itself does to its input before the first convolution.
    told
        What the graph has besides, and why it changes no answer; one line each.
    size
        Height and width of the one picture that it takes; None where any may come.
    paddings
        Every rule that pads as it does; at its one size they may be two.
    """

    architecture: Architecture
    padding: str
    bn_eps: float
    tensors: dict[str, npt.NDArray[np.float32]] = field(repr=False)
    sources: dict[str, str] = field(repr=False)
    normalise: Normalisation = ()
    told: tuple[str, ...] = ()
    size: Size | None = None
    paddings: tuple[str, ...] = ()


def match(
    graph: Graph,
    *,
    output: str | None = None,
    head: Head = "own",
    candidates: Iterable[Architecture] | None = None,
    padding: str | None = None,
) -> Found:
    """Find the network that a graph computes, or refuse the node that departs from every one.

    ``output`` names the node with the answer, where the graph has several; ``head="none"`` stops at the pool;
    ``candidates`` are the architectures that it may be, by default all that were published; ``padding`` is the rule to
    name, where its pads follow that one too.
    """
    simple = simplify(graph, _answer(graph) if output is None else output)
    allowed = every_variant() if candidates is None else tuple(candidates)
    size = _picture(simple.nodes[simple.input], {each.channels for each in allowed})
    walk, trunk = walk_trunk(simple)
    top = walk_top(walk, trunk.output, features_only=head == "none")
    network = find_variant(trunk, allowed)
    units = dict(_units(network, trunk))
    left = _has_scales_left(units)
    if left:
        units = {name: (step, _with_norm(step, unit)) for name, (step, unit) in units.items()}
    folded = _is_folded(units)
    for step, unit in units.values():
        _check(step, unit, folded)
    eps = 0.0 if folded else _eps(units)
    layers = [(step, unit.node) for step, unit in units.values() if step.op != "dense"]
    paddings = find_paddings(network, layers, size, padding)
    rule = padding if padding is not None and padding in paddings else paddings[0]
    if size is not None and size[0] == size[1]:
        network = replace(network, coefficients=replace(network.coefficients, resolution=size[0]))
    network = replace(network, classes=top.classes, top=top.top, folded=folded)
    kept = numbers.Numbers()
    for step, unit in units.values():
        kept.layer(step.name, unit.node, bias=folded or step.op == "dense")
        if unit.norm is not None:
            kept.batch_norm(step.name, unit.norm)
    for name, node in top.nodes.items():
        kept.of_top(name, node)
    told = (*([SCALES] if left else []), *_of_several(graph, output), *_told(simple, top, size, folded))
    return Found(network, rule, eps, kept.tensors, kept.sources, trunk.normalise, (*told, *kept.told), size, paddings)


@cache
def every_variant() -> tuple[Architecture, ...]:
    """Every published network."""
    return tuple(variant(name) for name in TABLE)


def _answer(graph: Graph) -> str:
    """The one output that all others are on the way to."""
    if not graph.outputs:
        raise CheckpointError("the graph has no output")
    for name in graph.outputs:
        if set(graph.outputs) <= alive(graph.nodes, name):
            return name
    shown = ", ".join(repr(name[:80]) for name in graph.outputs[:SHOWN])
    raise CheckpointError(f"the graph has {len(graph.outputs)} outputs, none of which leads to the others: {shown}")


def _picture(node: Node, allowed: set[int]) -> Size | None:
    """The one size of picture that the graph takes, or None if it takes any."""
    height, width, channels = node.settings.get("shape", (None, None, None))
    if channels is not None and channels not in allowed:
        want = f"{CHANNELS}: red, green, blue" if allowed == {CHANNELS} else " or ".join(map(str, sorted(allowed)))
        raise refusal(node, f"has {channels} channels", f"here pictures have {want}")
    return None if height is None or width is None else (height, width)


def _units(network: Architecture, trunk: Trunk) -> Iterator[tuple[str, tuple[Step, Unit]]]:
    """The layer behind each of the plan's steps that has weights, up to the head."""
    plan = make_plan(network)

    def pair(name: str, unit: Unit) -> tuple[str, tuple[Step, Unit]]:
        return name, (plan[name], unit)

    yield pair(names.STEM, trunk.stem)
    for block, found in zip(network.blocks, trunk.blocks, strict=True):
        if found.adds != block.adds:
            has = "adds its input to" if found.adds else "does not add its input to"
            raise refusal(
                found.project.node, f"ends a block that {has} its output", f"{block.name} of {network.name} differs"
            )
        parts = {
            names.EXPAND: found.expand,
            names.DEPTHWISE: found.depthwise,
            names.REDUCE: found.reduce,
            names.GATE: found.gate,
            names.PROJECT: found.project,
        }
        for part, unit in parts.items():
            if unit is not None:
                yield pair(names.part_name(block.name, part), unit)
    yield pair(names.HEAD, trunk.head)


def _check(step: Step, unit: Unit, folded: bool) -> None:
    """Compare a layer with its step, but for pads."""
    node = unit.node
    kernel = node.tensors["kernel"].shape
    wanted = step.weights[0].shape
    if step.op == "dense" and node.op == "convolution":
        wanted = (1, 1, *wanted)
    stride = (step.stride, step.stride) if step.op != "dense" else (1, 1)
    facts: Mapping[str, tuple[object, object]] = {
        "a kernel of shape": (tuple(kernel), tuple(wanted)),
        "a stride of": (tuple(node.settings.get("stride", (1, 1))), stride),
        "a dilation of": (tuple(node.settings.get("dilation", (1, 1))), (1, 1)),
        "the activation": (unit.activation, step.activation),
        "groups:": (node.settings.get("groups", 1) if node.op == "convolution" else 1, 1),
    }
    for what, (has, wants) in facts.items():
        if has != wants:
            raise refusal(node, f"has {what} {has}", f"{step.name} has {wants}")
    if step.op == "dense" and any(_pads(node)):
        raise refusal(node, "pads a single pixel", f"{step.name} has no zeros around it")


def _pads(node: Node) -> tuple[int, ...]:
    around = node.settings.get("pads", ())
    return () if around == "same" else tuple(around)


def _has_scales_left(units: Mapping[str, tuple[Step, Unit]]) -> bool:
    """Whether batch norms are folded into the convolutions but for some, of which a scale and a shift are left."""
    return any(unit.norm is not None and unit.norm.settings.get(LEFT) for _, unit in units.values())


def _with_norm(step: Step, unit: Unit) -> Unit:
    """A convolution with a batch norm that only adds its bias, if it has none."""
    if unit.norm is not None or step.op == "dense":
        return unit
    node, norm = with_norm(unit.node)
    return replace(unit, node=node, norm=norm)


def _is_folded(units: Mapping[str, tuple[Step, Unit]]) -> bool:
    """Whether convolutions have a bias in place of a batch norm; all of them, or none."""
    layers = [unit for step, unit in units.values() if step.op != "dense"]
    without = [unit for unit in layers if unit.norm is None]
    if without and len(without) < len(layers):
        raise refusal(
            without[0].node,
            f"has no batch norm, and {len(layers) - len(without)} other convolutions have one",
            "a network has all of them or none; export it without folding, or with all folded",
        )
    return bool(without)


def _eps(units: Mapping[str, tuple[Step, Unit]]) -> float:
    """The one epsilon of all batch norms behind convolutions."""
    norms = [unit.norm for _, unit in units.values() if unit.norm is not None]
    values = [float(norm.settings["eps"]) for norm in norms]
    usual = max(set(values), key=values.count)
    for norm, value in zip(norms, values, strict=True):
        if value != usual:
            raise refusal(norm, f"has an epsilon of {value:g}", f"the other batch norms have {usual:g}")
    if not 0 <= usual < 1:
        raise refusal(norms[0], f"has an epsilon of {usual:g}", "want 0 to below 1")
    return usual


def _of_several(graph: Graph, output: str | None) -> Iterator[str]:
    if output is None and len(graph.outputs) > 1:
        taken = _answer(graph)
        others = tuple(name for name in graph.outputs if name != taken)
        yield f"of {len(graph.outputs)} answers, the last on the way, {taken[:80]!r}, is taken; not {_counted(others)}"


def _told(simple: Simple, top: FoundTop, size: Size | None, folded: bool) -> Iterator[str]:
    if folded:
        yield FOLDED
    if simple.dead:
        yield f"{_counted(simple.dead)} on no way to the answer {simple.output[:80]!r}, so unused"
    if not top.pooled:
        yield "the graph ends before the pool; the mean is added, as asked"
    if top.left_out:
        yield f"{_counted(top.left_out)} behind the pool, left out as asked"
    if size is not None and size[0] != size[1]:
        yield f"the file's input has {size[0]} x {size[1]} pixels; here pictures are square unless a size is given"


def _counted(nodes: tuple[str, ...]) -> str:
    shown = ", ".join(name[:80] for name in nodes[:SHOWN])
    more = ", …" if len(nodes) > SHOWN else ""
    return f"{len(nodes)} node{'s' * (len(nodes) > 1)} ({shown}{more})"
