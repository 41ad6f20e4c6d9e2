"""Orders: what a network has — batch norm, activation, sum, gate — in another order, once more, or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import ACTIVATIONS
from refnet.comparison.diagnosis.computation import Computation, Norm
from refnet.comparison.diagnosis.mistakes import Mistake, Situation

_ACTIVATIONS = ("swish", "relu", "relu6", "sigmoid")
_swish = ACTIVATIONS["swish"]
_Stages = tuple[Norm | str, ...]


def orders(s: Situation) -> Iterator[Mistake]:
    """Compositions of what the step has, and of what other steps have."""
    c = s.right
    yield from _of_norms(c)
    for name in _ACTIVATIONS:
        words = f"another activation follows at last: {name}" if c.activation != name else f"{name} is applied twice"
        yield Mistake("activation-after", words, replace(c, tail=(name,)))
    for name, other in s.layers.items():
        for norm in other.norms:
            if not c.norms and c.channels == len(norm.gamma):
                words = f"the batch norm of {name} follows: it is applied here"
                yield Mistake("norm-after", words, replace(c, tail=(norm,)))
    if c.op == "add":
        yield from _combined(c, _SUMS, "add")
    if c.op == "excite":
        yield from _combined(c, _GATES, "excite")
    if c.kernel is not None or c.op == "none":
        yield from _with_input(s)


def _of_norms(c: Computation) -> Iterator[Mistake]:
    for norm in c.norms:
        a = c.activation
        stages: list[tuple[str, _Stages]] = []
        for one in {a, *_ACTIVATIONS} - {"none"}:
            stages += [
                (f"{one}, then the batch norm", (one, norm)),
                (f"{one}, the batch norm, {one}", (one, norm, one)),
                (f"the batch norm, {one}, the batch norm again", (norm, one, norm)),
                (f"the batch norm twice, then {one}", (norm, norm, one)),
                (f"{one} without the batch norm", (one,)),
            ]
        for words, tail in sorted(stages, key=lambda stage: stage[0]):
            text = f"the order is: {words}"
            yield Mistake("other-order", text, replace(c, norms=(), activation="none", tail=tail))


def _combined(
    c: Computation, table: tuple[tuple[str, Callable[[Array, Array], Array]], ...], op: str
) -> Iterator[Mistake]:
    for words, combine in table:
        yield Mistake(f"{op}-formula", words, replace(c, combine=combine, combines_channels="gates" in words))


def _with_input(s: Situation) -> Iterator[Mistake]:
    """The input added to, or multiplied with, the result."""
    c = s.right
    x = c.inputs[0]
    if x.shape[-1] == c.channels and x.shape[1:] == s.step.shape and c.op != "none":
        yield Mistake("input-added", "its input is added to the result", replace(c, plus=((1.0, x),)))
        before = replace(c, activation="none", plus=((1.0, x),), after=ACTIVATIONS[c.activation])
        yield Mistake("input-added", "its input is added before the activation", before)


def _gate(g: Array) -> Array:
    return g[:, None, None]


_SUMS: tuple[tuple[str, Callable[[Array, Array], Array]], ...] = (
    ("the block's result and its input are multiplied", lambda x, skip: x * skip),
    ("the larger of the block's result and its input", np.maximum),
    ("the mean of the block's result and its input (half of the sum)", lambda x, skip: (x + skip) / 2),
    ("the block's result is subtracted from its input", lambda x, skip: skip - x),
    ("the block's result is added twice", lambda x, skip: 2 * x + skip),
    ("relu of the block's result, plus its input", lambda x, skip: np.maximum(x, 0) + skip),
    ("swish of the block's result, plus its input", lambda x, skip: _swish(x) + skip),
    ("relu6 of the block's result, plus its input", lambda x, skip: np.clip(x, 0, 6) + skip),
    ("the block's result, plus relu of its input", lambda x, skip: x + np.maximum(skip, 0)),
    ("the block's result, plus relu6 of its input", lambda x, skip: x + np.clip(skip, 0, 6)),
    ("the block's result, plus swish of its input", lambda x, skip: x + _swish(skip)),
    ("the block's result twice, without its input", lambda x, skip: 2 * x),
    ("the block's input twice, without its result", lambda x, skip: 2 * skip),
    ("the sum is negated", lambda x, skip: -x - skip),
)
_GATES: tuple[tuple[str, Callable[[Array, Array], Array]], ...] = (
    ("1 - gate in place of the gate", lambda x, g: x * (1 - _gate(g))),
    ("the input is divided by the gate", lambda x, g: x / _gate(g)),
    ("swish of the gate in place of the gate", lambda x, g: x * _gate(_swish(g))),
    ("twice the gate in place of the gate", lambda x, g: x * 2 * _gate(g)),
    ("the square root of the gate in place of the gate", lambda x, g: x * np.sqrt(np.maximum(_gate(g), 0))),
    ("the gate alone, on all pixels", lambda x, g: np.broadcast_to(_gate(g), x.shape)),
    ("the gate is undone to what stood before its sigmoid",
     lambda x, g: x * _gate(np.log(np.clip(g, 1e-7, 1)) - np.log(np.clip(1 - g, 1e-7, 1)))),
    ("a hard sigmoid of what stood before the gate's sigmoid",
     lambda x, g: x * _gate(np.clip((np.log(np.clip(g, 1e-7, 1)) - np.log(np.clip(1 - g, 1e-7, 1))) / 6 + 0.5, 0, 1))),
    ("the mean of all gates in place of each", lambda x, g: x * g.mean(-1, keepdims=True)[:, None, None]),
    ("the gate is rounded to 0 or 1", lambda x, g: x * _gate(np.rint(g))),
    ("swish of the product", lambda x, g: _swish(x * _gate(g))),
    ("relu of the product", lambda x, g: np.maximum(x * _gate(g), 0)),
    ("the gate is applied three times", lambda x, g: x * _gate(g) ** 3),
    ("softmax of the gates in place of the gates",
     lambda x, g: x * _gate(np.exp(g) / np.exp(g).sum(-1, keepdims=True))),
    ("the gate is subtracted", lambda x, g: x - _gate(g)),
)  # fmt: skip
