"""Programs: operations become the rows of a table, and their tensors get places in one arena."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet import names
from refnet.engine.arena import Arena
from refnet.engine.fusion import Operation, Operations, fuse
from refnet.engine.layout import blocks_of, pack_activation, unpack_activation
from refnet.engine.packed import PackedWeights, aligned_empty
from refnet.kernels import rows, run
from refnet.kernels.emit import ACTIVATION_CODES
from refnet.kernels.machine import LANES, TileShapes, tile_shapes
from refnet.plan import Shape, Step

Array = npt.NDArray[Any]

# Multiply-adds in a chunk: many against the 100 ns of claiming it, few against a step.
_CHUNK_MACS = 400_000


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in the arena, the row that makes it (-1: the input), and its shape outside."""

    row: int
    offset: int
    shape: Shape


@dataclass(frozen=True)
class Program:
    """What the interpreter needs to run some steps for one input size.

    Attributes
    ----------
    rows
        Record array of ``rows.ROW``.
    constants
        i64[6]: what holds for all rows; see ``kernels.run``.
    tensors
        What can be read: each from the end of its row until the next row begins.
    dense_input
        Whether the input lies in the arena as [H, W, C] rather than in blocks of channels.
    """

    rows: Array
    constants: Array
    tensors: dict[str, Tensor]
    dense_input: bool
    dtype: np.dtype[Any]

    def make_arena(self, threads: int) -> Array:
        """Memory for one run by so many threads."""
        size = self.constants[run.SCRATCH] + threads * self.constants[run.SCRATCH_SIZE]
        arena = aligned_empty(int(size), self.dtype)
        arena[self.constants[run.ZEROS] : self.constants[run.SCRATCH]] = 0
        return arena

    def put_input(self, arena: Array, x: Array) -> None:
        """Place one picture [H, W, C] in the arena."""
        values = x if self.dense_input else pack_activation(x)
        offset = self.tensors[names.INPUT].offset
        arena[offset : offset + values.size] = values.ravel()

    def get(self, arena: Array, name: str) -> Array:
        """Copy a tensor out, as [H, W, C] or [C]."""
        tensor = self.tensors[name]
        pixels = math.prod(tensor.shape[:-1])
        blocks = blocks_of(tensor.shape[-1])
        flat = arena[tensor.offset : tensor.offset + blocks * pixels * LANES]
        return unpack_activation(flat.reshape(blocks, pixels, LANES), tensor.shape)


def make_program(
    steps: Sequence[Step], packed: PackedWeights, dtype: npt.DTypeLike, *, visible: Collection[str] = ()
) -> Program:
    """Make the program of ``steps``, in which every tensor named in ``visible`` can be read."""
    dtype = np.dtype(dtype)
    tiles = tile_shapes(dtype.itemsize)
    fused = fuse(steps, packed, visible)
    in_shape = steps[0].in_shape
    readers = [o for o in fused.operations if names.INPUT in o.inputs]
    dense_input = in_shape[-1] <= LANES and all(o.op == rows.CONVOLUTION for o in readers)
    tensors, size = _place(fused, in_shape, dense_input)
    table = np.zeros(len(fused.operations), rows.ROW)
    for row, operation in zip(table, fused.operations, strict=True):
        dense = dense_input and operation.inputs[0] == names.INPUT
        for field, value in _row(operation, tensors, tiles, dense).items():
            row[field] = value
    zeros = max(o.in_shape[1] if len(o.in_shape) == 3 else 1 for o in fused.operations) * LANES
    scratch = max(_scratch(o, tiles) for o in fused.operations)
    constants = np.array([tiles.pixels, tiles.blocks, tiles.row, size, size + zeros, scratch], np.int64)
    tensors |= {alias: tensors[name] for alias, name in fused.aliases.items() if name in tensors}
    return Program(table, constants, tensors, dense_input, dtype)


def _elements(shape: Shape) -> int:
    return blocks_of(shape[-1]) * math.prod(shape[:-1]) * LANES


def _place(fused: Operations, in_shape: Shape, dense_input: bool) -> tuple[dict[str, Tensor], int]:
    """Give each tensor its offset: over its first input where nobody else needs that, else where memory is free."""
    last_reader = {name: i for i, o in enumerate(fused.operations) for name in o.inputs}
    arena = Arena()
    size = _elements((math.prod(in_shape),)) if dense_input else _elements(in_shape)
    tensors = {names.INPUT: Tensor(-1, arena.place(size, until=last_reader[names.INPUT]), in_shape)}
    for i, operation in enumerate(fused.operations):
        arena.release(before=i)
        until = last_reader.get(operation.name, i)
        first = operation.inputs[0]
        if operation.op in (rows.EXCITE, rows.ADD, rows.AFFINE) and last_reader[first] == i:
            offset = tensors[first].offset
            arena.extend(offset, until=until)
        else:
            offset = arena.place(_elements(operation.shape), until=until)
        tensors[operation.name] = Tensor(i, offset, operation.shape)
    return tensors, arena.size


def _row(o: Operation, tensors: dict[str, Tensor], tiles: TileShapes, dense: bool) -> dict[str, int]:
    in_height, in_width, channels = _as_picture(o.in_shape)
    out_height, out_width, out_channels = _as_picture(o.shape)
    chunks, per_chunk = _chunks(o, tiles)
    return {
        "op": o.op,
        "chunks": chunks,
        "per_chunk": per_chunk,
        "panel_major": out_channels > out_height * out_width,
        "x": tensors[o.inputs[0]].offset,
        "other": tensors[o.inputs[1]].offset if len(o.inputs) > 1 else -1,
        "y": tensors[o.name].offset,
        "x_pixel": channels if dense else LANES,
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
        "weights": o.offsets.kernel,
        "scale": o.offsets.scale,
        "shift": o.offsets.shift,
        "activation": ACTIVATION_CODES[o.activation],
    }


def _as_picture(shape: Shape) -> tuple[int, int, int]:
    height, width, channels = shape if len(shape) == 3 else (1, 1, *shape)
    return height, width, channels


def _chunks(o: Operation, tiles: TileShapes) -> tuple[int, int]:
    """Number of chunks, and how much each holds: pixels (pointwise), rows (depthwise), or blocks of channels."""
    height, width, channels = _as_picture(o.shape)
    blocks = blocks_of(channels)
    if o.op == rows.SOFTMAX:
        return 1, 1
    if o.op == rows.CONVOLUTION:
        return height, width
    if o.op == rows.POINTWISE:
        tile_macs = tiles.pixels * tiles.blocks * LANES * o.in_shape[-1]
        pixels = tiles.pixels * max(1, _CHUNK_MACS // tile_macs)
        return -(-height * width // pixels) * -(-blocks // tiles.blocks), pixels
    if o.op == rows.DEPTHWISE:
        per_chunk = min(height, max(1, _CHUNK_MACS // (width * LANES * o.kernel**2)))
        return -(-height // per_chunk) * blocks, per_chunk
    per_chunk = max(1, _CHUNK_MACS // (math.prod(_as_picture(o.in_shape)[:2]) * LANES * 4))
    return -(-blocks // per_chunk), per_chunk


def _scratch(o: Operation, tiles: TileShapes) -> int:
    """Elements of memory that a thread needs for itself."""
    if o.op == rows.CONVOLUTION:
        return blocks_of(o.kernel**2 * o.in_shape[-1]) * o.shape[1] * LANES
    if o.op == rows.MEAN:
        return o.in_shape[0] * LANES
    return tiles.row * LANES
