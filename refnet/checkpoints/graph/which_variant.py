"""Which variant has exactly the blocks of a graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from refnet.architecture import names
from refnet.architecture.variants import Architecture, Block
from refnet.checkpoints.graph.vectors import kernel_channels
from refnet.checkpoints.graph.walk import FoundBlock, Trunk
from refnet.errors import CheckpointError

_WORDS = {
    "kernel": "a kernel of {}",
    "stride": "a stride of {}",
    "in_channels": "{} channels at its input",
    "channels": "{} channels inside",
    "out_channels": "{} channels at its output",
    "se_channels": "{} channels of squeeze-excite",
}


@dataclass(frozen=True)
class Shape:
    """What tells variants apart; blocks without names."""

    stem_channels: int
    blocks: tuple[Block, ...]
    head_channels: int


def find_variant(trunk: Trunk, candidates: Iterable[Architecture]) -> Architecture:
    """Find the candidate that has this stem, these blocks and this head; or say where the likeliest differs."""
    found = Shape(kernel_channels(trunk.stem.node), tuple(map(_block, trunk.blocks)), kernel_channels(trunk.head.node))
    shapes = [
        (net, Shape(net.stem_channels, tuple(map(_nameless, net.blocks)), net.head_channels)) for net in candidates
    ]
    for net, shape in shapes:
        if shape == found:
            return net
    net, shape = max(shapes, key=lambda each: _likeness(each[1], found))
    known = ", ".join(each.name for each, _ in shapes)
    raise CheckpointError(f"the graph is none of {known}; nearest is {_difference(trunk, net, shape, found)}")


def _block(found: FoundBlock) -> Block:
    depthwise = found.depthwise.node
    first = found.expand.node if found.expand else None
    channels = kernel_channels(depthwise)
    return Block(
        name="",
        kernel=int(depthwise.tensors["kernel"].shape[0]),
        stride=int(depthwise.settings.get("stride", (1, 1))[0]),
        in_channels=int(first.tensors["kernel"].shape[-2]) if first else channels,
        channels=channels,
        out_channels=kernel_channels(found.project.node),
        se_channels=kernel_channels(found.reduce.node) if found.reduce else 0,
    )


def _nameless(block: Block) -> Block:
    return replace(block, name="")


def _likeness(shape: Shape, found: Shape) -> tuple[int, int]:
    same = [a == b for a, b in zip(shape.blocks, found.blocks, strict=False)]
    leading = same.index(False) if False in same else len(same)
    return leading + (shape.stem_channels == found.stem_channels), -abs(len(shape.blocks) - len(found.blocks))


def _difference(trunk: Trunk, net: Architecture, shape: Shape, found: Shape) -> str:
    if shape.stem_channels != found.stem_channels:
        return f"{net.name}, whose stem has {shape.stem_channels} channels, not {found.stem_channels}"
    for block, theirs, ours, full in zip(trunk.blocks, found.blocks, shape.blocks, net.blocks, strict=False):
        for field, words in _WORDS.items():
            has, wants = getattr(theirs, field), getattr(ours, field)
            if has != wants:
                where = f"the block of node {block.depthwise.node.name[:80]!r}"
                return f"{net.name}, whose {full.name} has {words.format(wants)}; {where} has {has}"
    if len(shape.blocks) != len(found.blocks):
        return f"{net.name}, which has {len(shape.blocks)} blocks, not {len(found.blocks)}"
    return f"{net.name}, whose {names.HEAD} has {shape.head_channels} channels, not {found.head_channels}"
