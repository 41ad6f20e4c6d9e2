"""The line buffer: the rows of a picture that a convolution is about to read, with their zeros at both sides.

A row of the picture has its slot in the buffer: row r lies in slot r % rows. Columns of the buffer are those of the
picture, behind ``left`` columns of zeros and before others that fill up ``pitch`` pixels. A pixel is ``size`` elements.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter


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


@njit(nogil=True, error_model="numpy")
def clear_margins(arena: Any, buffer: int, rows: int, pitch: int, left: int, width: int, size: int) -> None:
    """Write the zeros beside the picture into every slot."""
    for slot in range(rows):
        row = buffer + slot * pitch * size
        _clear(arena, row, left * size)
        _clear(arena, row + (left + width) * size, (pitch - left - width) * size)


@njit(nogil=True, error_model="numpy")
def copy_rows(
    arena: Any, x: int, width: int, first: int, last: int, buffer: int, rows: int, pitch: int, left: int, size: int
) -> None:
    """Copy rows ``first`` … ``last`` - 1 of a picture [row][pixel][size] at ``x`` into their slots."""
    for row in range(first, last):
        _copy(arena, x + row * width * size, buffer + (row % rows * pitch + left) * size, width * size)


@njit(nogil=True, error_model="numpy")
def picture_rows(
    arena: Any, x: int, height: int, width: int, size: int, top: int, buffer: int, rows: int, pitch: int, left: int
) -> None:
    """Copy the network's input from row ``top`` on into ``rows`` slots, in order; zeros where there is no row."""
    clear_margins(arena, buffer, rows, pitch, left, width, size)
    for slot in range(rows):
        row = buffer + (slot * pitch + left) * size
        if 0 <= top + slot < height:
            _copy(arena, x + (top + slot) * width * size, row, width * size)
        else:
            _clear(arena, row, width * size)
