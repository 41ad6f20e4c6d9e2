from __future__ import annotations

import pytest

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
    assert min(tiles.pixels, tiles.row_pixels) >= 1
    assert tiles.row_pixels * per_block <= machine.count // 2 or tiles.row_pixels == 1
    assert tiles.short_row_pixels <= tiles.row_pixels <= 2 * tiles.short_row_pixels
    assert tiles.blocks in (1, 2)
    assert tiles.pixels * tiles.blocks * per_block <= machine.count


def test_this_machine_is_one_of_them() -> None:
    assert registers() in MACHINES.values()
