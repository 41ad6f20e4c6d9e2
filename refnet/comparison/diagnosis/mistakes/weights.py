"""Mistakes with weights: kernels turned or read in another order, biases, another set of tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation

_AXES = {4: "HWIO", 3: "HWC", 2: "IO"}


def channel_order(s: Situation) -> Iterator[Mistake]:
    """Blue for red, where the input is a picture."""
    c = s.right
    if c.op == "convolution" and s.step.in_shape[-1] == 3 and c.kernel is not None:
        yield Mistake(
            "bgr",
            "the stem sees the channels as blue, green, red; its kernel is for red, green, blue",
            replace(c, kernel=c.kernel[:, :, ::-1]),
        )


def kernel(s: Situation) -> Iterator[Mistake]:
    """Kernels flipped, transposed, or read from memory in another order."""
    c = s.right
    if c.kernel is None:
        return
    seen = [c.kernel]
    for name, words, other in _other_kernels(c.kernel):
        if not any(np.array_equal(other, known) for known in seen):
            seen.append(other)
            yield Mistake(name, words, replace(c, kernel=other))


def _other_kernels(k: Array) -> Iterator[tuple[str, str, Array]]:
    if k.ndim > 2:
        yield (
            "kernel-flipped",
            "the kernel is turned by 180 degrees: a convolution as mathematics has it, not a correlation",
            k[::-1, ::-1],
        )
        yield "kernel-transposed", "the kernel's height and width are swapped", k.swapaxes(0, 1)
        yield "kernel-mirrored", "the kernel is mirrored from left to right", k[:, ::-1]
        yield "kernel-upside-down", "the kernel is mirrored from top to bottom", k[::-1]
    if k.ndim != 3 and k.shape[-1] == k.shape[-2]:
        yield "kernel-io-swapped", "the kernel's input and output channels are swapped", k.swapaxes(-1, -2)
    letters = _AXES[k.ndim]
    for order in list(permutations(range(k.ndim)))[1:]:
        other = "".join(letters[axis] for axis in order)
        laid = f"the kernel's numbers lie in memory in the order {other}, and are read as {letters}"
        yield f"kernel-{other}-as-{letters}", laid, k.transpose(order).reshape(k.shape)
        read = f"the kernel's numbers lie in memory in the order {letters}, and are read as {other}"
        back = np.argsort(order)
        yield f"kernel-{letters}-as-{other}", read, k.reshape([k.shape[axis] for axis in order]).transpose(back)


def bias(s: Situation) -> Iterator[Mistake]:
    """No bias, or twice."""
    c = s.right
    if c.bias is not None:
        yield Mistake("bias-missing", "the bias is not added", replace(c, bias=None))
        yield Mistake("bias-doubled", "the bias is added twice", replace(c, bias=2 * c.bias))
        yield Mistake("bias-negated", "the bias is subtracted", replace(c, bias=-c.bias))
    for norm in c.norms[:1]:
        doubled = norm._replace(beta=2 * norm.beta)
        yield Mistake("bias-doubled", "the batch norm's beta is added twice", replace(c, norms=(doubled,)))


def classes(s: Situation) -> Iterator[Mistake]:
    """Logits that lie one place further."""
    c = s.right
    if s.step.op == "dense" and s.step.activation == "none":
        for by, words in ((1, "later"), (-1, "earlier")):
            yield Mistake(
                "classes-shifted",
                f"every class lies one place {words}: models with a background class have it at 0",
                replace(c, reorder=lambda x, by=by: np.roll(x, by, -1)),  # type: ignore[misc]
            )


def other_layer(s: Situation) -> Iterator[Mistake]:
    """Weights of another layer, or its batch norm alone."""
    c = s.right
    for name, other in s.layers.items():
        if c.kernel is not None and other.kernel is not None and other.kernel.shape == c.kernel.shape:
            yield Mistake("wrong-layer", f"its weights are those of {name}", other)
            if c.norms or c.bias is not None:
                yield Mistake("wrong-kernel", f"its kernel is that of {name}", replace(c, kernel=other.kernel))
        if c.norms and other.norms:
            yield Mistake("wrong-norm", f"its batch norm is that of {name}", replace(c, norms=other.norms))


def other_set(s: Situation) -> Iterator[Mistake]:
    """Raw weights for their moving averages, or the other way round."""
    if s.other is None:
        return
    words = "from the other set of weights (raw for moving averages, or the other way round)"
    yield Mistake("other-weights", f"all tensors of the step are {words}", s.other)
    if s.right.kernel is not None:
        yield Mistake("other-kernel", f"the kernel is {words}", replace(s.right, kernel=s.other.kernel))
    if s.right.norms:
        yield Mistake("other-norm", f"the batch norm is {words}", replace(s.right, norms=s.other.norms))
