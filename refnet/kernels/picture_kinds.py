"""What the callers of ``picture_rows`` must know of it; nothing here imports a compiler."""

from __future__ import annotations

NEAREST, WEIGHED, CUBIC, LINEAR = range(4)  # kinds of resize
MIXED = 4  # no resize: luminance and colour become red, green and blue
OPERATIONS = ("subtract", "divide", "multiply")  # that normalise, by code
SUBTRACT, DIVIDE, MULTIPLY = range(3)

LEVELS = 256  # of a channel
PIXEL_LANES = 4  # bytes, or lanes, of a pixel in a line: red, green, blue, and one that nobody reads
LINES = 4  # resized together along their length
WIDE = 32  # bytes of a line that are summed at a time
PRECISION = 22  # bits of a weight behind the point

# Parts of 65536 of the colours in a JPEG: of 1.402, 0.34414, 0.71414 and 1.772, rounded.
RED_OF_RED, GREEN_OF_BLUE, GREEN_OF_RED, BLUE_OF_BLUE = 91881, 22554, 46802, 116130


def scratch_size(kind: int, read: int, width: int, wide: int, tall: int) -> int:
    """Bytes of memory that a thread needs for ``width`` outputs from at most ``read`` columns of the picture.

    ``wide`` and ``tall`` count the weights of an output, across and down.

    Examples
    --------
    >>> scratch_size(NEAREST, 500, 224, 0, 0), scratch_size(CUBIC, 500, 224, 4, 4)
    (0, 10692)
    """
    if kind == WEIGHED:
        return weighed_layout(read, width, wide, tall)[-1]
    if kind == CUBIC:
        return 4 * cubic_layout(read, width)[-1]
    return linear_layout(read, width)[-1] if kind == LINEAR else 0


# What lies where in that memory, as the kernels have it: each function gives the end last.


def weighed_layout(read: int, width: int, wide: int, tall: int) -> tuple[int, int, int, int, int]:
    """In bytes: ``LINES`` lines of the picture, a ring of lines that wait, and the finished line.

    The size of a line, where the ring begins, the pitch of lines in it, where the finished line begins. A line in the
    ring is a whole number of wide steps, with room behind for a wide store. The ring has room for the lines of an
    output, at both ends to a whole block of ``LINES``.

    Examples
    --------
    >>> weighed_layout(500, 224, 6, 5)
    (2024, 8096, 736, 16928, 17664)
    """
    size = (read + wide) * PIXEL_LANES
    ring, pitch = LINES * size, (3 * width // WIDE + 2) * WIDE
    waiting = (tall + 2 * (LINES - 1) + LINES - 1) // LINES * LINES
    finished = ring + waiting * pitch
    return size, ring, pitch, finished, finished + pitch


def cubic_layout(read: int, width: int) -> tuple[int, int]:
    """In float32: a line of the picture; where the row of outputs begins, with a lane behind the last.

    Examples
    --------
    >>> cubic_layout(500, 224)
    (2000, 2673)
    """
    row = read * PIXEL_LANES
    return row, row + 3 * width + 1


def linear_layout(read: int, width: int) -> tuple[int, int, int]:
    """In bytes: two rows of outputs, of float32, with a lane behind the last; then a line of the picture.

    The size of a row, and where the line begins.

    Examples
    --------
    >>> linear_layout(500, 224)
    (2692, 5384, 7384)
    """
    row = 4 * (3 * width + 1)
    return row, 2 * row, 2 * row + read * PIXEL_LANES
