"""Noise: an error that no mistake explains, but that is of the size and kind that a narrow format would make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Precision, evaluate
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.judgement.verdict import RMS_FACTOR, noise_floor, rms

#: Formats that a port may compute in: those of two bytes round everywhere, tf32 the factors of products alone.
ARITHMETICS = (
    ("float16", Precision("float16", "float16", "float16", "float16")),
    ("bfloat16", Precision("bfloat16", "bfloat16", "bfloat16", "bfloat16")),
    ("tf32", Precision("tf32", "tf32")),
)
ENOUGH = 64  # numbers, below which chance looks like a pattern
CORRELATED = 0.6  # of error and truth, from which on an error is no noise


def like_noise(trial: Trial) -> Diagnosis | None:
    """Name the format whose own noise floor at this step holds the port's error, if the error looks like noise.

    What is rounded in another order cannot be reproduced, only measured. Noise does not depend on the numbers it
    is added to: in each channel, error and truth do not correlate.
    """
    c = trial.sample
    truth = evaluate(c, np.float64)
    if truth.shape != trial.seen.shape or trial.seen.size < ENOUGH:
        return None
    error = trial.seen - truth
    if _correlation(error, truth) > CORRELATED:
        return None
    size = rms(error)
    single = noise_floor(evaluate(c, np.float32), truth).rms
    floors = {
        name: noise_floor(evaluate(replace(c, precision=where), np.float32), truth).rms for name, where in ARITHMETICS
    }
    name = min(floors, key=lambda name: abs(np.log(size / floors[name])))
    if not floors[name] / RMS_FACTOR < size <= floors[name] * RMS_FACTOR:
        return None
    words = f"the error is noise, {size / single:.0f} times that of float32, as {name} makes it at this step"
    return Diagnosis(f"{name} arithmetic", words, size / trial.scale, trial.before)


def _correlation(error: Array, truth: Array) -> float:
    """Of error and truth: in each channel, where it has pixels enough, root mean square over them; else of all."""
    e, t = (x.reshape(-1, x.shape[-1]).astype(np.float64) for x in (error, truth))
    if len(e) < ENOUGH:
        e, t = e.reshape(-1, 1), t.reshape(-1, 1)
    e, t = e - e.mean(0), t - t.mean(0)
    norms = np.sqrt(np.square(e).sum(0) * np.square(t).sum(0))
    return rms((e * t).sum(0)[norms > 0] / norms[norms > 0])
