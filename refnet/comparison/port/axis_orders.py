"""Orders: which axis of a port's tensor is which, as it says, as its shape says, or as its numbers say.

Only whole permutations that people use are considered. A tensor with height and width swapped is none of them: that is
a mistake, and to be named as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from refnet.architecture.step import Shape
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
_PLURALS = {"N": "pictures", "H": "rows", "W": "columns", "C": "channels"}


@dataclass(frozen=True)
class Reading:
    """A port's tensor in refnet's axes, and in which order it lay."""

    tensor: Array | None  # of the golden's shape; None if that cannot be
    order: str
    how: str  # "stated", "inferred from the shape" or "nearest of …"
    findings: tuple[Finding, ...] = ()
    layout: TensorLayout | None = None  # to read the tensor again; None if it cannot be compared


def read_axes(
    name: str, array: Array, axes: str, golden: Array, stated: TensorLayout | None = None, usual: str | None = None
) -> Reading:
    """Bring a port's tensor without a manifest into the axes of the golden's.

    The order is the one ``stated``, else what its shape says, else what its numbers say; where these make no
    difference, it is the ``usual`` one of the port.

    Examples
    --------
    >>> golden = np.arange(6.0).reshape(1, 1, 2, 3)
    >>> found = read_axes("stem", golden.transpose(0, 3, 1, 2), "NHWC", golden)
    >>> bool((found.tensor == golden).all()), found.order, found.how
    (True, 'NCHW', 'inferred from the shape')
    """
    shape = golden.shape
    if stated is not None and set(axes) <= set("NHWC"):
        return _as_stated(name, array, axes, shape, stated)
    if array.size != golden.size:
        return _of_another_length(name, array, axes, golden)
    layouts = _fitting(array.shape, axes, shape)
    if not layouts:
        return Reading(None, "", "", (_misshapen(name, array.shape, axes, shape),))
    if len(layouts) > 1:
        return _nearest(name, array, axes, golden, layouts, usual)
    how = "the only one" if array.ndim <= 1 or len(axes) < 3 else "inferred from the shape"
    tensor = from_layout(array, axes, shape, layouts[0])
    return Reading(tensor, _shown(layouts[0].order, axes, array), how, layout=layouts[0])


def order_by_shape(found: Shape, shape: Shape) -> str | None:
    """Tell the order of a tensor [N, H, W, C] by its shape alone; None if that leaves a doubt.

    Examples
    --------
    >>> order_by_shape((1, 3, 8, 8), (1, 8, 8, 3)), order_by_shape((1, 8, 8, 8), (1, 8, 8, 8))
    ('NCHW', None)
    """
    if len(found) <= 1 or math.prod(found) != math.prod(shape) or len(_different(_layouts("NHWC"), "NHWC", shape)) == 1:
        return None
    fitting = _fitting(found, "NHWC", shape)
    return fitting[0].order if len(fitting) == 1 else None


def _layouts(axes: str) -> list[TensorLayout]:
    return [TensorLayout(order) for order in _ORDERS[axes]]


def _fitting(found: Shape, axes: str, shape: Shape) -> list[TensorLayout]:
    """Those in which a tensor of this shape can lie in an array, of which a flat one says nothing."""
    layouts = [layout for layout in _layouts(axes) if len(found) <= 1 or _fits(found, axes, shape, layout)]
    return _different(layouts, axes, shape)


def _as_stated(name: str, array: Array, axes: str, shape: Shape, layout: TensorLayout) -> Reading:
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


def _nearest(
    name: str, array: Array, axes: str, golden: Array, layouts: list[TensorLayout], usual: str | None
) -> Reading:
    """Decide by the numbers; what the rest of the port is in goes first where that makes no difference."""
    layouts = sorted(layouts, key=lambda layout: layout.order != usual)
    tensors = [from_layout(array, axes, golden.shape, layout) for layout in layouts]
    best = int(np.argmin([relative_error(tensor, golden) for tensor in tensors]))
    orders = [_shown(layout.order, axes, array) for layout in layouts]
    findings: tuple[Finding, ...] = ()
    if usual is not None and layouts[best].order != usual:
        text = f"its numbers fit the order {orders[best]}, though the others are in {usual}"
        findings = (Finding("order", name, text),)
    how = f"nearest of {', '.join(sorted(orders))}"
    return Reading(tensors[best], orders[best], how, findings, layouts[best])


def _of_another_length(name: str, array: Array, axes: str, golden: Array) -> Reading:
    """Say of a tensor of another length how far its beginning agrees."""
    have, want = array.size, golden.size
    first = min(have, want)
    if not first:
        return Reading(None, "", "", (Finding("length", name, f"no elements, expected {want}", "wrong"),))
    longer = _longer_axis(array.shape, axes, golden.shape)
    if longer:
        return Reading(None, "", "", (Finding("shape", name, longer, "wrong"),))
    start = array.reshape(-1)[:first]
    errors = {
        layout.order: relative_error(start, to_layout(golden, axes, layout).reshape(-1)[:first])
        for layout in _different(_layouts(axes), axes, golden.shape)
    }
    order = min(errors, key=lambda order: errors[order])
    agrees = f"relative error {errors[order]:.3g}" if errors[order] else "all equal"
    text = f"{have} elements, expected {want}; the first {first} compared, in the order {order}: {agrees}"
    return Reading(None, order, "", (Finding("length", name, text, "wrong"),))


def _longer_axis(found: Shape, axes: str, shape: Shape) -> str:
    """Say which one axis has another length, in an order where the others fit; "" if there is none.

    Examples
    --------
    >>> _longer_axis((2, 96, 19, 13), "NHWC", (2, 19, 14, 96))
    'shape [2, 96, 19, 13], expected [2, 96, 19, 14] (NCHW): 13 columns instead of 14'
    """
    for layout in _layouts(axes):
        order, stored = stored_axes(axes, shape, layout)
        other = [axis for axis, (have, want) in enumerate(zip(found, stored, strict=False)) if have != want]
        if len(found) == len(stored) and len(other) == 1 and order[other[0]] in _PLURALS:
            have, want = found[other[0]], stored[other[0]]
            words = f"{have} {_PLURALS[order[other[0]]]} instead of {want}"
            return f"shape {list(found)}, expected {list(stored)} ({order}): {words}"
    return ""


def relative_error(actual: Array, golden: Array) -> float:
    """Rms of the difference relative to the golden's, leaving out what is no number.

    Examples
    --------
    >>> relative_error(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
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


def _misshapen(name: str, found: Shape, axes: str, shape: Shape) -> Finding:
    layouts = _layouts(axes)
    wanted = " or ".join(
        f"{list(stored)} ({order})" for order, stored in (stored_axes(axes, shape, layout) for layout in layouts)
    )
    swapped = dict(zip(axes, shape, strict=True))
    if {"H", "W"} <= set(axes):
        swapped["H"], swapped["W"] = swapped["W"], swapped["H"]
    is_swapped = any(_fits(found, axes, tuple(swapped.values()), layout) for layout in layouts)
    hint = "; height and width are swapped" if is_swapped else ""
    return Finding("shape", name, f"shape {list(found)}, expected {wanted}{hint}", "wrong")
