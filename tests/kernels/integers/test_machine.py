"""Which instruction adds products of bytes."""

from __future__ import annotations

import pytest

from refnet.kernels.integers.machine import Dot, dot, integer_tiles
from refnet.kernels.machine import Registers, Target

X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [
        (Target(X86, "rocketlake", "+avx2,+avx512bw,+avx512vnni"), "vnni512"),
        (Target(X86, "alderlake", "+avx2,+avxvnni,-avx512vnni"), "vnni256"),
        (Target(X86, "skylake-avx512", "+avx2,+avx512bw,-avx512vnni"), "pairs512"),
        (Target(X86, "haswell", "+avx2"), "pairs256"),
        (Target(X86, "sandybridge", "+avx,-avx2"), "pairs128"),
        (Target(X86, "sapphirerapids", ""), "vnni512"),
        (Target(X86, "knl", ""), "pairs128"),
        (Target(X86, "generic", ""), "pairs128"),
        (Target(ARM, "neoverse-n1", ""), "sdot"),
        (Target(ARM, "cortex-a72", ""), "plain"),
        (Target(ARM, "unheard-of", "+neon,+dotprod"), "sdot"),
        (Target("riscv64-linux", "generic", ""), "plain"),
    ],
)
def test_dot(machine: Target, wanted: Dot) -> None:
    assert dot(machine) == wanted


@pytest.mark.parametrize("kind", ["vnni512", "vnni256", "pairs512", "pairs256", "pairs128", "sdot", "plain"])
@pytest.mark.parametrize("machine", [Registers(32, 64), Registers(16, 32), Registers(16, 16), Registers(32, 16)])
def test_tiles_have_something_in_them(kind: Dot, machine: Registers) -> None:
    tiles = integer_tiles(kind, machine)
    assert tiles.pixels >= tiles.half >= 1
    assert tiles.row_pixels >= tiles.short_row_pixels >= 1
