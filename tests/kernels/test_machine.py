from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers.places import ROOT

from refnet.kernels.machine import LANES, Registers, registers, tile_shapes

MACHINES = {
    "AVX-512": Registers(32, 64),
    "AVX2": Registers(16, 32),
    "SSE": Registers(16, 16),
    "NEON": Registers(32, 16),
}


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_a_tile_has_something_to_do_and_its_sums_fit(machine: Registers, itemsize: int) -> None:
    tiles = tile_shapes(itemsize, machine)
    per_block = max(1, LANES * itemsize // machine.size)
    assert min(tiles.sums, tiles.row_pixels) >= 1
    assert tiles.row_pixels * per_block <= machine.count // 2 or tiles.row_pixels == 1
    assert tiles.short_row_pixels <= tiles.row_pixels <= 2 * tiles.short_row_pixels
    assert tiles.blocks in (1, 2)
    vectors = (2 if tiles.holds_totals else 1) * tiles.sums + tiles.blocks
    assert vectors * per_block < machine.count or tiles.sums == 1
    assert tiles.sums % tiles.blocks == 0


def test_this_machine_is_one_of_them() -> None:
    assert registers() in MACHINES.values()


BOTH = """
from refnet.kernels.machine import target
mine = target()
import sys
assert "numba" not in sys.modules
from numba.core.registry import cpu_target
theirs = cpu_target.target_context.codegen().magic_tuple()
assert tuple(mine) == theirs, (mine, theirs)
print("same")
"""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_NAME": "sandybridge"},
        {"NUMBA_ENABLE_AVX": "0"},
    ],
    ids=str,
)
def test_it_is_the_machine_that_numba_compiles_for(settings: dict[str, str]) -> None:
    known = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", BOTH], env={**known, **settings}, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "same\n", "")
