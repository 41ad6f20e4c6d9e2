"""Terms: the result as a sum of few things that the port has, each with a factor, found greedily."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import ACTIVATIONS
from refnet.comparison.diagnosis.computation import Computation, evaluate
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

MOST = 3
ENOUGH = 64  # numbers, below which factors fit by chance
FITS = 1e-3  # of the result, that may be left
_Dictionary = dict[str, Array]


def terms(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Sums of what the step should give, its inputs, their products, and other tensors of the run."""
    c = s.right
    if not c.narrows or trial.part is not None or trial.seen.size < ENOUGH:
        return
    every = _dictionary(s, c)
    few = {name: made[..., trial.channels] for name, made in every.items()}
    few["what it should be"] = evaluate(trial.sample, np.float64)
    wanted = trial.seen.astype(np.float64)
    few = {name: made for name, made in few.items() if made.shape == wanted.shape}
    every["what it should be"] = np.zeros(0)
    for first in ("what it should be", ""):
        found = _greedy(few, wanted, [first] if first in few else [])
        if found:
            yield Mistake("sum-of", _said(found), _summed(s.right, found, every))


def _dictionary(s: Situation, c: Computation) -> _Dictionary:
    """All that has the result's shape; each as it lies in memory, or as a view."""
    shape = (len(c.inputs[0]), *s.step.shape)
    found: _Dictionary = {"1": np.broadcast_to(np.float32(1), shape)}
    for name, x in zip(s.reads, c.inputs, strict=False):
        wide = x[:, None, None] if x.ndim == 2 and len(shape) == 4 else x
        if wide.shape in (shape, (shape[0], 1, 1, shape[-1])):
            found[name] = np.broadcast_to(wide, shape)
    for name, other in s.neighbours.items():
        if other.shape == shape and name not in found and name != s.step.name:
            found[name] = other
    names = [name for name in found if name in s.reads]
    for name in names:
        for activation in ("swish", "relu", "relu6", "sigmoid"):
            found[f"{activation}({name})"] = ACTIVATIONS[activation](found[name])
    if len(names) == 2:
        a, b = (found[name] for name in names)
        found[f"{names[0]} * {names[1]}"] = a * b
        found[f"max({names[0]}, {names[1]})"] = np.maximum(a, b)
    return found


def _greedy(dictionary: _Dictionary, wanted: Array, chosen: list[str]) -> dict[str, float]:
    """Add the term that helps most, until the sum fits; empty if it never does."""
    size = float(np.sqrt(np.square(wanted).mean())) or 1.0
    while True:
        rest = wanted
        if chosen:
            factors, left = fit([dictionary[name] for name in chosen], wanted)
            if left <= FITS * size:
                found = {name: nice(float(f), 1e-3) for name, f in zip(chosen, factors, strict=True)}
                found = {name: factor for name, factor in found.items() if factor}
                return {} if found == {"what it should be": 1.0} else found
            rest = wanted - sum(f * dictionary[name] for name, f in zip(chosen, factors, strict=True))
        if len(chosen) == MOST:
            return {}
        scores = {name: _alike(term, rest) for name, term in dictionary.items() if name not in chosen}
        if not scores or max(scores.values()) == 0:
            return {}
        chosen = [*chosen, max(scores, key=lambda name: scores[name])]


def _alike(term: Array, rest: Array) -> float:
    size = float(np.square(term, dtype=np.float64).sum())
    return abs(float((term * rest).sum(dtype=np.float64))) / np.sqrt(size) if size else 0.0


def _summed(c: Computation, found: dict[str, float], every: _Dictionary) -> Computation:
    """Compute the right result, unless it is no term, and add the others as inputs of its own."""
    right = found.get("what it should be", 0.0)
    others = [(factor, every[name]) for name, factor in found.items() if name != "what it should be"]
    factors = [factor for factor, _ in others]
    if not right:
        combine = lambda *x: sum(f * one for f, one in zip(factors, x, strict=True))  # noqa: E731
        return Computation("identity", tuple(x for _, x in others), combine=combine)
    return replace(c, plus=tuple((factor, np.asarray(x)) for factor, x in others), times=right)


def _said(found: dict[str, float]) -> str:
    parts = []
    for name, factor in found.items():
        sign = "-" if factor < 0 else "+"
        times = "" if abs(factor) == 1 else f"{abs(factor):.6g} * "
        parts.append(f"{sign} {times}{name}" if name != "1" else f"{sign} {abs(factor):.6g}")
    text = " ".join(parts)
    return "the result is " + (text[2:] if text.startswith("+ ") else text)
