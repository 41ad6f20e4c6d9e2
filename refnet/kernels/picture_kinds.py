"""What the callers of ``picture_rows`` must know of it; nothing here imports a compiler."""

from __future__ import annotations

NEAREST, WEIGHED, CUBIC, LINEAR = range(4)  # kinds of resize
MIXED = 4  # no resize: luminance and colour become red, green and blue
OPERATIONS = ("subtract", "divide", "multiply")  # that normalise, by code
SUBTRACT, DIVIDE, MULTIPLY = range(3)

LEVELS = 256  # of a channel
PIXEL = 4  # bytes, or lanes, of a pixel in a line: red, green, blue, and one that nobody reads
LINES = 4  # resized together along their length
WIDE = 32  # bytes of a line that are summed at a time
PRECISION = 22  # bits of a weight behind the point

# Parts of 65536 of the colours in a JPEG: of 1.402, 0.34414, 0.71414 and 1.772, rounded.
RED_OF_RED, GREEN_OF_BLUE, GREEN_OF_RED, BLUE_OF_BLUE = 91881, 22554, 46802, 116130


def scratch_size(kind: int, read: int, width: int, wide: int, tall: int) -> int:
    """Bytes of memory that a thread needs for ``width`` outputs from ``read`` columns of the picture.

    ``wide`` and ``tall`` count the weights of an output, across and down. It is a whole number of float32.

    Examples
    --------
    >>> scratch_size(NEAREST, 500, 224, 0, 0), scratch_size(CUBIC, 500, 224, 4, 4)
    (0, 13400)
    """
    if kind == NEAREST:
        return 0
    if kind == WEIGHED:
        return LINES * (read + wide) * PIXEL + (ring_lines(tall) + 1) * line_pitch(width)
    return 4 * (PIXEL * (read + 1) + 2 * (3 * width + 1))


def ring_lines(tall: int) -> int:
    """Lines that are kept: those of an output row, at both ends to a whole block of ``LINES``.

    Examples
    --------
    >>> ring_lines(5)
    12
    """
    return (tall + 2 * (LINES - 1) + LINES - 1) // LINES * LINES


def line_pitch(width: int) -> int:
    """Bytes of a line of pixels of three bytes: whole steps of ``WIDE``, and room behind for a wide store.

    Examples
    --------
    >>> line_pitch(224)
    736
    """
    return (3 * width // WIDE + 2) * WIDE
