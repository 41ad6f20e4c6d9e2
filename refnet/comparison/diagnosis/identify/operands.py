"""Operands: inputs, kernels and results that are moved, turned, or read from somewhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation
from refnet.comparison.diagnosis.mistakes import Mistake, Situation

_NOUNS = {4: ("picture", "row", "column", "channel"), 2: ("picture", "channel")}
_Moves = Iterator[tuple[str, Array]]


def operands(s: Situation) -> Iterator[Mistake]:
    """Another part or order of an input, of the kernel, of the result."""
    c = s.right
    yield from _addresses(s)
    for position, name in enumerate(s.step.inputs[: len(c.inputs)] or ("its input",)):
        for words, moved in _moves(c.inputs[position]):
            inputs = (*c.inputs[:position], moved, *c.inputs[position + 1 :])
            yield Mistake("input-moved", f"of {name} it reads {words}", replace(c, inputs=inputs))
    yield from _kernels(c)
    yield from _results(s)
    yield from _laid_otherwise(s)


def _addresses(s: Situation) -> Iterator[Mistake]:
    """Inputs that are read from an address some numbers off."""
    c = s.right
    for position, name in enumerate(s.step.inputs[: len(c.inputs)]):
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
        for by in (1, -1, 2, -2):
            if abs(by) >= length or (noun == "picture" and abs(by) > 1):
                continue
            side = _beside(noun, by)
            yield f"{side}, around the end", np.roll(x, -by, axis)
            if noun != "picture":
                yield f"{side}, at the end the last one again", _taken(x, axis, by)
                yield f"{side}, at the end zeros", _shifted(x, axis, by)
        yield f"{noun}s in reverse order (flipped)", np.flip(x, axis)
        first = np.broadcast_to(np.take(x, [0], axis), x.shape)
        yield f"{noun} 0 in place of all {noun}s", first
        if noun in {"row", "column"}:
            yield f"the last {noun} as zeros", _cut(x, axis, length - 1, length)
            yield f"{noun} 0 as zeros", _cut(x, axis, 0, 1)
            yield f"each {noun} pair as its first {noun}", np.take(x, np.arange(length) // 2 * 2, axis)
    yield from ((words, x[..., order]) for words, order in _orders(x.shape[-1]))


def _beside(noun: str, by: int) -> str:
    """Say how far something is shifted.

    Examples
    --------
    >>> _beside("channel", -1), _beside("row", 2)
    ('the previous channel (shifted by -1)', 'the row 2 places further (shifted by +2)')
    """
    if abs(by) == 1:
        return f"the {'next' if by > 0 else 'previous'} {noun} (shifted by {by:+d})"
    return f"the {noun} {abs(by)} places {'further' if by > 0 else 'before'} (shifted by {by:+d})"


def _orders(C: int) -> Iterator[tuple[str, Array]]:
    """Orders of channels."""
    every = np.arange(C)
    if C % 2 == 0:
        yield "the halves of the channels swapped", np.roll(every, C // 2)
        yield "channels swapped in pairs (k ± 1)", every.reshape(-1, 2)[:, ::-1].reshape(-1)
        yield "even channels first, then odd ones", every.reshape(-1, 2).T.reshape(-1)
        yield "channels of both halves in turn (interleaved)", every.reshape(2, -1).T.reshape(-1)
    for size in (3, 4, 8, 16, 32):
        if C % size == 0 and size < C:
            yield f"channels in groups of {size}, each in reverse", every.reshape(-1, size)[:, ::-1].reshape(-1)
            yield f"channels shuffled: {size} groups in turn", every.reshape(size, -1).T.reshape(-1)
            yield f"channels shuffled: groups of {size} in turn", every.reshape(-1, size).T.reshape(-1)
            yield _beside("channel", size), np.roll(every, -size)
            yield _beside("channel", -size), np.roll(every, size)
            yield f"only the first {size} channels, over and over", every % size
            yield f"the first channel of each {size}", every // size * size


def _taken(x: Array, axis: int, by: int) -> Array:
    return np.take(x, np.clip(np.arange(x.shape[axis]) + by, 0, x.shape[axis] - 1), axis)


def _shifted(x: Array, axis: int, by: int) -> Array:
    moved = np.roll(x, -by, axis)
    length = x.shape[axis]
    return _cut(moved, axis, length - by, length) if by > 0 else _cut(moved, axis, 0, -by)


def _cut(x: Array, axis: int, first: int, last: int) -> Array:
    kept = np.array(x)
    kept[(slice(None),) * axis + (slice(first, last),)] = 0
    return kept


def _kernels(c: Computation) -> Iterator[Mistake]:
    k = c.kernel
    if k is None:
        return
    last = k.ndim - 1
    for axis, noun in ((last, "output channel" if k.ndim != 3 else "channel"), (last - 1, "input channel")):
        if k.ndim == 3 and axis != last:
            continue
        for by in (1, -1, 2, -2):
            place = _beside(noun, by)
            yield Mistake(
                "kernel-moved", f"its kernel is that of {place}, around the end", _with(c, np.roll(k, -by, axis))
            )
            yield Mistake(
                "kernel-moved", f"its kernel is that of {place}, the last one twice", _with(c, _taken(k, axis, by))
            )
        first = np.broadcast_to(np.take(k, [0], axis), k.shape)
        yield Mistake("kernel-moved", f"the kernel of {noun} 0 is taken for all", _with(c, first))
        for words, order in _orders(k.shape[axis]):
            yield Mistake(
                "kernel-moved", f"of its kernel it reads {words} ({noun}s)", _with(c, np.take(k, order, axis))
            )
    flat = k.reshape(-1)
    for by in (1, -1, k.shape[-1], -k.shape[-1]):
        words = f"its kernel is read {by:+d} numbers further in memory"
        yield Mistake("kernel-offset", words, _with(c, np.roll(flat, -by).reshape(k.shape)))
    if k.ndim > 2:
        for quarter in (1, 3):
            words = f"the kernel is turned by {90 * quarter} degrees"
            yield Mistake("kernel-turned", words, _with(c, np.rot90(k, quarter, (0, 1))))
        for axis, noun in ((0, "row"), (1, "column")):
            for by in (1, -1):
                words = f"the kernel's {noun}s are rotated by {by:+d}"
                yield Mistake("kernel-rolled", words, _with(c, np.roll(k, by, axis)))


def _with(c: Computation, kernel: Array) -> Computation:
    return replace(c, kernel=np.ascontiguousarray(kernel))


def _results(s: Situation) -> Iterator[Mistake]:
    """The result moved, mirrored, or in another order of channels."""
    c = s.right
    shape = s.step.shape
    names = ("row", "column", "channel") if len(shape) == 3 else ("channel",)
    for axis, noun in enumerate(names, 1):
        for by in (1, -1):
            side = _beside(noun, by)
            words = f"each {noun} of the result holds what belongs to {side}, around the end"
            yield Mistake("result-moved", words, replace(c, reorder=lambda x, a=axis, b=by: np.roll(x, -b, a)))  # type: ignore[misc]
            words = words.replace("around the end", "at the end zeros")
            yield Mistake("result-moved", words, replace(c, reorder=lambda x, a=axis, b=by: _shifted(x, a, b)))  # type: ignore[misc]
        words = f"the {noun}s of the result are in reverse order (flipped)"
        yield Mistake("result-moved", words, replace(c, reorder=lambda x, a=axis: np.flip(x, a)))  # type: ignore[misc]
    for words, order in _orders(shape[-1]):
        text = f"the result has {words}"
        yield Mistake("result-reordered", text, replace(c, reorder=lambda x, o=order: x[..., o]))  # type: ignore[misc]


def _laid_otherwise(s: Situation) -> Iterator[Mistake]:
    """Other tensors of the run that have as many numbers, in another shape."""
    c = s.right
    for position, (right, x) in enumerate(zip(s.step.inputs, c.inputs, strict=False)):
        for name, other in s.neighbours.items():
            if name in (*s.step.inputs, s.step.name) or other.size != x.size or other.shape == x.shape:
                continue
            inputs = (*c.inputs[:position], other.reshape(x.shape), *c.inputs[position + 1 :])
            words = f"it reads {name} where {right} should be read, as if it had that shape"
            yield Mistake("wrong-tensor", words, replace(c, inputs=inputs))
