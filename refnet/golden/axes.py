"""Layouts: the order of axes, tiles and explicit zeros in which somebody wants a tensor stored.

Logical axes are refnet's own: activations N H W C (vectors N C), kernels R S C K, depthwise kernels R S K, dense
kernels C K. A layout names the axes of a file from the slowest to the fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.errors import InputError

Tile = tuple[tuple[str, int], ...]

ACTIVATION_AXES = "NHWC"
KERNEL_AXES = "RSCK"
MAX_TILE = 1 << 16

# The letters that others use for the axes of a kernel.
_ALIASES = str.maketrans("OIHW", "KCRS")


@dataclass(frozen=True)
class TensorLayout:
    """How a tensor lies in a file.

    Attributes
    ----------
    order
        Its axes from the slowest to the fastest. An axis of length 1 may be left out; one that a tensor does not have
        is passed over, so that NCHW stores a vector as NC.
    tile
        Axes cut into pieces, with the length of a piece: C 16 in the order NCHW stores [N, C/16, H, W, 16]. What is
        missing in the last piece is zero.
    pads
        Zeros stored around the picture.
    """

    order: str
    tile: Tile = ()
    pads: Pads = NO_PADS


def activation_layout(order: str = ACTIVATION_AXES, tile: str = "") -> TensorLayout:
    """Read the layout of activations as a person writes it: ``NCHW`` and ``C:16`` or ``C:16,W:8``.

    Examples
    --------
    >>> activation_layout("chw", "C:16")
    TensorLayout(order='CHW', tile=(('C', 16),), pads=Pads(top=0, bottom=0, left=0, right=0))
    """
    return _layout(order, order.upper(), tile, ACTIVATION_AXES)


def kernel_layout(order: str = KERNEL_AXES, tile: str = "") -> TensorLayout:
    """Read the layout of kernels, in the letters R S C K or H W I O: ``OIHW``, ``HWIO``, ``KRSC``.

    Examples
    --------
    >>> kernel_layout("OIHW").order, kernel_layout("KRSC", "K:8").tile
    ('KCRS', (('K', 8),))
    """
    letters = order.upper()
    foreign = not set("OIHW").isdisjoint(letters)
    if foreign and not set("RSK").isdisjoint(letters):
        raise InputError(f"order {order!r} mixes two alphabets; want R S C K or H W I O")
    tile = tile.upper()
    if foreign:
        letters, tile = letters.translate(_ALIASES), tile.translate(_ALIASES)
    return _layout(order, letters, tile, KERNEL_AXES)


def _layout(asked: str, letters: str, tile: str, axes: str) -> TensorLayout:
    optional = {"N"} if axes == ACTIVATION_AXES else set()
    missing = set(axes) - set(letters) - optional
    if len(set(letters)) != len(letters) or not set(letters) <= set(axes) or missing:
        also = ", where N may be left out" if optional else " or H W I O"
        raise InputError(f"order {asked!r}: want each of {' '.join(axes)} once{also}, from the slowest to the fastest")
    return TensorLayout(letters, _tiles(tile, letters))


def _tiles(text: str, letters: str) -> Tile:
    tiles: dict[str, int] = {}
    for piece in filter(None, text.upper().split(",")):
        axis, _, length = piece.partition(":")
        if axis not in letters or axis in tiles or not length.isdecimal() or not 1 <= int(length[:9]) <= MAX_TILE:
            raise InputError(f"tile {text!r}: want an axis of {letters} and a length each, such as C:16 or H:8,W:8")
        tiles[axis] = int(length)
    return tuple((axis, tiles[axis]) for axis in letters if axis in tiles)


def axes_of(shape: Shape) -> str:
    """Logical axes of an activation with its batch.

    Examples
    --------
    >>> axes_of((1, 7, 7, 320)), axes_of((1, 1000))
    ('NHWC', 'NC')
    """
    return ACTIVATION_AXES if len(shape) == 4 else "NC"


def kernel_axes_of(shape: Shape) -> str:
    """Logical axes of a weight.

    Examples
    --------
    >>> [kernel_axes_of(shape) for shape in [(3, 3, 3, 32), (3, 3, 32), (32, 8), (32,)]]
    ['RSCK', 'RSK', 'CK', 'K']
    """
    return {4: "RSCK", 3: "RSK", 2: "CK", 1: "K"}[len(shape)]


def stored_axes(axes: str, shape: Shape, layout: TensorLayout) -> tuple[str, Shape]:
    """Axes and shape in a file of a tensor with logical ``axes`` and ``shape``; inner axes of tiles are lower case.

    Examples
    --------
    >>> stored_axes("NHWC", (1, 7, 7, 40), TensorLayout("NCHW", (("C", 16),)))
    ('NCHWc', (1, 3, 7, 7, 16))
    """
    lengths = _padded(axes, shape, layout.pads)
    order = "".join(axis for axis in layout.order if axis in axes or (axis == "C" and axes == "RSK"))
    lengths = {"C": 1} | lengths if axes == "RSK" else lengths
    for axis in axes:
        if axis not in order and lengths[axis] != 1:
            raise InputError(f"order {layout.order} leaves out {axis}, which is {lengths[axis]} long; want it in there")
    tiles = {axis: length for axis, length in layout.tile if axis in order}
    outer = tuple(-(-lengths[axis] // tiles.get(axis, 1)) for axis in order)
    return order + "".join(tiles).lower(), (*outer, *tiles.values())


def to_layout(tensor: Array, axes: str, layout: TensorLayout, around: int = 0) -> Array:
    """Lay out a tensor with logical ``axes``, with ``around`` in its pads: a C-contiguous array.

    Examples
    --------
    >>> x = np.arange(3.0).reshape(1, 1, 1, 3)
    >>> to_layout(x, "NHWC", TensorLayout("CHW", (("C", 2),))).tolist()
    [[[[0.0, 1.0]]], [[[2.0, 0.0]]]]
    """
    names, shape = stored_axes(axes, tensor.shape, layout)
    order = names[: len(names) - sum(name.islower() for name in names)]
    tiles = {axis: length for axis, length in layout.tile if axis in order}
    tensor = _bring(_pad(tensor, axes, layout.pads, around), axes, order)
    lengths = dict(zip(order, tensor.shape, strict=True))
    fill = [(0, -lengths[axis] % tiles.get(axis, 1)) for axis in order]
    if any(after for _, after in fill):
        tensor = np.pad(tensor, fill)
    split: list[int] = []
    where: dict[str, int] = {}
    for axis, length in zip(order, tensor.shape, strict=True):
        where[axis] = len(split)
        split += [length // tiles[axis], tiles[axis]] if axis in tiles else [length]
    places = [where[name] if name.isupper() else where[name.upper()] + 1 for name in names]
    return np.ascontiguousarray(tensor.reshape(split).transpose(places)).reshape(shape)


def from_layout(stored: Array, axes: str, shape: Shape, layout: TensorLayout) -> Array:
    """Undo ``to_layout``: the tensor of logical ``axes`` and ``shape``, without explicit zeros and filling.

    Examples
    --------
    >>> x = np.arange(6.0).reshape(1, 1, 2, 3)
    >>> there = to_layout(x, "NHWC", TensorLayout("NCHW", (("C", 2),)))
    >>> bool((from_layout(there, "NHWC", x.shape, TensorLayout("NCHW", (("C", 2),))) == x).all())
    True
    """
    names, stored_shape = stored_axes(axes, shape, layout)
    if stored.size != prod(stored_shape):
        raise InputError(
            f"{stored.size} elements; {axes} {list(shape)} in the order {names} needs {prod(stored_shape)}"
        )
    places = {name: i for i, name in enumerate(names)}
    order = [name for name in names if name.isupper()]
    back = [places[name] for axis in order for name in (axis, axis.lower()) if name in places]
    whole = stored.reshape(stored_shape).transpose(back)
    lengths = dict(zip(axes, shape, strict=True))
    begin = {"H": layout.pads.top, "W": layout.pads.left}
    inside = tuple(slice(begin.get(axis, 0), begin.get(axis, 0) + lengths.get(axis, 1)) for axis in order)
    filled = [
        stored_shape[places[axis]] * (stored_shape[places[axis.lower()]] if axis.lower() in places else 1)
        for axis in order
    ]
    return np.ascontiguousarray(_bring(whole.reshape(filled)[inside], "".join(order), axes))


def _padded(axes: str, shape: Shape, pads: Pads) -> dict[str, int]:
    more = {"H": pads.top + pads.bottom, "W": pads.left + pads.right}
    return {axis: length + more.get(axis, 0) for axis, length in zip(axes, shape, strict=True)}


def _pad(tensor: Array, axes: str, pads: Pads, value: int) -> Array:
    if not any(pads):
        return tensor
    lengths = {"H": (pads.top, pads.bottom), "W": (pads.left, pads.right)}
    fill = np.array(value).astype(tensor.dtype)  # of a negative code, its word
    return np.pad(tensor, [lengths.get(axis, (0, 0)) for axis in axes], constant_values=fill)


def _bring(tensor: Array, axes: str, order: str) -> Array:
    """Bring axes into ``order``: one that the tensor lacks gets the length 1, one that ``order`` lacks is left out."""
    kept = [axis for axis in axes if axis in order]
    tensor = tensor.reshape([n for axis, n in zip(axes, tensor.shape, strict=True) if axis in order])
    present = [axis for axis in order if axis in axes]
    tensor = tensor.transpose([kept.index(axis) for axis in present])
    lengths = dict(zip(present, tensor.shape, strict=True))
    return tensor.reshape([lengths.get(axis, 1) for axis in order])
