"""Chunks: an operation's work, cut into the pieces that threads claim."""

from __future__ import annotations

import math
from typing import NamedTuple

from refnet.engine.fusion import Operation
from refnet.engine.layout import as_picture, blocks_of
from refnet.kernels import rows
from refnet.kernels.machine import LANES, TileShapes

# Multiply-adds in a chunk: many against the 100 ns of claiming it, few against a step.
_CHUNK_MACS = 400_000

# A pointwise chunk reads its panel's weights once, so it is large, but its pixels must fit a cache near the core. To
# begin it takes a part of the time of a tile.
_POINTWISE_CHUNK_MACS = 3_000_000
_TILES_TO_BEGIN = 0.25

# A dense layer waits for its weights: fewer multiply-adds take as long.
_DENSE_CHUNK_MACS = 60_000

# An element that is only read and written takes as long as so many multiply-adds.
_ELEMENT_MACS = 16

# A depthwise convolution with its expansion: chunks are larger, and a strip is so many times the rows shared by two.
_FUSED_CHUNK_MACS = 1_000_000
_LEAST_SHARE = 16


class Chunks(NamedTuple):
    """A chunk is one strip of one panel; ``panels`` are of output channels.

    Strips hold ``per_strip`` pixels (pointwise), output rows (convolution, depthwise) or blocks of channels (the rest,
    whose only panel is all of them).
    """

    panels: int
    strips: int
    per_strip: int


def chunks_of(o: Operation, tiles: TileShapes, threads: int) -> Chunks:
    """Cut an operation for so many threads.

    Examples
    --------
    >>> from refnet.engine.packed import Offsets
    >>> from refnet.kernels.machine import tile_shapes
    >>> mean = Operation(rows.MEAN, "pool", ("head",), (7, 7, 1280), (1280,), Offsets(0, 0, 0))
    >>> chunks_of(mean, tile_shapes(4), threads=2)
    Chunks(panels=1, strips=3, per_strip=31)
    """
    height, width, channels = as_picture(o.shape)
    blocks = blocks_of(channels)
    panels = -(-blocks // tiles.blocks)
    if o.op in (rows.SOFTMAX, rows.LOG_SOFTMAX, rows.CONCATENATE):
        return Chunks(1, 1, blocks)
    if o.op == rows.CONVOLUTION:
        return Chunks(panels, height, 1)
    if o.op == rows.DENSE:
        panel_macs = tiles.blocks * LANES * o.in_shape[-1]
        enough = tiles.at_once * -(-_DENSE_CHUNK_MACS // (tiles.at_once * panel_macs))
        return _cut(1, blocks, tiles.blocks * enough)
    if o.op == rows.POINTWISE:
        tile = tiles.sums // tiles.blocks
        most = round(_POINTWISE_CHUNK_MACS / (tile * tiles.blocks * LANES * o.in_shape[-1]))
        return _cut(panels, height * width, tile * _tiles_of_a_strip(-(-height * width // tile), panels, most, threads))
    if o.op == rows.DEPTHWISE:
        strips = -(-height // _strip_rows(o, tiles))
        return _cut(panels, height, -(-height // strips))
    block_macs = math.prod(as_picture(o.in_shape)[:2]) * LANES * _ELEMENT_MACS
    return _cut(1, blocks, max(1, _CHUNK_MACS // block_macs))


def _cut(panels: int, count: int, per_strip: int) -> Chunks:
    return Chunks(panels, -(-count // per_strip), per_strip)


def _tiles_of_a_strip(count: int, panels: int, most: int, threads: int) -> int:
    """As few strips of ``count`` tiles as let the threads end together, each of ``most`` tiles or less.

    Examples
    --------
    >>> [_tiles_of_a_strip(28, panels=3, most=28, threads=threads) for threads in (1, 2, 8)]
    [28, 14, 6]
    """
    fewest = max(1, -(-count // max(1, most)))
    sizes = [-(-count // strips) for strips in range(fewest, max(fewest, min(count, fewest + 4 * threads)) + 1)]
    return min(sizes, key=lambda size: -(-panels * -(-count // size) // threads) * (size + _TILES_TO_BEGIN))


def _strip_rows(o: Operation, tiles: TileShapes) -> int:
    """Output rows of a depthwise chunk: enough work, and with an expansion few input rows that two strips both make."""
    macs = o.kernel**2
    if o.expansion is not None:
        macs += o.expansion.kernel**2 * o.expansion.in_shape[-1] * o.stride**2
    target = _CHUNK_MACS if o.expansion is None else _FUSED_CHUNK_MACS
    enough = -(-target // (o.shape[1] * tiles.blocks * LANES * macs))
    return enough if o.expansion is None else max(enough, _LEAST_SHARE * (o.kernel - o.stride) // o.stride)
