"""An integer network beside the float one, as JSON can hold it."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from refnet.quantisation.nearness import Nearness, StepNearness
from refnet.weights.quantised import QuantisedWeights


def to_json(weights: QuantisedWeights, nearness: Nearness) -> dict[str, Any]:
    """Everything that was found."""
    return {
        "model": weights.architecture.name,
        "engine": weights.engine.name,
        "recipe": weights.recipe.name,
        "calibration": asdict(weights.calibration),
        "pictures": nearness.pictures,
        "same": nearness.same,
        "farthest": nearness.farthest,
        "steps": [_step(step) for step in nearness.steps],
    }


def _step(step: StepNearness) -> dict[str, Any]:
    least, most = step.range
    return {
        "name": step.name,
        "kind": step.kind,
        "scale": float(step.codes.scale),
        "zero_point": step.codes.zero_point,
        "range": [least, most],
        "seen": [step.low, step.high],
        "clipped": step.clipped,
        "numbers": step.numbers,
        "snr": step.snr if math.isfinite(step.snr) else None,
    }
