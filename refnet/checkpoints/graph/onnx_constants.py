"""What an ONNX graph computes from constants and shapes alone: sides for a reshape, zeros of a pad, 1 over a power.

Only small results are computed, or such as are no larger than what they are made of: a hostile graph gets no work out
of it. A side of a shape that is not known, because any comes, is a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers.onnx_file import Attribute

SMALL = 1 << 12
Attributes = Mapping[str, Attribute]
_TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def compute(op: str, inputs: Sequence[Array | None], attributes: Attributes) -> Array | None:
    """The output of an operation of constants; None if it is not known here.

    Examples
    --------
    >>> compute("Concat", [np.array([1]), np.array([-1, 8])], {"axis": 0})
    array([ 1, -1,  8])
    """
    function = _FUNCTIONS.get(op)
    if function is None:
        return None
    try:
        with np.errstate(all="ignore"):
            result = function(list(inputs), attributes)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError, ZeroDivisionError, AttributeError):
        return None
    if result is None or result.size > max(SMALL, *(each.size for each in inputs if each is not None), 0):
        return None
    return settled(result)


def settled(array: Array) -> Array:
    """Sides as whole numbers, where all are known."""
    if array.dtype == object and all(isinstance(side, int | np.integer) for side in array.reshape(-1)):
        return array.astype(np.int64)
    return array


def sides(shape: Sequence[int | str]) -> Array:
    """A shape as a constant."""
    found = np.empty(len(shape), object)
    found[:] = list(shape)
    return settled(found) if shape else np.empty(0, np.int64)


def axes_of(inputs: Sequence[Array | None], attributes: Attributes, at: int = 1) -> tuple[int, ...] | None:
    """The axes that an operation works on: an attribute of early versions, an input of later ones."""
    if "axes" in attributes:
        return tuple(int(axis) for axis in np.atleast_1d(np.asarray(attributes["axes"])))
    if len(inputs) > at and (axes := inputs[at]) is not None:
        return tuple(int(axis) for axis in axes.reshape(-1))
    return None


def _small(*inputs: Array) -> None:
    """Refuse more elements than two small shapes broadcast to."""
    if np.prod([max(side, 1) for side in np.broadcast_shapes(*(each.shape for each in inputs))]) > max(
        SMALL, *(each.size for each in inputs)
    ):
        raise ValueError


def _elementwise(function: Callable[..., Any]) -> Callable[[list[Any], Attributes], Array]:
    def of(inputs: list[Any], _: Attributes) -> Array:
        _small(*inputs)
        result = np.asarray(function(*inputs))
        return result.astype(inputs[0].dtype) if result.dtype != inputs[0].dtype else result

    return of


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "i":
        quotient: Array = np.sign(a) * np.sign(b) * (abs(a) // abs(b))  # towards zero
        return quotient
    return a / b


def _cast(inputs: list[Any], attributes: Attributes) -> Array:
    if inputs[0].dtype == object:
        return np.asarray(inputs[0])
    return np.asarray(inputs[0].astype(_TYPES[attributes["to"]]))  # type: ignore[index]


def _gather(inputs: list[Any], attributes: Attributes) -> Array:
    data, indices = inputs
    if indices.size > SMALL or data.size > SMALL:
        raise ValueError
    return np.asarray(np.take(data, indices, axis=int(attributes.get("axis", 0))))  # type: ignore[arg-type]


def _slice(inputs: list[Any], attributes: Attributes) -> Array:
    data = inputs[0]
    starts, ends = (_numbers(inputs, attributes, name, at) for name, at in (("starts", 1), ("ends", 2)))
    axes = _numbers(inputs, attributes, "axes", 3) or list(range(len(starts)))
    steps = _numbers(inputs, {}, "steps", 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index: list[Any] = [slice(None)] * data.ndim
        index[axis] = slice(start, None if step < 0 and end < -data.shape[axis] else end, step)
        data = data[tuple(index)]
    return np.asarray(data)


def _numbers(inputs: list[Any], attributes: Attributes, name: str, at: int) -> list[int]:
    if name in attributes:
        return [int(each) for each in attributes[name]]  # type: ignore[union-attr]
    return [int(each) for each in inputs[at]] if len(inputs) > at and inputs[at] is not None else []


def _unsqueeze(inputs: list[Any], attributes: Attributes) -> Array:
    return np.asarray(np.expand_dims(inputs[0], axes_of(inputs, attributes)))  # type: ignore[arg-type]


def _squeeze(inputs: list[Any], attributes: Attributes) -> Array:
    return np.asarray(np.squeeze(inputs[0], axes_of(inputs, attributes)))


def _reshape(inputs: list[Any], attributes: Attributes) -> Array:
    data, shape = inputs
    wanted = [int(side) for side in shape]
    if not attributes.get("allowzero"):
        wanted = [data.shape[i] if side == 0 else side for i, side in enumerate(wanted)]
    return np.asarray(data.reshape(wanted))


def _concat(inputs: list[Any], attributes: Attributes) -> Array:
    return np.concatenate(inputs, axis=int(attributes["axis"]))  # type: ignore[arg-type]


def _filled(inputs: list[Any], attributes: Attributes) -> Array:
    value = np.asarray(attributes.get("value", np.zeros(1, np.float32))).reshape(-1)
    if np.prod([max(int(side), 1) for side in inputs[0]]) > SMALL:
        raise ValueError
    return np.full([int(side) for side in inputs[0]], value[0], value.dtype)


def _expand(inputs: list[Any], _: Attributes) -> Array:
    data, shape = inputs
    wanted = np.broadcast_shapes(data.shape, tuple(int(side) for side in shape))
    if np.prod([max(side, 1) for side in wanted]) > SMALL:
        raise ValueError
    return np.broadcast_to(data, wanted).copy()


def _transpose(inputs: list[Any], attributes: Attributes) -> Array:
    return np.ascontiguousarray(inputs[0].transpose(attributes.get("perm")))


_FUNCTIONS: dict[str, Callable[[list[Any], Attributes], Array | None]] = {
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_divide),
    "Max": _elementwise(np.maximum),
    "Min": _elementwise(np.minimum),
    "Pow": _elementwise(np.power),
    "Neg": _elementwise(np.negative),
    "Ceil": _elementwise(np.ceil),
    "Floor": _elementwise(np.floor),
    "Sqrt": _elementwise(np.sqrt),
    "Reciprocal": _elementwise(lambda x: 1 / x),
    "Clip": lambda inputs, _: np.clip(inputs[0], *[*inputs[1:], None, None][:2]),
    "Cast": _cast,
    "CastLike": lambda inputs, _: inputs[0].astype(inputs[1].dtype),
    "Identity": lambda inputs, _: inputs[0],
    "Gather": _gather,
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Transpose": _transpose,
}
