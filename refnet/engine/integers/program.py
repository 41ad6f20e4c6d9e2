"""Programs of integer networks: sweeps become the rows of a table, and their tensors get places in one arena."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refnet.architecture.padding import NO_PADS
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.engine.arena import Arena
from refnet.engine.integers.numbers import OFFSET, to_bytes
from refnet.engine.integers.packed import Packed, PackedNetwork
from refnet.engine.integers.sweeps import Sweep, sweeps_of
from refnet.engine.layout import as_picture, blocks_of
from refnet.engine.program import Program, Tensor
from refnet.kernels.integers import rows
from refnet.kernels.integers.machine import IntegerTiles, integer_tiles
from refnet.kernels.machine import LANES

# Of a line buffer: it stays in the second-level cache, with room for the weights and the input.
_BUFFER_BYTES = 256 * 1024

# Sums of four products, in all 16 lanes, in a chunk: many against the 100 ns of claiming it, few against a step.
_CHUNK_DOTS = 10_000

# An element that is only read and written, with 15 others, takes as long as so many of them.
_ELEMENT_DOTS = 8

# A depthwise convolution with its expansion: a strip is so many times the rows that two of them share.
_LEAST_SHARE = 16


@dataclass(frozen=True)
class IntegerProgram(Program):
    """What the interpreter needs to run some sweeps: as of real numbers, but what goes in and out are codes of int8."""

    def put(self, arena: Array, name: str, x: Array) -> None:
        """Place the codes of a given tensor of one picture, [H, W, C] or [C], in the arena."""
        super().put(arena, name, to_bytes(x))

    def get(self, arena: Array, name: str, out: Array | None = None) -> Array:
        """Copy the codes of a tensor out, into ``out`` if there is one."""
        out = np.empty(self.tensors[name].shape, np.int8) if out is None else out
        there = out.view(np.uint8)
        super().get(arena, name, there)
        np.bitwise_xor(there, OFFSET, out=there)
        return out


def make_program(packed: PackedNetwork, given: Collection[str], visible: Collection[str]) -> IntegerProgram:
    """Make the program in which every tensor named in ``visible`` can be read; ``given`` are put there before."""
    tiles = integer_tiles()
    sweeps = sweeps_of(packed.network, given, visible)
    read = {name for sweep in sweeps for name in sweep.inputs}
    tensors, size = _plan_arena(sweeps, sorted(read & set(given)), packed.shapes)
    table = _Table(packed, tensors, tiles)
    for sweep in sweeps:
        table.add(sweep)
    zeros = rows.OVERHANG
    begin = -(-(size + zeros) // rows.VECTOR) * rows.VECTOR
    piece = -(-(table.sums + table.scratch + rows.OVERHANG) // rows.VECTOR) * rows.VECTOR
    constants: Any = rows.Constants(tiles, zeros=size, scratch=begin, scratch_size=piece, sums=table.sums)
    records = np.array([tuple(row[field] for field in rows.ROW.names or ()) for row in table.rows], rows.ROW)
    return IntegerProgram(records, constants, tensors, np.dtype(np.uint8))


def _bytes(shape: Shape) -> int:
    return blocks_of(shape[-1]) * math.prod(shape[:-1]) * LANES


def _plan_arena(sweeps: list[Sweep], given: Collection[str], shapes: dict[str, Shape]) -> tuple[dict[str, Tensor], int]:
    """Give each tensor its offset: over its first input where nobody else needs that, else where memory is free."""
    last_reader = {name: i for i, sweep in enumerate(sweeps) for name in sweep.inputs}
    dense = {name for each in sweeps if (each.expansion or each).op == rows.CONVOLUTION for name in each.inputs}
    arena = Arena()
    tensors: dict[str, Tensor] = {}
    for name in given:
        size = _bytes((math.prod(shapes[name]),)) if name in dense else _bytes(shapes[name])
        offset = arena.place(size, until=last_reader[name])
        tensors[name] = Tensor(-1, offset, shapes[name], arena.in_use, name in dense)
    row = -1
    for i, sweep in enumerate(sweeps):
        row += 1 if sweep.expansion is None else 2
        arena.release(before=i)
        until = last_reader.get(sweep.name, i)
        first = sweep.inputs[0]
        if sweep.op in (rows.ADD, rows.MULTIPLY, rows.TABLE) and last_reader[first] == i and not tensors[first].dense:
            offset = tensors[first].offset
            arena.extend(offset, until=until)
        else:
            offset = arena.place(_bytes(shapes[sweep.name]), until=until)
        tensors[sweep.name] = Tensor(row, offset, shapes[sweep.name], arena.in_use)
    return tensors, arena.size


class _Chunks(NamedTuple):
    panels: int
    strips: int
    per_strip: int


class _Table:
    """The rows of a program, and the memory of a thread that they need: ``sums`` bytes first, then ``scratch``."""

    def __init__(self, packed: PackedNetwork, tensors: dict[str, Tensor], tiles: IntegerTiles) -> None:
        self.packed, self.tensors, self.tiles = packed, tensors, tiles
        self.rows: list[dict[str, int]] = []
        self.sums = (rows.TILES_TO_FINISH + 1) * tiles.pixels * tiles.blocks * rows.VECTOR
        self.scratch = 0
        self._by_name = {each.name: each for each in packed.network.operations}

    def add(self, sweep: Sweep) -> None:
        """Add the row of a sweep, behind that of its expansion."""
        scratch = 0
        if sweep.expansion is not None:
            self.rows.append(self._row(sweep.expansion) | {"chunks": 0})
            scratch = self._scratch(self.rows[-1])
        self.rows.append(self._row(sweep, sweep.expansion))
        self.scratch = max(self.scratch, scratch + self._scratch(self.rows[-1]))
        pixels = max(self.rows[-1]["out_width"], rows.TILES_TO_FINISH * self.tiles.pixels) + self.tiles.row_pixels
        self.sums = max(self.sums, pixels * rows.VECTOR)

    def _row(self, sweep: Sweep, expansion: Sweep | None = None) -> dict[str, int]:
        operation = self._by_name[sweep.numbers]
        source = operation.inputs[0]
        in_shape, shape = self.packed.shapes[source], self.packed.shapes[sweep.name]
        in_height, in_width, channels = as_picture(in_shape)
        out_height, out_width, out_channels = as_picture(shape)
        kernel = operation.kernel.weights.shape[0] if sweep.op in (rows.CONVOLUTION, rows.DEPTHWISE) else 1  # type: ignore[union-attr]
        pads = operation.pads if sweep.op in (rows.CONVOLUTION, rows.DEPTHWISE) else NO_PADS
        pitch = max(pads.left + in_width, (out_width - 1) * operation.stride + kernel)
        numbers = self._numbers(sweep)
        chunks = self._chunks(sweep, numbers.steps, expansion)
        strip_rows = (chunks.per_strip - 1) * operation.stride + kernel  # that a strip of output rows reads
        then = sweep.then
        after = None if then is None else self._numbers(then)
        others = sweep.inputs[1:]
        return {
            "op": sweep.op,
            "chunks": chunks.panels * chunks.strips,
            "panels": chunks.panels,
            "strips": chunks.strips,
            "per_strip": chunks.per_strip,
            "panel_major": sweep.op != rows.POINTWISE or out_channels > out_height * out_width,
            "x": self.tensors[source].offset if source in self.tensors else -1,
            "other": self.tensors[others[0]].offset if others else -1,
            "y": self.tensors[sweep.name].offset if sweep.name in self.tensors else -1,
            "x_block": in_height * in_width * LANES,
            "other_pixel": LANES if others and len(self.packed.shapes[others[0]]) == len(shape) else 0,
            "channels": channels,
            "out_blocks": blocks_of(out_channels),
            "height": in_height,
            "width": in_width,
            "out_height": out_height,
            "out_width": out_width,
            "kernel": kernel,
            "stride": operation.stride,
            "top": pads.top,
            "left": pads.left,
            "fill": self.packed.network.codes[source].zero_point + OFFSET,
            "expansion": expansion is not None,
            "buffer_rows": max(
                kernel, min(in_height, strip_rows, _BUFFER_BYTES // (pitch * LANES * self.tiles.blocks))
            ),
            "pitch": pitch,
            "count": in_height * in_width,
            "steps": numbers.steps,
            "weights": numbers.weights,
            "parameters": numbers.parameters,
            "policy": numbers.policy,
            "then": rows.NOTHING if then is None else then.op,
            "then_parameters": 0 if after is None else after.parameters,
            "then_policy": 0 if after is None else after.policy,
        }

    def _numbers(self, sweep: Sweep) -> Packed:
        is_swish = sweep.op == rows.TABLE and sweep.numbers in self.packed.tables
        return (self.packed.tables if is_swish else self.packed.operations)[sweep.numbers]

    def _scratch(self, row: dict[str, int]) -> int:
        """Bytes of memory that a thread needs for itself behind the sums."""
        if row["op"] == rows.CONVOLUTION:
            return row["kernel"] * row["pitch"] * row["channels"] + rows.VECTOR
        if row["op"] == rows.DEPTHWISE:
            return (1 + self.tiles.blocks * row["buffer_rows"]) * row["pitch"] * LANES
        return 0

    def _chunks(self, sweep: Sweep, steps: int, expansion: Sweep | None) -> _Chunks:
        """Cut a sweep: strips of pixels, of output rows, or of blocks of channels."""
        height, width, channels = as_picture(self.packed.shapes[sweep.name])
        operation = self._by_name[sweep.numbers]
        blocks, tiles = blocks_of(channels), self.tiles
        panels = -(-blocks // tiles.blocks)
        if sweep.op == rows.SOFTMAX:
            return _Chunks(1, 1, blocks)
        if sweep.op == rows.CONVOLUTION:
            return _Chunks(panels, height, 1)
        if sweep.op == rows.POINTWISE:
            tile = tiles.pixels * tiles.blocks * (steps + _ELEMENT_DOTS)
            return _cut(
                panels, height * width, rows.TILES_TO_FINISH * tiles.pixels * max(1, round(_CHUNK_DOTS / tile / 4))
            )
        if sweep.op == rows.DEPTHWISE:
            R, S, _ = operation.kernel.weights.shape  # type: ignore[union-attr]
            dots = R * len(rows.windows(S, operation.stride).offsets) // 2 + _ELEMENT_DOTS
            if expansion is not None:
                made = self._by_name[expansion.numbers].kernel
                assert made is not None
                taps = math.prod(made.weights.shape[:-1])
                dots += (-(-taps // 4) + _ELEMENT_DOTS) * operation.stride**2
            enough = -(-_CHUNK_DOTS // (width * tiles.blocks * dots))
            if expansion is not None:
                enough = max(enough, _LEAST_SHARE * (S - operation.stride) // operation.stride)
            strips = -(-height // enough)
            return _cut(panels, height, -(-height // strips))
        per_block = math.prod(as_picture(self.packed.shapes[operation.inputs[0]])[:2]) * _ELEMENT_DOTS
        return _cut(1, blocks, max(1, _CHUNK_DOTS // per_block))


def _cut(panels: int, count: int, per_strip: int) -> _Chunks:
    return _Chunks(panels, -(-count // per_strip), per_strip)
