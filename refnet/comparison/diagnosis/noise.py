"""Noise: an error that no mistake explains, but that is of the size and kind that a narrow format would make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Precision, evaluate
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.identify.grids.grids import in_words
from refnet.comparison.diagnosis.identify.grids.spacing import spacing
from refnet.comparison.diagnosis.number_formats import FORMATS
from refnet.comparison.diagnosis.trial import Trial, terms_of
from refnet.comparison.judgement.verdict import noise_floor, rms

#: What a port may compute in: formats of two bytes round everywhere, tf32 the factors of products alone; or sums alone.
ARITHMETICS = (
    ("float16 arithmetic", "float16 makes it", Precision("float16", "float16", "float16", "float16")),
    ("bfloat16 arithmetic", "bfloat16 makes it", Precision("bfloat16", "bfloat16", "bfloat16", "bfloat16")),
    ("tf32 arithmetic", "tf32 makes it", Precision("tf32", "tf32")),
    ("float16 sums", "sums that are accumulated in float16 make it", Precision(accumulator="float16")),
    ("bfloat16 sums", "sums that are accumulated in bfloat16 make it", Precision(accumulator="bfloat16")),
)
ENOUGH = 64  # numbers, below which chance looks like a pattern
CORRELATED = 0.6  # of error and truth, from which on an error is no noise
SPREAD = 0.1  # share of the numbers that must have a tenth of the error's size: noise is nearly everywhere
APART = 3.0  # factor between the size of an error and that of a format's noise
PRODUCTS = 1 << 26  # that are added one by one


def on_a_grid(trial: Trial) -> Diagnosis | None:
    """Say that a port computes in fixed point, if its numbers are few levels and about one of these off.

    Which of its roundings it is cannot be told, as long as it rounds weights and inputs too.
    """
    truth = evaluate(trial.sample, np.float64)
    if truth.shape != trial.seen.shape or trial.seen.size < ENOUGH:
        return None
    error, step = trial.seen - truth, spacing(trial.seen)
    size = rms(error)
    if not step or size > step or _correlation(error, truth) > CORRELATED:
        return None
    nearest = np.mean(np.abs(error) <= step / 2)
    said = (
        f"fixed point: its numbers are {in_words(step)}, {100 * nearest:.0f} % of them the nearest to the right one, "
        f"the others at most {np.abs(error).max() / step:.1f} of these distances off"
    )
    return Diagnosis(None, said, size / trial.scale, trial.before)


def like_noise(trial: Trial) -> Diagnosis | None:
    """The arithmetic whose own noise at this step is as large as the port's error, if that looks like noise.

    What is rounded in another order cannot be reproduced, only measured: it is named where the port's numbers are of
    that format, else it is a lead. Noise is nearly everywhere, and does not depend on the numbers it is added to: in
    each channel, error and truth do not correlate.
    """
    fewer = max(terms_of(trial.sample) * trial.seen.size // PRODUCTS, 1)
    c = trial.sample.narrowed(slice(None, None, fewer)) if trial.sample.narrows else trial.sample
    seen = trial.seen[..., ::fewer] if trial.sample.narrows else trial.seen
    truth = evaluate(c, np.float64)
    if truth.shape != seen.shape or seen.size < ENOUGH:
        return None
    error = seen - truth
    size = rms(error)
    if np.mean(np.abs(error) > size / 10) < SPREAD or _correlation(error, truth) > CORRELATED:
        return None
    single = noise_floor(evaluate(c, np.float32), truth).rms
    floors = {
        one: noise_floor(evaluate(replace(c, precision=one[-1]), np.float32), truth).rms
        for one in ARITHMETICS
        if c.kernel is not None or not one[-1].accumulator
    }
    own = [one for one in floors if one[-1].result and np.array_equal(FORMATS[str(one[-1].result)](seen), seen)]
    one = min(own or floors, key=lambda one: abs(np.log(size / floors[one])))
    if not floors[one] / APART < size <= floors[one] * APART:
        return None
    name, words, _ = one
    said = f"the error is noise, {size / single:.0f} times that of float32, as {words} at this step"
    if not own:
        said = f"a lead: {said}"
    return Diagnosis(name if own else None, said, size / trial.scale, trial.before)


def _correlation(error: Array, truth: Array) -> float:
    """Of error and truth: in each channel, where it has pixels enough, root mean square over them; else of all."""
    e, t = (x.reshape(-1, x.shape[-1]).astype(np.float64) for x in (error, truth))
    if len(e) < ENOUGH:
        e, t = e.reshape(-1, 1), t.reshape(-1, 1)
    e, t = e - e.mean(0), t - t.mean(0)
    norms = np.sqrt(np.square(e).sum(0) * np.square(t).sum(0))
    return rms((e * t).sum(0)[norms > 0] / norms[norms > 0])
