"""Operands: inputs, kernels and results that are moved, turned, or read from somewhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation
from refnet.comparison.diagnosis.identify.indices import beside, rules
from refnet.comparison.diagnosis.mistakes import Mistake, Situation

_NOUNS = {4: ("picture", "row", "column", "channel"), 2: ("picture", "channel")}
_Moves = Iterator[tuple[str, Array]]


def operands(s: Situation) -> Iterator[Mistake]:
    """Another part or order of an input, of the kernel, of the result."""
    c = s.right
    yield from _turned(c)
    for position, name in enumerate(s.reads[: len(c.inputs)] or ("its input",)):
        for words, moved in _moves(c.inputs[position]):
            inputs = (*c.inputs[:position], moved, *c.inputs[position + 1 :])
            yield Mistake("input-moved", f"of {name} it reads {words}", replace(c, inputs=inputs))
    yield from _kernels(c)
    yield from _addresses(s)
    yield from _results(s)
    yield from _laid_otherwise(s)


def _addresses(s: Situation) -> Iterator[Mistake]:
    """Inputs that are read from an address some numbers off."""
    c = s.right
    for position, name in enumerate(s.reads[: len(c.inputs)]):
        x = c.inputs[position]
        for order in ("NHWC", "NCHW") if x.ndim == 4 else ("NC",):
            laid = x.transpose(0, 3, 1, 2) if order == "NCHW" else x
            for by in (1, -1, 2, -2, 3, -3, 4, -4, 8, -8):
                moved = np.roll(np.ascontiguousarray(laid).reshape(-1), -by).reshape(laid.shape)
                inputs = (
                    *c.inputs[:position],
                    moved.transpose(0, 2, 3, 1) if order == "NCHW" else moved,
                    *c.inputs[position + 1 :],
                )
                words = f"{name} is read {abs(by)} elements {'further' if by > 0 else 'before'} in memory ({order})"
                yield Mistake("address-shifted", f"{words}: its address is off", replace(c, inputs=inputs))


def _moves(x: Array) -> _Moves:
    """Shift by one or two along each axis, mirror, take one for all, reorder channels."""
    for axis, noun in enumerate(_NOUNS[x.ndim]):
        length = x.shape[axis]
        if length < 2:
            continue
        for words, places in rules(length, noun):
            yield words, np.take(x, places, axis)
        if noun != "picture":
            for by in (1, -1, 2, -2):
                if abs(by) < length:
                    yield f"{beside(noun, by)}, at the end zeros", _shifted(x, axis, by)
        if noun in {"row", "column"}:
            yield f"the last {noun} as zeros", _cut(x, axis, length - 1, length)
            yield f"{noun} 0 as zeros", _cut(x, axis, 0, 1)


def _shifted(x: Array, axis: int, by: int) -> Array:
    moved = np.roll(x, -by, axis)
    length = x.shape[axis]
    return _cut(moved, axis, length - by, length) if by > 0 else _cut(moved, axis, 0, -by)


def _cut(x: Array, axis: int, first: int, last: int) -> Array:
    kept = np.array(x)
    kept[(slice(None),) * axis + (slice(first, last),)] = 0
    return kept


def _turned(c: Computation) -> Iterator[Mistake]:
    k = c.kernel
    if k is None or k.ndim < 3:
        return
    for quarter in (1, 3):
        words = f"the kernel is turned by {90 * quarter} degrees"
        yield Mistake("kernel-turned", words, _with(c, np.rot90(k, quarter, (0, 1))))
    for axis, noun in ((0, "row"), (1, "column")):
        for by in (1, -1):
            words = f"the kernel's {noun}s are rotated by {by:+d}"
            yield Mistake("kernel-rolled", words, _with(c, np.roll(k, by, axis)))


def _kernels(c: Computation) -> Iterator[Mistake]:
    k = c.kernel
    if k is None:
        return
    last = k.ndim - 1
    for axis, noun in ((last, "output channel" if k.ndim != 3 else "channel"), (last - 1, "input channel")):
        if k.ndim == 3 and axis != last:
            continue
        for words, places in rules(k.shape[axis], noun):
            yield Mistake("kernel-moved", f"its kernel is that of {words}", _with(c, np.take(k, places, axis)))
    flat = k.reshape(-1)
    for by in (1, -1, k.shape[-1], -k.shape[-1]):
        words = f"its kernel is read {by:+d} numbers further in memory"
        yield Mistake("kernel-offset", words, _with(c, np.roll(flat, -by).reshape(k.shape)))


def _with(c: Computation, kernel: Array) -> Computation:
    return replace(c, kernel=np.ascontiguousarray(kernel))


def _results(s: Situation) -> Iterator[Mistake]:
    """The result moved, mirrored, or in another order of channels."""
    c = s.right
    shape = s.step.shape
    names = ("row", "column", "channel") if len(shape) == 3 else ("channel",)
    for axis, noun in enumerate(names):
        for words, places in rules(shape[axis], noun):
            text = f"the result holds numbers of other {noun}s: {words}"
            yield Mistake("result-moved", text, replace(c, reorder=lambda x, p=places, a=axis + 1: np.take(x, p, a)))  # type: ignore[misc]
        for by in (1, -1):
            text = f"the result holds numbers of other {noun}s: {beside(noun, by)}, at the end zeros"
            yield Mistake("result-moved", text, replace(c, reorder=lambda x, b=by, a=axis + 1: _shifted(x, a, b)))  # type: ignore[misc]
    for words, places in rules(len(c.inputs[0]), "picture"):
        text = f"the result holds numbers of other pictures of the batch: {words}"
        yield Mistake("result-of-other-pictures", text, replace(c, reorder=lambda x, p=places: x[p]))  # type: ignore[misc]


def _laid_otherwise(s: Situation) -> Iterator[Mistake]:
    """Other tensors of the run that have as many numbers, in another shape."""
    c = s.right
    for position, (right, x) in enumerate(zip(s.reads, c.inputs, strict=False)):
        for name, other in s.neighbours.items():
            if name in (*s.reads, s.step.name) or other.size != x.size or other.shape == x.shape:
                continue
            inputs = (*c.inputs[:position], other.reshape(x.shape), *c.inputs[position + 1 :])
            words = f"it reads {name} where {right} should be read, as if it had that shape"
            yield Mistake("wrong-tensor", words, replace(c, inputs=inputs))
