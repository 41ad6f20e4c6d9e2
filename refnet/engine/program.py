"""Programs: operations become the rows of a table, and their tensors get places in one arena."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.step import Shape, Step
from refnet.arrays import Array
from refnet.engine.arena import Arena
from refnet.engine.chunks import chunks_of
from refnet.engine.fusion import FusedSteps, Operation, fuse
from refnet.engine.layout import as_picture, blocks_of, pack_activation, unpack_activation
from refnet.engine.packed import WeightsLayout, aligned_empty
from refnet.kernels import rows
from refnet.kernels.machine import LANES, TileShapes, tile_shapes
from refnet.kernels.rows import Constants

# Of the activations of one picture among several: measured, B2 (5 MB) gains by it, B4 (16 MB) loses.
_CACHED_BYTES = 8 * 2**20

# Inputs up to this size are in some cache near the core when they are read again.
_NEAR_BYTES = 4 * 2**20

# Of a line buffer: it stays in the second-level cache, with room for the weights and the input.
_BUFFER_BYTES = 256 * 1024


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in the arena, and its shape outside.

    ``row`` makes it (-1: it is given); so many elements of the arena are ``in_use`` meanwhile. One that is ``dense``
    lies there as [H, W, C] rather than in blocks of channels.
    """

    row: int
    offset: int
    shape: Shape
    in_use: int
    dense: bool = False


@dataclass(frozen=True)
class Program:
    """What the interpreter needs to run some steps for one input size.

    ``tensors`` can be read from the end of their row until the next row begins. ``idle_arenas`` are those that nobody
    uses now, by the number of threads they are for.
    """

    rows: Array  # records of ``rows.ROW``
    constants: Constants
    tensors: dict[str, Tensor]
    dtype: np.dtype[Any]
    idle_arenas: defaultdict[int, list[Array]] = field(default_factory=lambda: defaultdict(list), repr=False)

    @property
    def given(self) -> list[str]:
        """Names of the tensors to ``put`` before a run."""
        return [name for name, tensor in self.tensors.items() if tensor.row < 0]

    def arena_size(self, threads: int) -> int:
        """Elements of memory for one run by so many threads: activations, zeros, and a piece for each thread."""
        return self.constants.scratch + threads * self.constants.scratch_size

    def arena_bytes(self, threads: int) -> int:
        """The same in bytes."""
        return self.arena_size(threads) * self.dtype.itemsize

    def pictures_at_once(self, threads: int, batch: int) -> int:
        """How many pictures of a batch to work on at the same time: one for each thread, or one by all of them.

        Threads with a picture each never wait for each other, which is faster as long as the caches hold so many.
        """
        fits = self.constants.scratch * self.dtype.itemsize <= _CACHED_BYTES
        return threads if fits and batch >= threads else 1

    def make_arena(self, threads: int) -> Array:
        """Memory for one run by so many threads."""
        arena = aligned_empty(self.arena_size(threads), self.dtype)
        arena[self.constants.zeros : self.constants.scratch] = 0
        return arena

    def put(self, arena: Array, name: str, x: Array) -> None:
        """Place a given tensor of one picture, [H, W, C] or [C], in the arena, rounded to its dtype."""
        tensor = self.tensors[name]
        values = x if tensor.dense else pack_activation(x.reshape(as_picture(tensor.shape)))
        arena[tensor.offset : tensor.offset + values.size].reshape(values.shape)[...] = values

    def get(self, arena: Array, name: str, out: Array | None = None) -> Array:
        """Copy a tensor out, as [H, W, C] or [C], into ``out`` if there is one."""
        tensor = self.tensors[name]
        pixels = math.prod(tensor.shape[:-1])
        blocks = blocks_of(tensor.shape[-1])
        flat = arena[tensor.offset : tensor.offset + blocks * pixels * LANES]
        out = np.empty(tensor.shape, self.dtype) if out is None else out
        unpack_activation(flat.reshape(blocks, pixels, LANES), out)
        return out


def make_program(
    steps: Sequence[Step],
    weights: WeightsLayout,
    dtype: npt.DTypeLike,
    *,
    visible: Collection[str] = (),
    given: Mapping[str, Shape] | None = None,
    threads: int = 1,
) -> Program:
    """Make the program of ``steps`` for so many threads, in which every tensor named in ``visible`` can be read.

    ``given`` are the tensors that the steps begin with and their shapes; by default the network's input.
    """
    dtype = np.dtype(dtype)
    tiles = tile_shapes(dtype.itemsize)
    fused = fuse(steps, weights, visible)
    tensors, size = _plan_arena(fused, {names.INPUT: steps[0].in_shape} if given is None else given)
    table: list[dict[str, int]] = []
    for operation in fused.operations:
        if operation.expansion is not None:
            table.append(_row(operation.expansion, tensors, tiles, dtype, threads) | {"chunks": 0})
        table.append(_row(operation, tensors, tiles, dtype, threads))
    zeros = max((row["pitch"] for row in table), default=0) * LANES
    scratch = max(
        (
            _scratch(row, tiles) + (_scratch(before, tiles) if row["expansion"] else 0)
            for before, row in zip([*table[:1], *table], table, strict=False)
        ),
        default=0,
    )
    piece = blocks_of(scratch) * LANES  # whole cache lines, so that each thread's begins on one
    constants = Constants(tiles, zeros=size, scratch=size + zeros, scratch_size=piece)
    tensors |= {alias: tensors[name] for alias, name in fused.aliases.items() if name in tensors}
    records = np.array([tuple(row[field] for field in rows.ROW.names or ()) for row in table], rows.ROW)
    return Program(records, constants, tensors, dtype)


def _elements(shape: Shape) -> int:
    return blocks_of(shape[-1]) * math.prod(shape[:-1]) * LANES


def _plan_arena(fused: FusedSteps, given: Mapping[str, Shape]) -> tuple[dict[str, Tensor], int]:
    """Give each tensor its offset: over its first input where nobody else needs that, else where memory is free."""
    last_reader = {name: i for i, o in enumerate(fused.operations) for name in o.inputs}
    arena = Arena()
    dense = {name for o in fused.operations if (o.expansion or o).op == rows.CONVOLUTION for name in o.inputs}
    tensors: dict[str, Tensor] = {}
    for name, shape in given.items():
        size = _elements((math.prod(shape),)) if name in dense else _elements(shape)
        tensors[name] = Tensor(-1, arena.place(size, until=last_reader[name]), shape, arena.in_use, name in dense)
    row = -1
    for i, operation in enumerate(fused.operations):
        row += 1 if operation.expansion is None else 2
        arena.release(before=i)
        until = last_reader.get(operation.name, i)
        first = operation.inputs[0]
        if operation.op in (rows.EXCITE, rows.ADD, rows.AFFINE, rows.DIVIDE) and last_reader[first] == i:
            offset = tensors[first].offset
            arena.extend(offset, until=until)
        else:
            offset = arena.place(_elements(operation.shape), until=until)
        if operation.row_sums is not None:
            shape = (operation.shape[0], 1, operation.shape[-1])
            sums = arena.place(_elements(shape), until=last_reader[operation.row_sums])
            tensors[operation.row_sums] = Tensor(row, sums, shape, arena.in_use)
        tensors[operation.name] = Tensor(row, offset, operation.shape, arena.in_use)
    return tensors, arena.size


def _row(
    o: Operation, tensors: dict[str, Tensor], tiles: TileShapes, dtype: np.dtype[Any], threads: int
) -> dict[str, int]:
    in_height, in_width, channels = as_picture(o.in_shape)
    out_height, out_width, out_channels = as_picture(o.shape)
    source = tensors[o.inputs[0]]
    if o.op == rows.MEAN:
        in_height, in_width, _ = source.shape  # of the row sums, where there are some
    pitch = max(o.pads.left + in_width, (out_width - 1) * o.stride + o.kernel)
    panels, strips, per_strip = chunks_of(o, tiles, threads)
    long_tiles, short_tiles = _tiles_in_a_row(out_width, tiles)
    return {
        "op": o.op,
        "chunks": panels * strips,
        "panels": panels,
        "strips": strips,
        "per_strip": per_strip,
        "panel_major": o.op != rows.POINTWISE or out_channels > out_height * out_width,
        "x": source.offset,
        "other": tensors[o.inputs[1]].offset if len(o.inputs) > 1 else -1,
        "y": tensors[o.name].offset if o.name in tensors else -1,
        "row_sums": tensors[o.row_sums].offset if o.row_sums is not None else -1,
        "far": _elements(o.in_shape) * dtype.itemsize > _NEAR_BYTES,
        "x_block": in_height * in_width * LANES,
        "channels": channels,
        "out_blocks": blocks_of(out_channels),
        "height": in_height,
        "width": in_width,
        "out_height": out_height,
        "out_width": out_width,
        "kernel": o.kernel,
        "stride": o.stride,
        "top": o.pads.top,
        "left": o.pads.left,
        "expansion": o.expansion is not None,
        "buffer_rows": max(o.kernel, min(in_height, _BUFFER_BYTES // (pitch * LANES * tiles.blocks * dtype.itemsize))),
        "pitch": pitch,
        "long_tiles": long_tiles,
        "short_tiles": short_tiles,
        "count": math.prod(o.in_shape[:-1]),
        "weights": o.offsets.kernel,
        "scale": o.offsets.scale,
        "shift": o.offsets.shift,
        "activation": rows.ACTIVATION_CODES[o.activation],
    }


def _scratch(row: dict[str, int], tiles: TileShapes) -> int:
    """Elements of memory that a thread needs for itself."""
    if row["op"] == rows.CONVOLUTION:
        return row["kernel"] * row["pitch"] * row["channels"]
    if row["op"] == rows.MEAN:
        return row["height"] * LANES
    if row["op"] == rows.DEPTHWISE:
        return tiles.blocks * row["buffer_rows"] * row["pitch"] * LANES
    return 0


def _tiles_in_a_row(width: int, tiles: TileShapes) -> tuple[int, int]:
    """How many long and short tiles of a depthwise convolution make a row: tiles of one pixel make the rest.

    One pixel takes longer than it would in a tile, so as few as can be are left over; few tiles are faster than many.

    Examples
    --------
    >>> from refnet.kernels.machine import Registers
    >>> [_tiles_in_a_row(width, tile_shapes(4, Registers(32, 64))) for width in (28, 19, 12, 9)]
    [(4, 0), (2, 1), (1, 1), (1, 0)]
    """
    long, short = tiles.row_pixels, tiles.short_row_pixels
    longs = min(range(width // long, -1, -1), key=lambda longs: (width - longs * long) % short)
    return longs, (width - longs * long) // short
