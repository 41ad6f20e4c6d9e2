"""Synthetic weights: for every variant, from an integer generator, the same anywhere without a download.

Element i of the tensor ``key`` is made from the counter-based generator SplitMix64 (Steele, Lea & Flood, 2014):

    seed  = FNV-1a of the key's bytes, 64 bits
    z     = seed + (i + 1) * 0x9E3779B97F4A7C15            (mod 2**64)
    z     = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;  z = (z ^ z >> 27) * 0x94D049BB133111EB;  z = z ^ z >> 31
    u     = (z >> 40) / 2**23 - 1                           in [-1, 1), exact in float32
    value = center + u * half_width                         in float32, each operation rounded

with a center and half width for each kind of tensor (``_spread``). Two things keep activations healthy from the stem to
the head of a network as deep as B8, so that a change in the picture still reaches the logits. In a pointwise kernel the
weights of channels 2 j and 2 j + 1 are opposite (the second takes the u of the first, negated), so the mean that swish
leaves in every channel cancels. And the gates close as the signal grows: a positive first, a negative second matrix.
"""

from __future__ import annotations

import math

import numpy as np

from refnet import memory
from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Shape, Step, Weight
from refnet.architecture.variants import IMAGE_CHANNELS, Architecture
from refnet.arrays import Array
from refnet.float_mode import default_mode


def uniform(key: str, shape: Shape) -> Array:
    """Numbers in [-1, 1) for a key: f32 of ``shape``.

    Examples
    --------
    >>> uniform("input", (3,))
    array([-0.80436337,  0.30472076, -0.5927515 ], dtype=float32)
    """
    seed = 0xCBF29CE484222325
    for byte in key.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    z >>= np.uint64(40)
    u = z.astype(np.float32) / np.float32(2**23) - np.float32(1)
    return u.reshape(shape)


def picture_tensor(height: int, width: int, channels: int = IMAGE_CHANNELS) -> Array:
    """Return a generated network input: f32[1, H, W, channels] in [-2, 2), the range of a normalised picture."""
    return uniform("input", (1, height, width, channels)) * np.float32(2)


@default_mode()
def tensors(architecture: Architecture) -> dict[str, Array]:
    """Generate all weights of a network, by key."""
    result = {}
    plan = make_plan(architecture)
    memory.check(plan.params * 4, f"{architecture.name} with generated weights", "want a smaller network")
    for step in plan:
        for weight in step.weights:
            u = uniform(weight.key, weight.shape)
            if step.op == "convolution" and step.kernel == 1 and weight.key.endswith("/kernel"):
                channels = weight.shape[-2] // 2 * 2
                u[:, :, 1:channels:2] = -u[:, :, 0:channels:2]
            center, half_width = _spread(step, weight, gated=architecture.blocks[0].se_channels > 0)
            result[weight.key] = np.float32(center) + u * np.float32(half_width)
    return result


# A kernel's weights have the variance gain / fan-in.
_GAIN = {"stem": 0.75, "expand": 1.0, "depthwise": 3.0, "project": 1.0, "head": 1.0, "logits": 40.0}
_GAIN_OF_GATED_PROJECT = 8.0
_GAIN_IN_TOP = 2.0
_CENTER_AND_HALF_WIDTH = {
    "gamma": (1.0, 0.25),
    "beta": (0.0, 0.25),
    "mean": (0.0, 0.125),
    "variance": (1.0, 0.5),
    "bias": (0.0, 0.25),
    "p": (3.0, 0.5),
}


def _spread(step: Step, weight: Weight, *, gated: bool) -> tuple[float, float]:
    """Center and half width of a tensor's uniform distribution."""
    leaf = weight.key.rsplit("/", 1)[1]
    kind = step.name.rsplit(".", 1)[-1]
    fan_in = math.prod(weight.shape) // weight.shape[-1]
    if kind == names.REDUCE and leaf == "kernel":
        return 4 / fan_in, 2 / fan_in
    if kind == names.GATE:
        return (-2 / fan_in, 1 / fan_in) if leaf == "kernel" else (1.0, 0.5)
    if leaf == "kernel":
        gain = _GAIN_OF_GATED_PROJECT if gated and kind == names.PROJECT else _GAIN.get(kind, _GAIN_IN_TOP)
        return 0.0, math.sqrt(3 * gain / fan_in)
    return _CENTER_AND_HALF_WIDTH[leaf]
