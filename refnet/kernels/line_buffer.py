"""The line buffer: the rows of a picture that a convolution is about to read, with their zeros at both sides.

A row of the picture has its slot in the buffer: row r lies in slot r % rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, compiled


class LineBuffer(NamedTuple):
    """Where a line buffer lies, and the picture whose rows it holds."""

    at: int  # arena offset
    rows: int  # slots
    pitch: int  # pixels in a slot: ``left`` of zeros, a row of the picture, and zeros again
    left: int
    height: int  # of the picture
    width: int
    size: int  # elements of a pixel


@intrinsic
def _copy(typingctx: Any, arena: Any, source: Any, target: Any, count: Any) -> Any:
    """Copy ``count`` elements that do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, arena)
        arena_, source_, target_, count_ = args
        pointers = [e.pointer(arena, arena_, offset) for offset in (target_, source_)]
        cgutils.raw_memcpy(builder, *pointers, count_, e.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(arena, *[types.int64] * 3), codegen


@intrinsic
def _clear(typingctx: Any, arena: Any, target: Any, count: Any) -> Any:
    """Set ``count`` elements to +0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, arena)
        arena_, target_, count_ = args
        size = builder.mul(count_, count_.type(e.dtype.bitwidth // 8))
        cgutils.memset(builder, e.pointer(arena, arena_, target_), size, 0)
        return context.get_dummy_value()

    return types.void(arena, *[types.int64] * 2), codegen


@compiled
def clear_margins(arena: Any, buffer: LineBuffer) -> None:
    """Write the zeros beside the picture into every slot."""
    right = buffer.left + buffer.width
    for slot in range(buffer.rows):
        row = buffer.at + slot * buffer.pitch * buffer.size
        _clear(arena, row, buffer.left * buffer.size)
        _clear(arena, row + right * buffer.size, (buffer.pitch - right) * buffer.size)


@compiled
def copy_rows(arena: Any, x: int, first: int, last: int, buffer: LineBuffer) -> None:
    """Copy rows ``first`` … ``last`` - 1 of a picture [row][pixel][size] at ``x`` into their slots."""
    row_size = buffer.width * buffer.size
    for row in range(first, last):
        slot = row % buffer.rows
        _copy(arena, x + row * row_size, buffer.at + (slot * buffer.pitch + buffer.left) * buffer.size, row_size)


@compiled
def picture_rows(arena: Any, x: int, top: int, buffer: LineBuffer) -> None:
    """Fill all slots, in order, with the network's input at ``x`` from row ``top`` on; zeros where there is no row."""
    clear_margins(arena, buffer)
    row_size = buffer.width * buffer.size
    for slot in range(buffer.rows):
        target = buffer.at + (slot * buffer.pitch + buffer.left) * buffer.size
        if 0 <= top + slot < buffer.height:
            _copy(arena, x + (top + slot) * row_size, target, row_size)
        else:
            _clear(arena, target, row_size)
