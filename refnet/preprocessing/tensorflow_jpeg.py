"""JPEG as TensorFlow decodes it, to the bit: libjpeg's fast inverse cosine transform with smooth colour.

Pillow has that transform too, but only together with colour that is repeated instead of smoothed. So it is asked for
planes of luminance and colour that are not mixed yet, each colour repeated; what is repeated is taken out again, and
smoothed and mixed here by libjpeg's formulas, which are whole numbers.
Source: tensorflow, core/lib/jpeg/jpeg_mem.cc; libjpeg-turbo, jdsample.c and jdcolor.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from refnet.errors import ImageError
from refnet.kernels.picture_kinds import BLUE_OF_BLUE, GREEN_OF_BLUE, GREEN_OF_RED, RED_OF_RED
from refnet.preprocessing.compiled import mix as mix_compiled
from refnet.preprocessing.pillow_memory import pixels_of
from refnet.preprocessing.window import Picture

if TYPE_CHECKING:
    from PIL import Image

Plane = NDArray[np.uint8]  # [H,W]
ROWS = 64  # mixed at a time
FAST = (1, 1)  # Pillow's decoder: full size; fast transform, repeated colour


def jpeg_rgb(image: Image.Image, where: str) -> Picture:
    """Decode a JPEG that is open, but not decoded yet."""
    jpeg: Any = image
    factors = [(across, down) for _, across, down, _ in jpeg.layer]
    most = tuple(map(max, zip(*factors, strict=True)))
    is_mixed = image.mode == "RGB" and not _is_stored_as_rgb(jpeg)
    if is_mixed:
        jpeg.draft("YCbCr", image.size)
    jpeg.decoderconfig = FAST
    image.load()
    if not is_mixed:
        if any(factor != most for factor in factors):
            raise ImageError(f"{where}: a JPEG of {image.mode} with colour of lower resolution; save it as PNG")
        if image.mode == "CMYK":
            return cmyk_to_rgb(np.asarray(image))
        return pixels_of(image if image.mode == "RGB" else image.convert("RGB"))
    planes = pixels_of(image)
    if factors[0] != most:
        raise ImageError(f"{where}: a JPEG with luminance of lower resolution than colour; save it as PNG")
    if any(factor != most for factor in factors):
        smooth = [
            _smooth(planes[..., channel], most[0] // across, most[1] // down)
            for channel, (across, down) in enumerate(factors)
        ]
        planes = np.stack(smooth, axis=2)
    return mix_compiled(planes)


def cmyk_to_rgb(cmyk: Picture) -> Picture:
    """Mix u8[H,W,4] as TensorFlow does, cutting off what is behind the point.

    Examples
    --------
    >>> cmyk_to_rgb(np.array([[[255, 0, 1, 51]]], np.uint8)).tolist()
    [[[0, 204, 203]]]
    """
    picture: Picture = np.empty((*cmyk.shape[:2], 3), np.uint8)
    for top in range(0, len(cmyk), ROWS):
        light = 255 - cmyk[top : top + ROWS].astype(np.uint16)
        picture[top : top + ROWS] = light[..., :3] * light[..., 3:] // 255
    return picture


def _is_stored_as_rgb(jpeg: Any) -> bool:
    """Whether its planes are red, green and blue, by libjpeg's rules."""
    if "jfif" in jpeg.info:
        return False
    if "adobe_transform" in jpeg.info:
        return bool(jpeg.info["adobe_transform"] == 0)
    return [layer[0] for layer in jpeg.layer] == [82, 71, 66]  # their letters


def _smooth(plane: Plane, across: int, down: int) -> Plane:
    """Take a repeated plane to its own resolution, and smooth it up again, in the cases that libjpeg smooths."""
    height, width = plane.shape
    if (across, down) not in ((2, 1), (1, 2), (2, 2)) or (across == 2 and (width + 1) // 2 <= 2):
        return plane
    own = plane[::down, ::across].astype(np.int16)
    if (across, down) == (2, 1):
        grown = _along(own, 1, (1, 2), 2)
    elif (across, down) == (1, 2):
        grown = _along(own, 0, (1, 2), 2)
    else:
        grown = _along(_along(own, 0, (0, 0), 0), 1, (8, 7), 4)
    return grown[:height, :width].astype(np.uint8)


def _along(own: NDArray[np.int16], axis: int, bias: tuple[int, int], shift: int) -> NDArray[np.int16]:
    """Twice as many samples along an axis: each three parts of its own and one of the neighbour on its side.

    At the border a sample is its own neighbour.
    """
    x = np.moveaxis(own, axis, 0)
    grown = np.empty((2 * len(x), *x.shape[1:]), np.int16)
    before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
    grown[0::2] = (3 * x + before + bias[0]) >> shift
    grown[1::2] = (3 * x + after + bias[1]) >> shift
    return np.moveaxis(grown, 0, axis)


def mix(planes: Picture) -> Picture:
    """YCbCr to RGB, in multiples of 1/65536: the definition, of which ``compiled.mix`` has the same bits.

    Examples
    --------
    >>> mix(np.array([[[100, 128, 128], [100, 90, 240]]], np.uint8)).tolist()
    [[[100, 100, 100], [255, 33, 33]]]
    """
    picture: Picture = np.empty(planes.shape, np.uint8)
    half = 1 << 15
    for top in range(0, len(planes), ROWS):
        y, cb, cr = np.moveaxis(planes[top : top + ROWS].astype(np.int32), 2, 0)
        cb, cr = cb - 128, cr - 128
        mixed = (
            y + ((RED_OF_RED * cr + half) >> 16),
            y + ((-GREEN_OF_BLUE * cb - GREEN_OF_RED * cr + half) >> 16),
            y + ((BLUE_OF_BLUE * cb + half) >> 16),
        )
        picture[top : top + ROWS] = np.clip(np.stack(mixed, axis=2), 0, 255)
    return picture
