"""Tiles: channels in blocks, as [N, C/16, H, W, 16], of a port that does not say that they lie so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.port.axis_orders import relative_error
from refnet.comparison.port.port_tensors import PortTensors
from refnet.errors import RefnetError
from refnet.golden.axes import TensorLayout, from_layout, stored_axes

LOOKED_AT = 3  # pictures of the port
LENGTHS = (2, 4, 8, 16, 32, 64, 128)  # of a tile
NEAR = 0.1  # relative error of numbers that lie where they should
FAR = 0.5  # of numbers that do not


def find_tiles(port: PortTensors) -> TensorLayout | None:
    """How a port's tensors lie, if the numbers of its first pictures fit nothing but tiles of channels.

    A picture whose channels fit into one tile does not tell all orders apart: then the next one is asked too.
    """
    entries = [entry for name, entry in port.golden.entries.items() if name in port.partners and entry.axes == "NHWC"]
    possible: list[TensorLayout] = []
    for entry in islice((entry for entry in entries if not entry.part), LOOKED_AT):
        with suppress(RefnetError, OSError):  # said where it is compared
            name = port.partners[entry.name].name
            if port.recording.entry(name) is not None or port.partners[entry.name].slices:
                continue
            array, golden = port.recording.read(name).array, port.golden.read(entry.name)
            if not possible and any(_error(array, golden, TensorLayout(order)) < FAR for order in ("NHWC", "NCHW")):
                return None
            near = [layout for layout in _layouts(array) if _error(array, golden, layout) < NEAR]
            possible = [layout for layout in possible if layout in near] or near or possible
            if len(possible) == 1:
                break
    return possible[0] if possible else None


def about_tiles(layout: TensorLayout) -> Finding:
    """Say what was found out, and how to say it."""
    option = f"--order {layout.order} --tile {','.join(f'{axis}:{length}' for axis, length in layout.tile)}"
    return Finding("order", None, f"the port's tensors lie in tiles, by their numbers; {option} says so")


def _layouts(array: Array) -> Iterator[TensorLayout]:
    """Ways to lie; the last axis of an array with one more than a picture has is that of a tile."""
    for length in array.shape[-1:] if array.ndim == 5 else LENGTHS:
        for order in ("NCHW", "NHWC"):
            yield TensorLayout(order, (("C", int(length)),))


def _error(array: Array, golden: Array, layout: TensorLayout) -> float:
    """How far a tensor is from the golden's if it lies so; infinite if it cannot."""
    if array.size != math.prod(stored_axes("NHWC", golden.shape, layout)[1]):
        return math.inf
    return relative_error(from_layout(array.reshape(-1), "NHWC", golden.shape, layout), golden)
