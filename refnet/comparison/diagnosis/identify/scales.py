"""Scales: scale and shift of each channel, fitted, and explained from the tensors of the batch norm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from refnet.architecture.names import BN_LEAVES
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Norm
from refnet.comparison.diagnosis.identify.inverse import affine, before_activation
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

ENOUGH = 12  # known numbers of a channel
CLOSE = 2e-3  # relative, between fitted and true scales


def scales(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Batch norms and biases with other numbers in them."""
    yield from moved_norms(s)
    for norm in s.right.norms:
        yield from _formulas(s, norm)
    yield from _fitted(s, trial)


def moved_norms(s: Situation) -> Iterator[Mistake]:
    """Batch norms and biases whose numbers lie in other channels."""
    for norm in s.right.norms:
        yield from _moved(s, norm)
    if s.right.bias is not None:
        for words, bias in _moves(s.right.bias):
            yield Mistake("bias-moved", f"the bias is {words}", replace(s.right, bias=bias))


def _moves(values: Array) -> Iterator[tuple[str, Array]]:
    """A vector [K] with its numbers in other channels."""
    K = len(values)
    yield "that of the next channel (shifted by one, the last one kept)", np.append(values[1:], values[-1:])
    yield "that of the previous channel (shifted by one, the first one kept)", np.append(values[:1], values[:-1])
    yield "that of the next channel (shifted by one, around the end)", np.roll(values, -1)
    yield "that of the previous channel (shifted by one, around the end)", np.roll(values, 1)
    yield "in reverse order of channels", values[::-1]
    yield "that of channel 0 in all channels", np.full_like(values, values[0])
    yield "that of the last channel in all channels", np.full_like(values, values[-1])
    yield "the same in all channels: the mean over channels", np.full_like(values, values.mean())
    for size in (2, 4, 8, 16):
        if K % size == 0 and size < K:
            yield f"that of the first of each {size} channels", np.repeat(values[::size], size)
            yield f"that of channel k mod {size}", np.tile(values[:size], K // size)
    if K % 2 == 0:
        yield "that of channel k ± 1: channels are swapped in pairs", values.reshape(-1, 2)[:, ::-1].reshape(-1)
        yield "with its halves swapped", np.roll(values, K // 2)


def _moved(s: Situation, norm: Norm) -> Iterator[Mistake]:
    moved = {name: list(_moves(getattr(norm, name))) for name in BN_LEAVES}
    for number, (words, _) in enumerate(moved["gamma"]):
        every = _with(norm, {name: choices[number][1] for name, choices in moved.items()})
        yield Mistake("norm-moved", f"the batch norm (scale and shift) is {words}", replace(s.right, norms=(every,)))
        scale, shift = (np.asarray(part) for part in _folded(norm))
        moved_scale, moved_shift = (list(_moves(part))[number][1] for part in (scale, shift))
        for name, pair in (("scale", (moved_scale, shift)), ("shift", (scale, moved_shift))):
            yield Mistake(
                f"norm-{name}-moved", f"the batch norm's {name} is {words}", replace(s.right, norms=(_affine(*pair),))
            )
    for name, choices in moved.items():
        for words, values in choices:
            one = _with(norm, {name: values})
            yield Mistake("norm-moved", f"the batch norm's {name} is {words}", replace(s.right, norms=(one,)))


def _with(norm: Norm, changed: Mapping[str, Array]) -> Norm:
    gamma, beta, mean, variance = (changed.get(name, getattr(norm, name)) for name in BN_LEAVES)
    return Norm(gamma, beta, mean, variance, norm.eps)


def _folded(norm: Norm) -> tuple[Array, Array]:
    gamma, beta, mean, variance = (tensor.astype(np.float64) for tensor in norm[:4])
    scale = gamma / np.sqrt(variance + norm.eps)
    return scale, beta - mean * scale


def _affine(scale: Array, shift: Array) -> Norm:
    return Norm(scale, shift, np.zeros_like(scale), np.ones_like(scale), 0.0)


def _formulas(s: Situation, norm: Norm) -> Iterator[Mistake]:
    """Other formulas of gamma, beta, mean and variance."""
    gamma, beta, mean, variance = (tensor.astype(np.float64) for tensor in norm[:4])
    v = variance + norm.eps
    with np.errstate(all="ignore"):
        for (of_gamma, g), (of_variance, d) in product(
            (("gamma", gamma), ("1", np.ones_like(gamma)), ("1 / gamma", 1 / gamma), ("(1 + gamma)", 1 + gamma)),
            (
                ("/ sqrt(variance + eps)", v**-0.5), ("/ (variance + eps)", 1 / v), ("* sqrt(variance + eps)", v**0.5),
                ("* (variance + eps)", v), ("/ (sqrt(variance) + eps)", 1 / (np.sqrt(variance) + norm.eps)), ("", v**0),
            ),
        ):  # fmt: skip
            scale = g * d
            for words, shift in (
                ("beta - mean * scale", beta - mean * scale), ("beta + mean * scale", beta + mean * scale),
                ("beta - mean", beta - mean), ("beta", beta), ("- mean * scale", -mean * scale), ("0", 0 * beta),
                ("mean - beta * scale", mean - beta * scale), ("(beta - mean) * scale", (beta - mean) * scale),
                ("beta * scale - mean", beta * scale - mean), ("-beta - mean * scale", -beta - mean * scale),
                ("mean", mean), ("beta + mean", beta + mean), ("beta of the right scale", _folded(norm)[1]),
            ):  # fmt: skip
                text = f"the batch norm is x * scale + shift with scale = {of_gamma} {of_variance}, shift = {words}"
                yield Mistake("norm-formula", text, replace(s.right, norms=(_affine(scale, shift),)))


def _fitted(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """What least squares say of each channel in the sample."""
    inside = before_activation(trial)
    if inside is None or trial.total.shape != inside.values.shape or not trial.sample.norms:
        return
    found = [
        _line(inside.values[..., k], trial.total[..., k], inside.known[..., k]) for k in range(trial.seen.shape[-1])
    ]
    there = np.array([line is not None for line in found])
    if there.sum() < 2:
        return
    lines = np.array([line for line in found if line is not None])
    norm = trial.sample.norms[0].narrowed(np.flatnonzero(there))
    scale, shift = (part[there] for part in affine(trial.sample))
    yield from _of_eps(s, norm, lines[:, 0])
    whole_scale, whole_shift = affine(s.right)
    ratio = np.median(lines[:, 0] / scale)
    if np.abs(lines[:, 0] / scale / ratio - 1).max() < CLOSE:
        ratio = nice(float(ratio), 1e-4)
        (kept, more), _ = fit([shift, np.ones_like(shift)], lines[:, 1])
        kept, more = nice(kept), nice(more)
        words = f"the batch norm's scale is {ratio:.6g} times, its shift {kept:.6g} times what it should be"
        words += f", plus {more:.6g}" if more else ""
        norms = (_affine(whole_scale * ratio, whole_shift * kept + more),)
        yield Mistake("norm-scaled", words, replace(s.right, norms=norms))
    (of_beta, of_mean), _ = fit([norm.beta, norm.mean * lines[:, 0]], lines[:, 1])
    of_beta, of_mean = nice(of_beta), nice(of_mean)
    for norm in s.right.norms:
        sign = "+" if of_mean > 0 else "-"
        words = f"the batch norm's shift is {of_beta:.6g} beta {sign} {abs(of_mean):.6g} mean * scale"
        pair = whole_scale, of_beta * norm.beta + of_mean * norm.mean * whole_scale
        yield Mistake("norm-shift", words, replace(s.right, norms=(_affine(*pair),)))


def _line(y: Array, x: Array, known: Array) -> tuple[float, float] | None:
    """Scale and shift of one channel, if a straight line fits."""
    y, x = y[known], x[known]
    if len(y) < ENOUGH or not np.std(x) > 0:
        return None
    (scale, shift), left = fit([x, np.ones_like(x)], y)
    return (float(scale), float(shift)) if left <= CLOSE * (np.std(y) or 1.0) else None


def _of_eps(s: Situation, norm: Norm, scale: Array) -> Iterator[Mistake]:
    with np.errstate(all="ignore"):
        eps = np.square(norm.gamma / scale) - norm.variance
    value = float(np.median(eps))
    if not np.isfinite(value) or np.median(np.abs(eps - value)) > 0.05 * abs(value):
        return
    value = float(f"{value:.2g}")
    for one in s.right.norms:
        words = f"the batch norm's eps is {value:g} instead of {one.eps:g}"
        yield Mistake(f"eps-{value:g}", words, replace(s.right, norms=(one._replace(eps=value),)))
