"""Foreign tensors: an input or a step's output that somebody else made, in any file and any order of axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from refnet.architecture import names
from refnet.architecture.step import Shape
from refnet.architecture.variants import IMAGE_CHANNELS
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.golden.axes import ACTIVATION_AXES, TensorLayout, axes_of, from_layout, stored_axes
from refnet.golden.dtypes import WHOLE
from refnet.golden.read import StoredTensor, TensorReader, open_reader, to_logical_axes

_ORDERS = ("NHWC", "NCHW")  # looked at for a hint


def read_step(
    path: Path, name: str, shape: Shape, layout: TensorLayout, *, dtype: str | None = None, of_codes: bool = False
) -> Array:
    """Read a step's output of ``shape`` [N, …] from a golden, or from a file of its own, which may be called anything.

    ``layout`` says how it lies there unless a manifest does, ``dtype`` what raw numbers are. Returns f32 or f64, or i8
    of a network in integers, ``of_codes``.
    """
    with open_reader(path, dtype="int8" if of_codes else dtype) as reader:
        there = _find(reader, name)
        stored = reader.read(there, math.prod(stored_axes(axes_of(shape), shape, layout)[1]))
    where = f"{path}: {there}"
    if of_codes and stored.dtype != "int8":
        raise InputError(f"{where} is {stored.dtype}; want codes of int8")
    if stored.dtype in WHOLE and not of_codes:
        raise InputError(f"{where} is {stored.dtype}; want floating-point numbers")
    if stored.entry is not None:
        if stored.entry.part:
            raise InputError(f"{where} is only a part of a tensor; want all of it")
        tensor = _logical(where, stored)
        if tensor.shape != shape:
            raise InputError(
                f"{where} is {list(tensor.shape)}; {name} is {list(shape)}: another model, or another size"
            )
        return tensor
    return _laid_out(where, stored.array, name, shape, layout)


def _logical(where: str, stored: StoredTensor) -> Array:
    try:
        return to_logical_axes(stored)
    except InputError as error:
        raise InputError(f"{where}: {error}; the file is not what the manifest says") from None


def _laid_out(where: str, array: Array, name: str, shape: Shape, layout: TensorLayout) -> Array:
    axes = axes_of(shape)
    order, wanted = stored_axes(axes, shape, layout)
    if array.size == math.prod(wanted) and (array.ndim == 1 or _without_ones(array.shape) == _without_ones(wanted)):
        return from_layout(array, axes, shape, layout)
    fitting = (
        other
        for other in _ORDERS
        if _without_ones(stored_axes(axes, shape, TensorLayout(other))[1]) == _without_ones(array.shape)
    )
    found = f"{array.size} elements" if array.ndim == 1 else str(list(array.shape))
    raise InputError(f"{where} is {found}; {name} in the order {order} is {list(wanted)}{_hint(fitting)}")


def read_input(
    path: Path,
    layout: TensorLayout,
    *,
    size: tuple[int, int] | None = None,
    dtype: str | None = None,
    channels: int = IMAGE_CHANNELS,
) -> Array:
    """Read a network's input, f32[N, H, W, channels], as ``read_step`` does; raw numbers need their ``size``."""
    with open_reader(path, dtype=dtype) as reader:
        there = _find(reader, names.INPUT)
        stored = reader.read(there)
    where = f"{path}: {there}"
    if stored.dtype in WHOLE:
        raise InputError(f"{where} is {stored.dtype}; want a normalised picture, or give the file as --image")
    if stored.entry is not None:
        if stored.entry.axes != ACTIVATION_AXES or stored.entry.part:
            raise InputError(f"{where} is only a part, or has the axes {stored.entry.axes}; want a whole input")
        tensor = _logical(where, stored)
    else:
        shape = _input_shape(where, stored, layout, size, channels)
        tensor = _laid_out(where, stored.array, names.INPUT, shape, layout)
    return tensor.astype(np.float32)


def _input_shape(
    where: str, stored: StoredTensor, layout: TensorLayout, size: tuple[int, int] | None, channels: int
) -> Shape:
    lengths = stored.array.shape
    if len(lengths) == 1:
        if size is None:
            raise InputError(f"{where} does not tell its height and width; state the size")
        return (max(1, lengths[0] // math.prod((*size, channels))), *size, channels)
    order = layout.order if len(lengths) == len(layout.order) else layout.order.replace("N", "")
    if len(lengths) != len(order) or layout.tile:
        raise InputError(f"{where} is {list(lengths)}; want {layout.order}, with {channels} channels and without tiles")
    by_axis = {"N": 1} | dict(zip(order, lengths, strict=True))
    if by_axis["C"] != channels:
        fitting = (other for other in _ORDERS if lengths[other[-len(lengths) :].index("C")] == channels)
        found = f"{list(lengths)}, in the order {order} {by_axis['C']} channels"
        raise InputError(f"{where} is {found}; want {channels}{_hint(fitting)}")
    return tuple(by_axis[axis] for axis in ACTIVATION_AXES)


def _hint(orders: Iterator[str]) -> str:
    order = next(orders, None)
    return f"; it fits the order {order} (--from-order {order})" if order else ""


def _find(reader: TensorReader, name: str) -> str:
    there = reader.find(name)
    if there is None and reader.manifest is None and len(reader.names) == 1:
        return reader.names[0]
    return name if there is None else there


def _without_ones(shape: Shape) -> Shape:
    return tuple(length for length in shape if length != 1)
