"""Borderline cases: the most that other orders of roundings may do to a tensor, found before it is called wrong.

What one run in float32 is away from float64 may be too little by chance where a tensor has few numbers, and says
nothing of what other engines do: add a whole picture in one chain, or make a sigmoid of a tanh.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from refnet.architecture.needed import needed
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.comparison.judgement.verdict import ROUNDING, Judgement, NoiseFloor, error_of
from refnet.comparison.rerun import Rerun, nearest_held

FAR = 2.0**14  # roundings; what is farther away, no order of them explains
DRAWS = 3
SHAKEN = 2.0**-14  # relative size of what inputs are shaken by: float32 holds it, and results follow in proportion


def is_borderline(judgement: Judgement | None, dtype: str) -> bool:
    """Whether a tensor that seems wrong is so near to the truth that roundings may have done it.

    Examples
    --------
    >>> from refnet.comparison.judgement.verdict import judge
    >>> ones = np.ones(4)
    >>> [is_borderline(judge(ones * far, ones.astype(np.float32), ones), "float32") for far in (1.00001, 1.1)]
    [True, False]
    """
    if judgement is None or judgement.verdict != "wrong":
        return False
    return judgement.error <= FAR * ROUNDING[dtype] * judgement.size


def widest_floor(
    rerun: Rerun, given: Mapping[str, Array], name: str, dtype: str, region: tuple[slice, ...] = ()
) -> NoiseFloor:
    """Find the largest noise floor of a tensor, or of a region of it, that is made from ``given`` others.

    Each channel of the inputs is shaken by what the longest sum on the way may err, all its pixels in one direction,
    and float64 shows what becomes of it: so terms that cancel count by their own size.
    """
    truth = rerun.run_float64(given, name)[region]
    floors = [error_of(_by_other_means(rerun, given, name)[region], truth)]
    amount = max(ROUNDING["float32"] * math.sqrt(rerun.terms(name, given)) / 3, ROUNDING[dtype]) / SHAKEN
    for draw in range(DRAWS):
        shaken = {one: _shaken(tensor, draw) for one, tensor in given.items()}
        found = error_of(rerun.run_float64(shaken, name)[region], truth)
        floors.append(NoiseFloor(found.rms * amount, found.largest * amount))
    return NoiseFloor(max(floor.rms for floor in floors), max(floor.largest for floor in floors))


def _by_other_means(rerun: Rerun, given: Mapping[str, Array], name: str) -> Array:
    """Make a tensor in float64, but means in one chain, and sigmoids as 1/2 + tanh(x / 2) / 2, in float32."""
    held = dict(given)
    for step in needed(rerun.plan.steps, given, [name]):
        if step.op == "mean":
            (x,) = step.inputs
            held[x] = held[x] if x in held else rerun.run_float64(held, x)
            found = _mean_in_one_chain(held[x])
        elif step.activation == "sigmoid" and name not in step.parts:
            found = rerun.run_float64(held, step.name)
            found = found + ROUNDING["float32"] * _signs(found.shape, DRAWS)
        else:
            continue
        if step.name == name:
            return found
        held[step.name] = found
        held = {one: held[one] for one in nearest_held(name, rerun.inputs, held.__contains__) or ()}
    return rerun.run_float64(held, name)


def _shaken(tensor: Array, draw: int) -> Array:
    """Make each channel of each picture a little larger or smaller."""
    signs = _signs((len(tensor), *(1,) * (tensor.ndim - 2), tensor.shape[-1]), draw)
    return (tensor * (1 + SHAKEN * signs)).astype(tensor.dtype)


def _signs(shape: Shape, draw: int) -> Array:
    return np.random.default_rng(draw).choice([-1.0, 1.0], shape)


def _mean_in_one_chain(x: Array) -> Array:
    """Mean over the pixels of [N, H, W, C], one added after the other in float32."""
    pixels = np.moveaxis(x.astype(np.float32, copy=False).reshape(len(x), -1, x.shape[-1]), 1, 0)
    total = np.zeros(pixels.shape[1:], np.float32)
    for pixel in pixels:
        total += pixel
    return total / np.float32(len(pixels))
