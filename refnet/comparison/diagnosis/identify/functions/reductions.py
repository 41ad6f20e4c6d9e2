"""Reductions: means over other windows, divisors and axes; softmaxes over other sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Precision
from refnet.comparison.diagnosis.identify.functions.exponentials import exponentials
from refnet.comparison.diagnosis.identify.numbers import fit, listed, nice, said_number
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial
from refnet.reference.numerics import GEM_FLOOR

FITS = 1e-3
TINY, HUGE = 1e-12, 1e12  # of a sum: no factor that a divisor makes
ALL_PIXELS = "the sum of all pixels"


def reductions(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Another mean, or another softmax."""
    if s.right.op == "mean":
        yield from _means(s.right, trial)
    elif s.right.op in ("softmax", "log_softmax"):
        yield from _softmaxes(s.right, trial)
    elif s.right.op in ("gem", "divide"):
        for number in (1.0, 2.0, 3.0, 4.0, 0.5, s.right.number + 1, 2 * s.right.number, 1 / s.right.number):
            words = f"its number (power or divisor) is {number:.6g} instead of {s.right.number:.6g}"
            yield Mistake("other-number", words, replace(s.right, number=number))


def _means(c: Computation, trial: Trial) -> Iterator[Mistake]:
    x = trial.sample.inputs[0].astype(np.float64)
    seen = trial.seen.astype(np.float64)
    H, W = x.shape[1:3]
    for words, pixels, sum_ in _windows(x):
        if sum_.shape == seen.shape:
            yield from _scaled(c, words, pixels, sum_, seen, H, W)
    yield from _weighted(c, x, seen)
    yield from _generalised(c, x, seen)
    yield from _accumulated(c)
    yield from other_means(c)


def _weighted(c: Computation, x: Array, seen: Array) -> Iterator[Mistake]:
    """Rows, or columns, that count otherwise than once each, by least squares."""
    H, W = x.shape[1:3]
    for noun, sums_, axis in (("row", x.sum(2), 1), ("column", x.sum(1), 2)):
        length = sums_.shape[1]
        if length > sums_.size // length // 2 or seen.shape != sums_[:, 0].shape:
            continue
        weights, left = fit(list(np.moveaxis(sums_, 1, 0)), seen)
        if left > FITS * (float(np.sqrt(np.square(seen).mean())) or 1.0):
            continue
        usual = float(np.median(weights[np.abs(weights) >= 0.1 * np.abs(weights).max()]))
        if not TINY < abs(usual) < HUGE:
            continue
        counts = np.array([nice(float(weight / usual), 1e-2) for weight in weights])
        divisor = nice(float(1 / usual), 1e-4)
        divisor = float(np.rint(divisor)) if abs(divisor - np.rint(divisor)) < 1e-3 * divisor else divisor
        odd = [f"{noun} {place} counts {count:.4g} times" for place, count in enumerate(counts) if count not in (0, 1)]
        out = [place for place, count in enumerate(counts) if count == 0]
        said = [*odd[:4], *([f"{noun}s {listed(out)} are left out"] if out else [])] or ["all pixels"]
        text = f"the sum: {', '.join(said)}; divided by {divisor:.6g}; {H * W} pixels ({H} × {W}) are right"
        shape = [-1 if one == axis else 1 for one in range(4)]
        scale = (counts / divisor).reshape(shape)
        yield Mistake("other-mean", text, replace(c, combine=lambda x, w=scale: (x * w.astype(x.dtype)).sum((1, 2))))


def _generalised(c: Computation, x: Array, seen: Array) -> Iterator[Mistake]:
    """A mean of powers, and the root of it."""
    positive = np.maximum(x, GEM_FLOOR)

    def left(p: float) -> float:
        with np.errstate(all="ignore"):
            found = float(np.square((positive**p).mean((1, 2)) ** (1 / p) - seen).mean())
        return found if np.isfinite(found) else np.inf

    powers = [nice(float(p), 1e-3) for p in np.arange(0.25, 8.01, 0.25)]
    p = min(powers, key=left)
    if p != 1:
        words = f"a generalised mean (gem): the mean of x^{p:g} to the power 1 / {p:g}"
        yield Mistake("generalised-mean", words, replace(c, op="gem", number=p))


def _accumulated(c: Computation) -> Iterator[Mistake]:
    """Sums of pixels in few bits."""
    for name in ("float16", "bfloat16"):
        words = f"the sums of pixels are accumulated in {name}: each is rounded before the next is added"
        wrong = replace(c, precision=Precision(accumulator=name))
        yield Mistake(f"{name} accumulator", words, wrong)
        both = replace(c, precision=Precision(accumulator=name, result=name))
        yield Mistake(f"{name} accumulator", f"{words}, and the mean too", both)


def other_means(c: Computation) -> Iterator[Mistake]:
    """Other formulas in a mean's place."""
    if c.op == "mean":
        for name, words, formula in _FORMULAS:
            yield Mistake(name, words, replace(c, combine=formula))
        for factor in (0.5, 2.0, 4.0, 0.25, 0.9, 1.1):
            words = f"the mean is {factor:g} times what it should be: divided by another number"
            yield Mistake("other-mean", words, replace(c, after=lambda x, f=factor: x * x.dtype.type(f)))  # type: ignore[misc]


def _scaled(
    c: Computation, words: str, pixels: Callable[[Array], Array], sum_: Array, seen: Array, H: int, W: int
) -> Iterator[Mistake]:
    """A sum over a window, with the divisor that fits."""
    (factor,), left = fit([sum_], seen)
    if not TINY < abs(factor) < HUGE or left > FITS * (np.sqrt(np.square(seen).mean()) or 1.0):
        return
    divisor = nice(float(1 / factor), 1e-4)
    divisor = float(np.rint(divisor)) if abs(divisor - np.rint(divisor)) < 1e-3 else divisor
    whole = "" if words != ALL_PIXELS else f", {nice(H * W / divisor):.6g} times the mean"
    text = f"{words}, divided by {divisor:.6g}{whole}; {H * W} pixels ({H} × {W}) are right"
    combine = lambda x: pixels(x).sum(1) / x.dtype.type(divisor)  # noqa: E731
    yield Mistake("other-mean", text, replace(c, combine=combine))


def _windows(x: Array) -> Iterator[tuple[str, Callable[[Array], Array], Array]]:
    """Sums [N, C] over sets of pixels: in words, which pixels [N, P, C], and their sum."""
    N, H, W, C = x.shape

    def of(rows: slice, columns: slice) -> Callable[[Array], Array]:
        return lambda x: x[:, rows, columns].reshape(len(x), -1, x.shape[-1])

    def of_rows(part: slice) -> Callable[[Array], Array]:
        return of(part, slice(None))

    def of_columns(part: slice) -> Callable[[Array], Array]:
        return of(slice(None), part)

    by_row, by_column = x.sum(2), x.sum(1)
    for noun, sums_, length, cut in (
        ("row", by_row, H, of_rows),
        ("column", by_column, W, of_columns),
    ):
        upto = np.cumsum(sums_, 1)
        for count in range(1, length + 1):
            whole = f"the sum of {noun}s 0–{count - 1} of {length}" if count < length else ALL_PIXELS
            yield whole, cut(slice(0, count)), upto[:, count - 1]
            if count < length:
                words = f"the sum of {noun}s {count}–{length - 1} of {length}"
                yield words, cut(slice(count, None)), upto[:, -1] - upto[:, count - 1]
        for first, step in ((0, 2), (1, 2)):
            if length > step:
                words = f"the sum of every second {noun}, from {noun} {first} on"
                yield words, cut(slice(first, None, step)), sums_[:, first::step].sum(1)
    for step, nth in ((2, "second"), (3, "third"), (4, "fourth")):
        part = slice(None, None, step)
        yield f"the sum of every {nth} row and column", of(part, part), x[:, part, part].sum((1, 2))
    for name, rows, columns in (
        ("without the border", slice(1, -1), slice(1, -1)),
        ("without the last row and column", slice(0, -1), slice(0, -1)),
        ("without the first row and column", slice(1, None), slice(1, None)),
    ):
        if min(H, W) > 2:
            yield f"the sum of all pixels {name}", of(rows, columns), x[:, rows, columns].sum((1, 2))
    side = min(H, W)
    square = slice(0, side)
    yield f"the sum of the first {side} × {side} pixels", of(square, square), x[:, square, square].sum((1, 2))
    flat = x.reshape(N, H * W, C)
    upto = np.cumsum(flat, 1)
    for count in range(H * W - 33, H * W):
        if count > 0:
            words = f"the sum without the last {H * W - count} pixels"
            yield words, lambda x, n=count: x.reshape(len(x), -1, x.shape[-1])[:, :n], upto[:, count - 1]  # type: ignore[misc]
    for block in (4, 8, 16, 32, 64):
        count = H * W // block * block
        if 0 < count < H * W - 33:
            words = f"the sum of the first {count} pixels, a multiple of {block}, without the rest"
            yield words, lambda x, n=count: x.reshape(len(x), -1, x.shape[-1])[:, :n], upto[:, count - 1]  # type: ignore[misc]


_FORMULAS: tuple[tuple[str, str, Callable[[Array], Array]], ...] = (
    ("log-mean-exp", "the logarithm of the mean of exp(x)", lambda x: np.log(np.exp(np.minimum(x, 80)).mean((1, 2)))),
    ("median-for-mean", "the median of all pixels instead of their mean", lambda x: np.median(x, (1, 2))),
    ("mean-of-squares", "the mean of the squares", lambda x: np.square(x).mean((1, 2))),
    ("rms-for-mean", "the root of the mean of the squares", lambda x: np.sqrt(np.square(x).mean((1, 2)))),
    ("mean-of-sizes", "the mean of the absolute values", lambda x: np.abs(x).mean((1, 2))),
    ("mean-of-positive", "the mean of the positive part (relu)", lambda x: np.maximum(x, 0).mean((1, 2))),
    ("min-for-mean", "the least of all pixels instead of their mean", lambda x: x.min((1, 2))),
    ("mean-and-max", "the sum of mean and maximum", lambda x: x.mean((1, 2)) + x.max((1, 2))),
    ("half-mean-half-max", "half of mean and maximum", lambda x: (x.mean((1, 2)) + x.max((1, 2))) / 2),
    ("deviation-for-mean", "the standard deviation instead of the mean", lambda x: x.std((1, 2))),
    ("mean-of-nonzero", "the sum is divided by the number of pixels that are not 0",
     lambda x: x.sum((1, 2)) / np.maximum((x != 0).sum((1, 2)), 1)),
    ("centre", "the pixel in the centre alone", lambda x: x[:, x.shape[1] // 2, x.shape[2] // 2]),
    ("first-pixel", "the first pixel alone", lambda x: x[:, 0, 0]),
    ("last-pixel", "the last pixel alone", lambda x: x[:, -1, -1]),
    ("mean-over-batch", "the mean over the pictures of the batch too",
     lambda x: np.broadcast_to(x.mean((0, 1, 2)), (len(x), x.shape[-1]))),
    ("other-axes", "the mean over the wrong axes: the numbers are read as NCHW",
     lambda x: x.reshape(len(x), x.shape[-1], -1).mean(-1)),
)  # fmt: skip


def other_softmaxes(c: Computation) -> Iterator[Mistake]:
    """Other formulas in a softmax's place."""
    if c.op in ("softmax", "log_softmax"):
        for name, words, formula in _SOFTMAXES:
            yield Mistake(name, words, replace(c, combine=formula, op="softmax"))


def _softmaxes(c: Computation, trial: Trial) -> Iterator[Mistake]:
    yield from other_softmaxes(c)
    x, y = c.inputs[0].astype(np.float64), trial.actual.astype(np.float64)
    if x.shape != y.shape or not (y > 0).any():
        return
    there = y > max(float(y.max()) * 1e-6, 1e-30)
    slopes = []
    for one, made, known in zip(x, y, there, strict=True):
        if known.sum() > 2:
            slopes.append(float(fit([one[known], np.ones(known.sum())], np.log(made[known]))[0][0]))
    if not slopes:
        return
    slope = nice(float(np.median(slopes)))
    log = "" if c.op == "softmax" else " in the logarithm"
    if slope != 1:
        words = f"the logits are multiplied by {said_number(slope)} before the softmax{log}"
        words += f" (a temperature of {1 / slope:.6g})"
        yield Mistake("softmax-scaled", words, replace(c, combine=lambda x: _softmax(x * x.dtype.type(slope))))
    yield from _sums_over(c, x, y)
    shifted = x - x.max(-1, keepdims=True)
    made = y / y.max(-1, keepdims=True)
    for words, exp in exponentials(shifted.ravel(), made.ravel()):
        combine = lambda x, exp=exp: _over_sum(exp(x - x.max(-1, keepdims=True)))  # noqa: E731
        yield Mistake("approximate exp", f"a softmax whose exp(x) is {words}", replace(c, combine=combine))


def _sums_over(c: Computation, x: Array, y: Array) -> Iterator[Mistake]:
    """The softmax of right proportions, whose sum is over some of the classes."""
    e = np.exp(x - x.max(-1, keepdims=True))
    total = (e.sum(-1) / y.sum(-1))[0]  # what it was divided by
    upto = np.cumsum(e[0])
    at = int(np.argmin(np.abs(upto - total)))
    if abs(upto[at] - total) < 1e-4 * total and at < len(upto) - 1:
        words = f"its sum is over classes 0–{at} of {len(upto)} alone"
        yield Mistake("softmax-partial", words, replace(c, combine=lambda x, n=at + 1: _divided(x, slice(0, n))))
    from_end = np.cumsum(e[0][::-1])
    at = int(np.argmin(np.abs(from_end - total)))
    if abs(from_end[at] - total) < 1e-4 * total and at < len(upto) - 1:
        words = f"its sum is over the last {at + 1} of {len(upto)} classes alone"
        yield Mistake("softmax-partial", words, replace(c, combine=lambda x, n=at + 1: _divided(x, slice(-n, None))))


def _divided(x: Array, over: slice) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(e / e[..., over].sum(-1, keepdims=True))


def _over_sum(e: Array) -> Array:
    return np.asarray(e / e.sum(-1, keepdims=True))


def _softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(e / e.sum(axis, keepdims=True))


def _exp(x: Array) -> Array:
    return np.asarray(np.exp(x - x.max(-1, keepdims=True)))


_SOFTMAXES: tuple[tuple[str, str, Callable[[Array], Array]], ...] = (
    ("softmax", "the softmax itself, without a logarithm", _softmax),
    ("not-divided", "exp(x - max), not divided by the sum (not normalised)", _exp),
    ("exp-alone", "exp(x) alone, not divided by the sum (not normalised)", lambda x: np.exp(np.minimum(x, 80))),
    ("divided-by-max", "exp(x) divided by the largest", lambda x: _exp(x) / _exp(x).max(-1, keepdims=True)),
    ("divided-by-classes", "exp(x - max) divided by the number of classes", lambda x: _exp(x) / x.shape[-1]),
    ("softmax-over-batch", "the softmax is over the pictures, not the classes (wrong axis)", lambda x: _softmax(x, 0)),
    ("sum-over-batch", "the sum is over all pictures of the batch",
     lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum()),
    ("log10-softmax", "the logarithm to base 10 of the softmax", lambda x: np.log10(_softmax(x))),
    ("log2-softmax", "the logarithm to base 2 of the softmax", lambda x: np.log2(_softmax(x))),
    ("softmax-of-negative", "the softmax of -x: the sign is wrong (softmin)", lambda x: _softmax(-x)),
    ("normalised-sum", "x divided by its sum, without exp", lambda x: x / x.sum(-1, keepdims=True)),
    ("normalised-relu", "relu(x) divided by its sum, without exp",
     lambda x: np.maximum(x, 0) / np.maximum(x, 0).sum(-1, keepdims=True)),
    ("normalised-length", "x divided by its length", lambda x: x / np.sqrt(np.square(x).sum(-1, keepdims=True))),
    ("normalised-sigmoid", "sigmoids divided by their sum",
     lambda x: 1 / (1 + np.exp(-x)) / (1 / (1 + np.exp(-x))).sum(-1, keepdims=True)),
    ("softmax-squared", "the softmax is squared", lambda x: np.square(_softmax(x))),
    ("one-hot", "1 for the largest and 0 elsewhere (argmax)",
     lambda x: (x == x.max(-1, keepdims=True)).astype(x.dtype)),
    ("sum-plus-one", "the sum has one more: 1 + the sum of exp(x - max)",
     lambda x: _exp(x) / (1 + _exp(x).sum(-1, keepdims=True))),
    ("sum-plus-one", "the sum has one more: 1 + the sum of exp(x)",
     lambda x: np.exp(np.minimum(x, 80)) / (1 + np.exp(np.minimum(x, 80)).sum(-1, keepdims=True))),
)  # fmt: skip
