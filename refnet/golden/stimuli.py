"""Stimuli: inputs that cover the range of what a network sees, from an integer generator, the same anywhere.

A black picture, or a smooth one, hides most mistakes. These do not, and any language makes them in a few lines. y and x
count pixels from the top left, / drops the remainder, ^ is exclusive or. u("key") is the generator of
``refnet.weights.synthetic`` over [H, W], or over [1, H, W, 3] for a tensor; byte("key") is u("key") * 128 + 128,
rounded down.

``codes``     picture of 256 x 320 (H x W): red = (x * 256 / 320) ^ (byte("codes/red") mod 64),
              green = y ^ (byte("codes/green") mod 64), blue = byte("codes/blue")
``extremes``  picture of 256 x 320: 0 or 255 in checkers, which grow from left to right in red, from right to left in
              green, and have odd sides in blue: 255 * ((x / s + y / s) mod 2) for the sides s = 2**b, 2**(4 - b) and
              2 * b + 3 in the column b = x / 64
``noise``     tensor of any size: 2 * u("input"), as ``refnet.weights.synthetic.picture_tensor``
``swish``     tensor of any size: u("swish") * 2**(y * 12 / H - 6), from far inside to far outside the range in which an
              activation is curved

In ``codes`` each channel has all 256 codes, large shapes and small ones. No picture is like one of its flips or its
transposition, nor a channel like another. Pictures go through the recipe of the weights; a tensor is the network's
input itself.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import numpy as np

from refnet.architecture.variants import IMAGE_CHANNELS
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.weights import synthetic

HEIGHT, WIDTH = 256, 320  # of the pictures
DEFAULT = "codes"

_BAND = 64  # pixels of checkers of one size


def codes() -> Array:
    """Two ramps with noise on them, and noise: u8[256, 320, 3].

    Examples
    --------
    >>> [len(np.unique(channel)) for channel in codes().transpose(2, 0, 1)]
    [256, 256, 256]
    """
    y, x = np.indices((HEIGHT, WIDTH))
    red, green, blue = (_bytes(f"codes/{channel}") for channel in ("red", "green", "blue"))
    return np.stack([x * 256 // WIDTH ^ red % 64, y ^ green % 64, blue], axis=-1).astype(np.uint8)


def _bytes(key: str) -> Array:
    u = synthetic.uniform(key, (HEIGHT, WIDTH))
    return (u * np.float32(128) + np.float32(128)).astype(np.int64)


def extremes() -> Array:
    """Checkers of 0 and 255 in many sizes, u8[256, 320, 3].

    Examples
    --------
    >>> extremes()[0, :4].tolist()
    [[0, 0, 0], [255, 0, 0], [0, 0, 0], [255, 0, 255]]
    """
    y, x = np.indices((HEIGHT, WIDTH))
    band = x // _BAND
    sides = (2**band, 2 ** (4 - band), 2 * band + 3)
    return np.stack([255 * ((x // s + y // s) % 2) for s in sides], axis=-1).astype(np.uint8)


def swish(height: int, width: int, channels: int = IMAGE_CHANNELS) -> Array:
    """Noise that grows from row to row, f32[1, H, W, channels] in [-32, 32).

    Examples
    --------
    >>> [int(np.abs(row).max() * 64) for row in swish(12, 64)[0, ::4]]
    [0, 15, 255]
    """
    exponent = np.arange(height, dtype=np.int32) * 12 // height - 6
    grown: Array = np.ldexp(synthetic.uniform("swish", (1, height, width, channels)), exponent[:, None, None])
    return grown


PICTURES: dict[str, Callable[[], Array]] = {"codes": codes, "extremes": extremes}
TENSORS: dict[str, Callable[[int, int, int], Array]] = {"noise": synthetic.picture_tensor, "swish": swish}
STIMULI = (*PICTURES, *TENSORS)


def stimulus(name: str, height: int, width: int, channels: int = IMAGE_CHANNELS) -> Array:
    """Make a stimulus: a picture u8[256, 320, 3], or a tensor f32[1, height, width, channels] for the network.

    Examples
    --------
    >>> stimulus("codes", 8, 8).dtype, stimulus("noise", 8, 8).dtype
    (dtype('uint8'), dtype('float32'))
    """
    check_stimulus(name)
    return PICTURES[name]() if name in PICTURES else TENSORS[name](height, width, channels)


def check_stimulus(name: str) -> None:
    """Refuse a name that no stimulus has."""
    if name not in STIMULI:
        near = get_close_matches(str(name), STIMULI, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"no stimulus {name!r}; one of {', '.join(STIMULI)}{hint}")
