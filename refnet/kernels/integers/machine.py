"""The CPU as integer kernels see it: how it adds products of bytes, and the tile shapes that fit its registers."""

from __future__ import annotations

from typing import Literal, NamedTuple

from refnet.kernels.machine import LANES, Registers, Target, registers, target

Dot = Literal["vnni512", "vnni256", "pairs512", "pairs256", "pairs128", "sdot", "plain"]

# CPUs named through NUMBA_CPU_NAME, which come without a feature list: those that have an instruction. One that is not
# here is compiled for without it.
_AVX512_VNNI = (
    "cascadelake", "cooperlake", "icelake", "tigerlake", "rocketlake", "sapphirerapids", "emeraldrapids",
    "graniterapids", "znver4", "znver5",
)  # fmt: skip
_AVX_VNNI = ("alderlake", "raptorlake", "meteorlake", "arrowlake", "lunarlake", "sierraforest", "grandridge")
_AVX512_BW = ("skylake-avx512", "cannonlake")
_AVX2 = ("haswell", "broadwell", "skylake", "core-avx2", "znver1", "znver2", "znver3", "x86-64-v3")
_DOT_PRODUCT = (
    "apple-m", "apple-a13", "apple-a14", "cortex-a76", "cortex-a77", "cortex-a78", "cortex-x", "cortex-a510",
    "cortex-a710", "neoverse", "ampere1",
)  # fmt: skip


def dot(machine: Target | None = None) -> Dot:
    """How products of bytes are added.

    Examples
    --------
    >>> [dot(Target("x86_64-linux", cpu, "")) for cpu in ("nehalem", "haswell", "skylake-avx512", "icelake-server")]
    ['pairs128', 'pairs256', 'pairs512', 'vnni512']
    """
    machine = machine or target()
    if machine.triple.startswith("aarch64"):
        return "sdot" if _has(machine, "dotprod", _DOT_PRODUCT) else "plain"
    if not machine.triple.startswith("x86_64"):
        return "plain"
    if _has(machine, "avx512vnni", _AVX512_VNNI):
        return "vnni512"
    if _has(machine, "avxvnni", _AVX_VNNI):
        return "vnni256"
    if _has(machine, "avx512bw", _AVX512_BW):
        return "pairs512"
    return "pairs256" if _has(machine, "avx2", _AVX2) else "pairs128"


def _has(machine: Target, feature: str, names: tuple[str, ...]) -> bool:
    if machine.features:
        return f"+{feature}" in machine.features.split(",")
    if feature == "avx2":
        return machine.cpu in names
    return machine.cpu.startswith(names)


def is_signed(kind: Dot) -> bool:
    """Whether the bytes of a picture are multiplied as codes q; else as q + 128."""
    return kind == "sdot"


class IntegerTiles(NamedTuple):
    """Tile shapes of sums."""

    pixels: int  # of a pointwise tile
    half: int  # pixels of the tile for the end of a strip
    blocks: int  # of 16 output channels, in a pointwise tile
    row_pixels: int  # neighbours in a row, of a depthwise tile
    short_row_pixels: int  # of the tile for a narrow row, or its end


# Operands of a tile that are neither sums nor weights: a pixel's four bytes, and the halves of what is taken apart.
_BESIDE = {"vnni512": 1, "vnni256": 1, "sdot": 1, "pairs512": 4, "pairs256": 4, "pairs128": 4, "plain": 4}


def integer_tiles(kind: Dot | None = None, machine: Registers | None = None) -> IntegerTiles:
    """Choose the tiles whose sums fill the registers, less the weights and what is beside.

    Examples
    --------
    >>> integer_tiles("vnni512", Registers(32, 64))
    IntegerTiles(pixels=14, half=7, blocks=2, row_pixels=14, short_row_pixels=7)
    >>> integer_tiles("pairs256", Registers(16, 32))
    IntegerTiles(pixels=5, half=2, blocks=1, row_pixels=4, short_row_pixels=2)
    """
    kind, machine = kind or dot(), machine or registers()
    per_block = max(1, 4 * LANES // machine.size)
    blocks = 2 if per_block == 1 else 1
    free = machine.count - _BESIDE[kind] - blocks * per_block
    pixels = max(1, free // (blocks * per_block))
    row = 14 if machine.count // per_block >= 32 else max(2, machine.count // per_block // 2)
    return IntegerTiles(pixels, max(1, pixels // 2), blocks, row, (row + 1) // 2)
