"""The CPU that kernels are compiled for: its vector registers, and the tile shapes that fit them.

Tile shapes decide speed only. Each output element is the same chain of operations in every tile.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from refnet.compiler_lock import COMPILER_LOCK

LANES = 16  # channels in a block of the activation layout, whatever the CPU

# Numbers of a type: Numba would compile a function once more for each literal that it is called with.
NOWHERE: Any = np.int64(-1)
ZERO: Any = np.int64(0)
PIXEL: Any = np.int64(LANES)

# Vector extensions of CPUs named through NUMBA_CPU_NAME, which come without a feature list.
_AVX512_NAMES = (
    "avx512",
    "knl",
    "icelake",
    "tigerlake",
    "sapphirerapids",
    "graniterapids",
    "znver4",
    "znver5",
)
_NO_AVX_NAMES = ("x86-64", "core2", "penryn", "nehalem", "westmere", "generic")

# Where Numba leaves AVX alone, because LLVM makes slow code of it, or because a virtual machine claims what it lacks.
_NO_AVX_FOR_NUMBA = ("corei7-avx", "core-avx-i", "sandybridge", "ivybridge", "nocona")


@dataclass(frozen=True)
class Registers:
    """Vector registers of a CPU: how many, and how many bytes in each."""

    count: int
    size: int


class Target(NamedTuple):
    """What LLVM calls a machine: the system, the CPU and what it can do."""

    triple: str
    cpu: str
    features: str  # empty: those that the name of the CPU stands for


def target() -> Target:
    """Return what Numba compiles for, without Numba: this machine, unless NUMBA_CPU_NAME says otherwise."""
    settings = {name: os.environ.get(f"NUMBA_{name}") for name in ("CPU_NAME", "CPU_FEATURES", "ENABLE_AVX")}
    return _target(settings["CPU_NAME"], settings["CPU_FEATURES"], settings["ENABLE_AVX"])


@cache
def _target(cpu: str | None, features: str | None, avx: str | None) -> Target:
    from llvmlite import binding

    with COMPILER_LOCK:
        name = binding.get_host_cpu_name() if cpu is None else cpu
        if features is None and name.lower() == "generic" and cpu is not None:
            features = ""
        if features is None:
            can = binding.get_host_cpu_features()
            without = (not int(avx)) if avx and avx.isdecimal() else name in _NO_AVX_FOR_NUMBA
            features = type(can)(
                {part: has and not (without and part[:3] == "avx") for part, has in can.items()}
            ).flatten()
        return Target(binding.get_process_triple(), name, features)


@cache
def registers() -> Registers:
    """Look up the registers of the CPU that kernels are compiled for."""
    triple, name, features = target()
    if not triple.startswith(("x86_64", "i686")):
        return Registers(32, 16)
    if "+avx512f" in features or (not features and any(part in name for part in _AVX512_NAMES)):
        return Registers(32, 64)
    if "+avx" in features or (not features and name not in _NO_AVX_NAMES):
        return Registers(16, 32)
    return Registers(16, 16)


class TileShapes(NamedTuple):
    """Tile shapes for one dtype."""

    sums: int  # of 16 lanes, of a pointwise tile: its pixels times its blocks of output channels
    holds_totals: int  # 1: there are registers for a full tile's totals beside its sums, and for any activation
    unrolled: int  # taps of a pointwise tile between two jumps
    piece: int  # vectors of weights that a pointwise tile takes before its neighbour does
    blocks: int  # of 16 output channels, in a tile
    at_once: int  # sums of a dense layer for each of these blocks: chains of 32 taps, or panels of channels
    row_pixels: int  # neighbours in a row, of a depthwise tile
    short_row_pixels: int  # of the tile for the end of a row


# Bytes of registers that hold a tile's totals beside its sums.
_ROOM_FOR_TOTALS = 2048

# Of weights: they stay in a first-level cache of 32 kB beside what else a tile reads.
_PIECE_BYTES = 20 * 1024


def tile_shapes(itemsize: int, machine: Registers | None = None) -> TileShapes:
    """Choose the tiles.

    Pointwise: the sums, and the totals where there is room for both, fill the registers, less one for each block of
    weights and one spare. Depthwise: a tile keeps the weights of a row of its kernel beside its sums, which get half of
    the registers, but at most 7 pixels of each block, for B0's widths of 112 to 7 are multiples of 7; most widths are
    sums of 7s and 5s. Dense: 4 sums hide the latency of each other; they, a total, and two operands fit.

    Examples
    --------
    >>> tile_shapes(4, Registers(32, 64))
    TileShapes(sums=14, holds_totals=1, unrolled=4, piece=320, blocks=2, at_once=4, row_pixels=7, short_row_pixels=5)
    >>> tile_shapes(4, Registers(16, 32))
    TileShapes(sums=6, holds_totals=0, unrolled=1, piece=320, blocks=1, at_once=4, row_pixels=4, short_row_pixels=3)
    """
    machine = machine or registers()
    per_block = max(1, LANES * itemsize // machine.size)
    blocks = 2 if per_block == 1 else 1
    room = (machine.count - blocks * per_block - 1) // per_block
    holds_totals = machine.count * machine.size >= _ROOM_FOR_TOTALS
    at_once = max(1, min(4, (machine.count - 2) // (blocks * per_block) - 1))
    row = max(1, min(7, machine.count // per_block // 2))
    return TileShapes(
        sums=max(1, room // 2 if holds_totals else room),
        holds_totals=int(holds_totals),
        unrolled=4 if holds_totals else 1,
        piece=_PIECE_BYTES // (LANES * itemsize),
        blocks=blocks,
        at_once=at_once,
        row_pixels=row,
        short_row_pixels=(2 * row + 1) // 3,
    )


def tile_shapes_of(array_type: Any) -> TileShapes:
    """Tile shapes for the element type of a Numba array type."""
    return tile_shapes(array_type.dtype.bitwidth // 8)
