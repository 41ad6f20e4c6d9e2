"""Chunks: whatever the operation, the tiles and the threads, every part of it is in exactly one."""

from __future__ import annotations

import pytest

from refnet.engine.chunks import chunks_of
from refnet.engine.fusion import Operation
from refnet.engine.layout import blocks_of
from refnet.engine.packed import Offsets
from refnet.kernels import rows
from refnet.kernels.machine import Registers, tile_shapes

MACHINES = [Registers(32, 64), Registers(16, 32), Registers(16, 16), Registers(32, 16)]


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("H", "W", "C", "K"), [(112, 112, 16, 96), (7, 7, 1152, 320), (14, 14, 480, 80), (1, 1, 16, 16), (95, 3, 24, 17)]
)
def test_pointwise_strips_cover_all_pixels_and_share_them_out(
    H: int, W: int, C: int, K: int, machine: Registers, itemsize: int
) -> None:
    tiles = tile_shapes(itemsize, machine)
    operation = Operation(rows.POINTWISE, "s", ("input",), (H, W, C), (H, W, K), Offsets(0, 0, 0))
    alone = chunks_of(operation, tiles, threads=1)
    for threads in (1, 2, 3, 8, 64):
        panels, strips, pixels = chunks_of(operation, tiles, threads)
        assert panels == -(-blocks_of(K) // tiles.blocks)
        assert (strips - 1) * pixels < H * W <= strips * pixels
        assert strips >= alone.strips
        # The threads end together, but for a chunk, or each has one that can be cut no further.
        busiest = -(-panels * strips // threads) * pixels
        assert busiest <= panels * H * W / threads + pixels + tiles.sums // tiles.blocks or strips == 1


@pytest.mark.parametrize("C", [8, 40, 1280])
@pytest.mark.parametrize("K", [1, 16, 17, 1000])
def test_dense_layers_are_cut_between_panels(C: int, K: int) -> None:
    for machine in MACHINES:
        tiles = tile_shapes(4, machine)
        operation = Operation(rows.DENSE, "s", ("input",), (C,), (K,), Offsets(0, 0, 0))
        panels, strips, blocks = chunks_of(operation, tiles, threads=2)
        assert panels == 1
        assert blocks % tiles.blocks == 0
        assert (strips - 1) * blocks < blocks_of(K) <= strips * blocks
