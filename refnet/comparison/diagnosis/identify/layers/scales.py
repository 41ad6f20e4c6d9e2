"""Scales: scale and shift of each channel, fitted, and explained from the tensors of the batch norm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from refnet.architecture.names import BN_LEAVES
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Norm
from refnet.comparison.diagnosis.identify.indices import rules
from refnet.comparison.diagnosis.identify.inverse import Inside, affine, before_activation
from refnet.comparison.diagnosis.identify.layers.vectors import Source, sources
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

ENOUGH = 4  # known numbers of a channel
STRAIGHT = 2e-3  # relative: what a straight line may leave
SNAPPED = 0.02  # between a power and the half that it is taken for


def scales(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Batch norms and biases with other numbers in them."""
    inside = before_activation(trial)
    if inside is None or trial.total.shape != inside.values.shape:
        return
    if s.right.bias is not None and not s.right.norms:
        yield from _biases(s, trial, inside)
    for norm in s.right.norms[:1]:
        lines = _lines(trial, inside, len(norm.gamma))
        if np.isfinite(lines[0]).any():
            yield from _norms(s, norm, *lines)
    yield from _of_each_picture(s)


def _biases(s: Situation, trial: Trial, inside: Inside) -> Iterator[Mistake]:
    assert s.right.bias is not None
    rest = np.where(inside.known, inside.values - trial.total, np.nan).reshape(-1, inside.values.shape[-1])
    there = np.isfinite(rest).any(0)
    found = np.full(len(s.right.bias), np.nan)
    found[trial.channels[there]] = np.nanmedian(rest[:, there], 0)
    others = {f"that of {name}": one.bias for name, one in s.layers.items() if one.bias is not None}
    for words, bias in sources(found, s.right.bias.astype(np.float64), others):
        if words:
            text = f"the bias is {words}"
            yield Mistake("other-bias", text, replace(s.right, bias=bias.astype(np.float32)))


def _lines(trial: Trial, inside: Inside, K: int) -> tuple[Array, Array]:
    """Scale and shift of each channel in the sample, if a straight line fits; else NaN."""
    scale, shift = np.full(K, np.nan), np.full(K, np.nan)
    for place, channel in enumerate(trial.channels):
        known = inside.known[..., place]
        y, x = inside.values[..., place][known], trial.total[..., place][known]
        if len(y) >= ENOUGH and np.std(x) > 0:
            (a, b), left = fit([x, np.ones_like(x)], y)
            if left <= STRAIGHT * np.std(y):
                scale[channel], shift[channel] = a, b
            elif np.std(y) <= 1e-6 * abs(y.mean()):
                scale[channel], shift[channel] = 0, y.mean()
    return scale, shift


def _norms(s: Situation, norm: Norm, a: Array, b: Array) -> Iterator[Mistake]:
    """Explain scales ``a`` and then, each explanation taken, shifts ``b``."""
    others = dict(_of_others(s, norm))
    explained = 0
    with np.errstate(all="ignore"):
        for of_scale, scale in _of_scale(norm, a, others):
            for of_shift, shift in _of_shift(norm, b, scale, others):
                if of_scale or of_shift:
                    explained += 1
                    words = " and ".join(filter(None, (of_scale, of_shift)))
                    if of_scale.replace("scale", "shift") == of_shift:
                        words = of_scale.replace("scale", "scale and shift")
                    yield Mistake(_name(words), f"the batch norm's {words}", _with(s, scale, shift))
    if not explained:
        right, known = affine(s.right), np.isfinite(a)
        words = "the batch norm has another scale and shift in its channels: "
        words += ", ".join(f"{a[k]:.6g} and {b[k]:.6g} in channel {k}" for k in np.flatnonzero(known)[:2])
        scale, shift = (np.where(known, *pair) for pair in zip((a, b), right, strict=True))
        yield Mistake("norm-numbers", words, _with(s, scale, shift), lead=True)


def _name(words: str) -> str:
    """By the vector that is another: norm-gamma, norm-shift; eps-0.1."""
    first, _, value, *_ = words.split()
    return f"eps-{value}" if first == "eps" else f"norm-{first}"


def _with(s: Situation, scale: Array, shift: Array) -> Computation:
    return replace(s.right, norms=(Norm(scale, shift, np.zeros_like(scale), np.ones_like(scale), 0.0),))


def _of_others(s: Situation, norm: Norm) -> Iterator[tuple[str, Array]]:
    """Vectors that may have been taken for one of the batch norm's, in words."""
    for leaf in BN_LEAVES:
        yield f"the batch norm's {leaf}", getattr(norm, leaf).astype(np.float64)
    for name, other in s.layers.items():
        for leaf in BN_LEAVES:
            for one in other.norms:
                yield f"{leaf} of {name}", getattr(one, leaf).astype(np.float64)


def _wide(norm: Norm) -> tuple[Array, Array, Array, Array]:
    gamma, beta, mean, variance = (tensor.astype(np.float64) for tensor in norm[:4])
    return gamma, beta, mean, variance


def _of_scale(norm: Norm, a: Array, others: Mapping[str, Array]) -> Iterator[Source]:
    gamma, _, _, variance = _wide(norm)
    root = np.sqrt(variance + norm.eps)
    right = gamma / root
    whole = list(sources(a, right, {}))
    if whole and not whole[0].words:
        yield whole[0]
        return
    yield from _of_eps(norm, a)
    for words, values in sources(a * root, gamma, others):
        yield Source(f"gamma is {words}", values / root)
    for words, values in sources(np.square(gamma / a) - norm.eps, variance, others):
        yield Source(f"variance is {words}", gamma / np.sqrt(values + norm.eps))
    yield from _powers(norm, a)
    for words, values in whole:
        yield Source(f"scale is {words}", values)


def _of_eps(norm: Norm, a: Array) -> Iterator[Source]:
    gamma, _, _, variance = _wide(norm)
    eps = (np.square(gamma / a) - variance)[np.isfinite(a)]
    value = float(np.median(eps))
    if np.isfinite(value) and value > 0 and np.median(np.abs(eps - value)) <= 0.05 * value:
        value = float(f"{value:.2g}")
        yield Source(f"eps is {value:g} instead of {norm.eps:g}", gamma / np.sqrt(variance + value))


def _powers(norm: Norm, a: Array) -> Iterator[Source]:
    """Scales that are powers of gamma and of the variance: by regression of their logarithms."""
    gamma, _, _, variance = _wide(norm)
    for words, v in (("(variance + eps)", variance + norm.eps), ("variance", variance)):
        known = np.isfinite(a) & (a != 0) & (gamma != 0) & (v > 0)
        if known.sum() < 8:
            return
        logs = [np.log(np.abs(x)[known]) for x in (gamma, v)]
        (of_gamma, of_v, _), _ = fit([*logs, np.ones(known.sum())], np.log(np.abs(a[known])))
        p, q = (np.rint(2 * power) / 2 for power in (of_gamma, of_v))
        if max(abs(p - of_gamma), abs(q - of_v)) > SNAPPED or (p, q) == (1, -0.5):
            continue
        made = np.abs(gamma) ** p * np.sign(gamma) ** int(p % 2) * v**q
        factor = nice(float(np.median((a / made)[known])), 1e-4)
        times = "" if factor == 1 else f"{factor:.6g} * "
        yield Source(f"scale is {times}gamma^{p:g} * {words}^{q:g}, not gamma / sqrt(variance + eps)", made * factor)


def _of_shift(norm: Norm, b: Array, scale: Array, others: Mapping[str, Array]) -> Iterator[Source]:
    gamma, beta, mean, variance = _wide(norm)
    right_scale = gamma / np.sqrt(variance + norm.eps)
    usual = list(sources(b, beta - mean * scale, {}))
    if usual and not usual[0].words:
        yield usual[0]
        return
    intended = beta - mean * right_scale
    for words, values in sources(b, intended, {}):
        yield Source(f"shift is {words}" if words else "shift is that of the right scale", values)
    for words, values in sources((beta - b) / scale, mean, others):
        yield Source(f"mean is {words}", beta - values * scale)
    for words, values in sources(b + mean * scale, beta, others):
        yield Source(f"beta is {words}", values - mean * scale)
    yield from _sums(b, {"beta": beta, "mean * scale": mean * scale, "mean": mean, "beta * scale": beta * scale})


def _sums(b: Array, terms: Mapping[str, Array]) -> Iterator[Source]:
    """Shifts that are a sum of two terms."""
    known = np.isfinite(b)
    if known.sum() < 8:
        return
    for pair in combinations(terms, 2):
        factors, left = fit([terms[name][known] for name in pair], b[known])
        if left <= STRAIGHT * np.std(b[known]):
            kept = {name: nice(float(f), 1e-3) for name, f in zip(pair, factors, strict=True)}
            said = " ".join(f"{'-' if f < 0 else '+'} {'' if abs(f) == 1 else f'{abs(f):.6g} * '}{name}"
                            for name, f in kept.items() if f)  # fmt: skip
            words = f"shift is {said.removeprefix('+ ') or '0'}, not beta - mean * scale"
            yield Source(words, np.sum([f * terms[name] for name, f in kept.items()], 0))


def _of_each_picture(s: Situation) -> Iterator[Mistake]:
    """Statistics of each picture, as instance normalisation takes them."""
    for norm in s.right.norms:
        if len(s.right.inputs[0]) > 1 and s.right.inputs[0].ndim == 4:
            words = "the batch norm takes mean and variance from each picture (instance normalisation)"
            yield Mistake("picture-statistics", words, replace(s.right, norms=(norm._replace(statistics="picture"),)))


def moved_norms(s: Situation) -> Iterator[Mistake]:
    """Guesses: batch norms and biases whose numbers lie in other channels."""
    for norm in s.right.norms:
        for words, index in rules(len(norm.gamma)):
            yield Mistake("norm-moved", f"the batch norm (scale and shift) is that of {words}",
                          replace(s.right, norms=(norm.narrowed(index),)))  # fmt: skip
            for leaf in BN_LEAVES:
                changed = norm._replace(**{leaf: getattr(norm, leaf)[index]})
                text = f"the batch norm's {leaf} is that of {words}"
                yield Mistake("norm-moved", text, replace(s.right, norms=(changed,)))
    if s.right.bias is not None:
        for words, index in rules(len(s.right.bias)):
            yield Mistake("bias-moved", f"the bias is that of {words}", replace(s.right, bias=s.right.bias[index]))
