"""Orders: which axis of a port's tensor is which, as it says, as its shape says, or as its numbers say.

Only whole permutations that people use are considered. A tensor with height and width swapped is none of them: that is
a mistake, and to be named as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refnet.architecture.plan import Shape
from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.judgement.pieces import dot, pieces
from refnet.errors import InputError
from refnet.golden.axes import TensorLayout, from_layout, stored_axes, to_layout

# Orders that a tensor may come in, by its logical axes; refnet's own first.
_ORDERS = {
    "NHWC": ("NHWC", "NCHW"),
    "NC": ("NHWC",),
    "HWC": ("HWC", "CHW"),
    "RSCK": ("RSCK", "KCRS", "KRSC"),
    "RSK": ("RSCK", "RSKC", "KCRS"),
    "CK": ("RSCK", "KCRS"),
    "K": ("RSCK",),
}


@dataclass(frozen=True)
class Reading:
    """A port's tensor in refnet's axes.

    Attributes
    ----------
    tensor
        Of the golden's shape; None if that cannot be.
    order
        In which it lay.
    how
        ``stated``, ``inferred from the shape``, or ``nearest of …``.
    findings
        What was odd.
    layout
        The same order, to read the tensor again; None where a manifest says it.
    """

    tensor: Array | None
    order: str
    how: str
    findings: tuple[Finding, ...] = ()
    layout: TensorLayout | None = None


class Orders:
    """How the tensors of one set lie; learns from those that leave no doubt.

    Parameters
    ----------
    stated
        What the user says of all of them, if anything.
    """

    def __init__(self, stated: TensorLayout | None = None) -> None:
        self.stated = stated
        self._seen: dict[str, int] = {}

    def read(self, name: str, array: Array, axes: str, golden: Array) -> Reading:
        """Bring a port's tensor without a manifest into the axes of the golden's.

        Examples
        --------
        >>> golden = np.arange(6.0).reshape(1, 1, 2, 3)
        >>> found = Orders().read("stem", golden.transpose(0, 3, 1, 2), "NHWC", golden)
        >>> bool((found.tensor == golden).all()), found.order, found.how
        (True, 'NCHW', 'inferred from the shape')
        """
        shape = golden.shape
        if self.stated is not None and set(axes) <= set("NHWC"):
            return self._as_stated(name, array, axes, shape, self.stated)
        orders = _ORDERS[axes]
        if array.size != math.prod(shape):
            return self._cut(name, array, axes, golden, orders)
        layouts = [TensorLayout(order) for order in orders]
        flat = array.ndim <= 1
        fitting = [layout for layout in layouts if flat or _fits(array.shape, axes, shape, layout)]
        if not fitting:
            return Reading(None, "", "", (_misshapen(name, array.shape, axes, shape, layouts),))
        fitting = _different(fitting, axes, shape)
        if len(fitting) == 1:
            order = fitting[0].order
            if not flat and axes == "NHWC" and len(_different(layouts, axes, shape)) > 1:
                self._seen[order] = self._seen.get(order, 0) + 1
            how = "the only one" if flat or len(axes) < 3 else "inferred from the shape"
            tensor = from_layout(array, axes, shape, fitting[0])
            return Reading(tensor, _shown(order, axes, array), how, layout=fitting[0])
        return self._nearest(name, array, axes, golden, fitting)

    def _as_stated(self, name: str, array: Array, axes: str, shape: Shape, layout: TensorLayout) -> Reading:
        try:
            names, stored = stored_axes(axes, shape, layout)
        except InputError as error:
            return Reading(None, "", "", (Finding("order", name, f"{error}", "wrong"),))
        if array.size != math.prod(stored):
            text = f"{array.size} elements, expected {math.prod(stored)} ({names} {list(stored)}): not compared"
            return Reading(None, "", "", (Finding("length", name, text, "wrong"),))
        if array.ndim > 1 and _long(array.shape) != _long(stored):
            text = f"shape {list(array.shape)}; in the order {names} it would be {list(stored)}: not compared"
            return Reading(None, "", "", (Finding("shape", name, text, "wrong"),))
        return Reading(from_layout(array, axes, shape, layout), names, "stated", layout=layout)

    def _nearest(self, name: str, array: Array, axes: str, golden: Array, layouts: list[TensorLayout]) -> Reading:
        """Decide by the numbers; what the rest of the set is in goes first where that makes no difference."""
        usual = self.usual
        layouts = sorted(layouts, key=lambda layout: layout.order != usual)
        tensors = [from_layout(array, axes, golden.shape, layout) for layout in layouts]
        distances = [distance(tensor, golden) for tensor in tensors]
        best = int(np.argmin(distances))
        orders = [_shown(layout.order, axes, array) for layout in layouts]
        findings: tuple[Finding, ...] = ()
        if usual is not None and layouts[best].order != usual:
            text = f"its numbers fit the order {orders[best]}, though the others are in {usual}"
            findings = (Finding("order", name, text),)
        how = f"nearest of {', '.join(sorted(orders))}"
        return Reading(tensors[best], orders[best], how, findings, layouts[best])

    @property
    def usual(self) -> str | None:
        """The order that was stated, or that of most tensors whose shape left no doubt."""
        if self.stated is not None:
            return self.stated.order
        return max(self._seen, key=lambda order: self._seen[order]) if self._seen else None

    def _cut(self, name: str, array: Array, axes: str, golden: Array, orders: Sequence[str]) -> Reading:
        """Say of a tensor of another length how far its beginning agrees."""
        have, want = array.size, golden.size
        first = min(have, want)
        start = array.reshape(-1)[:first]
        best, order = np.inf, ""
        for candidate in _different([TensorLayout(order) for order in orders], axes, golden.shape):
            laid = to_layout(golden, axes, candidate).reshape(-1)[:first]
            found = distance(start, laid)
            if found < best or not order:
                best, order = found, candidate.order
        text = (
            f"{have} elements, expected {want}; the first {first} compared, in the order {order}: "
            + (f"relative distance {best:.3g}" if best else "all equal")
            if first
            else f"no elements, expected {want}"
        )
        return Reading(None, order, "", (Finding("length", name, text, "wrong"),))


def distance(actual: Array, golden: Array) -> float:
    """Rms of the difference relative to the golden's, leaving out what is no number.

    Examples
    --------
    >>> distance(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    2.0
    """
    error = size = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for _, mine, theirs in pieces(actual, golden):
            known = np.isfinite(mine) & np.isfinite(theirs)
            a, g = np.where(known, mine, 0).astype(np.float64), np.where(known, theirs, 0).astype(np.float64)
            size += dot(g, g)
            a -= g
            error += dot(a, a)
    return math.sqrt(error / size) if size else math.sqrt(error)


def _fits(found: Shape, axes: str, shape: Shape, layout: TensorLayout) -> bool:
    return _long(found) == _long(stored_axes(axes, shape, layout)[1])


def _long(shape: Shape) -> Shape:
    """Leave out axes of length 1: they move no element."""
    return tuple(length for length in shape if length != 1)


def _different(layouts: list[TensorLayout], axes: str, shape: Shape) -> list[TensorLayout]:
    """Leave out layouts that put the elements of this shape where an earlier one does."""
    kept: dict[str, TensorLayout] = {}
    lengths = dict(zip(axes, shape, strict=True))
    for layout in layouts:
        kept.setdefault("".join(axis for axis in layout.order if lengths.get(axis, 1) != 1), layout)
    return list(kept.values())


def _shown(order: str, axes: str, array: Array) -> str:
    """Leave out of an order what the tensor does not have."""
    order = "".join(axis for axis in order if axis in axes)
    return order.removeprefix("N") if array.ndim == len(order) - 1 else order


def _misshapen(name: str, found: Shape, axes: str, shape: Shape, layouts: list[TensorLayout]) -> Finding:
    wanted = " or ".join(
        f"{list(stored)} ({order})" for order, stored in (stored_axes(axes, shape, layout) for layout in layouts)
    )
    swapped = dict(zip(axes, shape, strict=True))
    if {"H", "W"} <= set(axes):
        swapped["H"], swapped["W"] = swapped["W"], swapped["H"]
    is_swapped = any(_fits(found, axes, tuple(swapped.values()), layout) for layout in layouts)
    hint = "; height and width are swapped" if is_swapped else ""
    return Finding("shape", name, f"shape {list(found)}, expected {wanted}{hint}", "wrong")
