"""Sides: a golden and a port's recording, read tensor by tensor in refnet's axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from refnet.architecture.names import INPUT
from refnet.architecture.plan import Shape
from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.port.matching import Part, Partner, part_of
from refnet.comparison.port.orders import Orders, Reading
from refnet.errors import InputError, RefnetError
from refnet.golden.axes import TensorLayout, from_layout, stored_axes
from refnet.golden.manifest import Manifest, TensorEntry
from refnet.golden.read import StoredTensor, to_logical_axes


class Source(Protocol):
    """What is needed of a ``refnet.golden.read.TensorReader``."""

    @property
    def manifest(self) -> Manifest | None: ...  # noqa: D102

    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102

    def entry(self, name: str) -> TensorEntry | None: ...  # noqa: D102

    def read(self, name: str, count: int | None = None) -> StoredTensor: ...  # noqa: D102

    def verify(self, name: str) -> bool: ...  # noqa: D102


class Golden:
    """A golden: its entries in execution order, and their tensors."""

    def __init__(self, source: Source, manifest: Manifest) -> None:
        self.source = source
        self.run = manifest.run
        self.entries: Mapping[str, TensorEntry] = {entry.name: entry for entry in manifest.entries}

    def read(self, name: str) -> Array:
        """Read one in refnet's axes.

        Raises
        ------
        InputError
            If it cannot be read, or is not what its manifest says.
        """
        if not self.source.verify(name):
            raise InputError("its bytes are not those that the manifest gives the sha256 of; record the golden again")
        return to_logical_axes(self.source.read(name))

    def input(self) -> Array | None:
        """The network's input, f32[N, H, W, 3], if it is all there."""
        entry = self.entries.get(INPUT)
        return self.read(INPUT) if entry is not None and not entry.part and entry.dtype == "float32" else None


@dataclass(frozen=True)
class Taken:
    """A port's tensor beside the piece of the golden's that it is compared with.

    Attributes
    ----------
    reading
        How it was read; its tensor is None if it cannot be compared.
    dtype
        Of its numbers in the file.
    region
        Which piece of the whole tensor it is; empty if it is all of it.
    golden
        That piece of the golden's tensor.
    """

    reading: Reading
    dtype: str = ""
    region: Part = ()
    golden: Array | None = None


class Port:
    """The other side: tensors by the golden's names, whatever files they are in.

    Parameters
    ----------
    source
        Its recording.
    partners
        Its names by the golden's.
    golden
        The golden, whose shapes and numbers say which axis is which.
    stated
        The order that the user states for tensors without a manifest.
    """

    def __init__(
        self, source: Source, partners: Mapping[str, Partner], golden: Golden, stated: TensorLayout | None = None
    ) -> None:
        self.source = source
        self.partners = partners
        self.golden = golden
        self.orders = Orders(stated)
        self._layouts: dict[str, TensorLayout | None] = {}  # of those that a run can begin with
        self._looked: set[str] = set()
        self._last: tuple[str, Array] | None = None

    def take(self, name: str, golden: Array) -> Taken:
        """Read one beside the golden's tensor; whatever is wrong with it becomes a finding."""
        try:
            taken = self._take(name, golden)
        except (RefnetError, OSError) as error:
            taken = _refused(Finding("unreadable", name, f"cannot be read: {error}", "wrong"))
        tensor = taken.reading.tensor
        self._looked.add(name)
        if tensor is not None and not taken.region and np.all(np.abs(tensor) <= np.finfo(np.float32).max):
            self._layouts[name] = taken.reading.layout
            self._last = name, tensor
        return taken

    def usable(self, name: str) -> bool:
        """Whether it is there, whole, of the golden's shape and finite in float32, so that a run can begin with it."""
        if name in self.partners and name not in self._looked:
            self._looked.add(name)
            with suppress(RefnetError):
                self.take(name, self.golden.read(name))
        return name in self._layouts

    def tensor(self, name: str) -> Array:
        """Read one that is usable, to run from it: float32 or float64."""
        if self._last is None or self._last[0] != name:
            entry = self.golden.entries[name]
            stored = self.source.read(self.partners[name].name, self._count(entry.axes, entry.shape))
            layout = self._layouts[name]
            tensor = (
                to_logical_axes(stored)
                if layout is None
                else from_layout(stored.array, entry.axes, entry.shape, layout)
            )
            self._last = name, tensor
        tensor = self._last[1]
        return tensor if tensor.dtype == np.float64 else tensor.astype(np.float32, copy=False)

    def misshapen(self, name: str) -> Array | None:
        """Read one of another shape than the golden's with its axes in refnet's order; None if that is not known."""
        stored, axes = self.source.read(self.partners[name].name), self.golden.entries[name].axes
        if stored.entry is not None:
            return to_logical_axes(stored)
        order = "".join(axis for axis in self.orders.usual or "" if axis in axes)
        array = stored.array[None] if stored.array.ndim == len(axes) - 1 else stored.array
        if array.ndim != len(axes) or (array.ndim > 2 and len(order) != len(axes)):
            return None
        return array.transpose([order.index(axis) for axis in axes]) if array.ndim > 2 else array

    def _take(self, name: str, golden: Array) -> Taken:
        partner, entry = self.partners[name], self.golden.entries[name]
        theirs = self.source.entry(partner.name)
        whole = entry.part or tuple((0, length) for length in golden.shape)
        if theirs is not None:
            stored = self.source.read(partner.name)
            if theirs.axes != entry.axes:
                return _refused(_misfit(name, f"axes {theirs.axes}, expected {entry.axes}"))
            region = theirs.part or tuple((0, length) for length in theirs.shape)
            tensor, order = to_logical_axes(stored), stored_axes(theirs.axes, theirs.shape, theirs.layout)[0]
            taken = _overlap(name, Reading(tensor, order, "stated"), stored.dtype, region, golden, whole)
            return taken if theirs.part or entry.part else replace(taken, region=())
        region = part_of(partner.slices, tuple(end for _, end in whole)) if partner.slices else whole
        piece = crop(golden, region, whole)
        if piece is None:
            return _refused(_misfit(name, f"[{partner.slices}] is not in the golden, which has {_bounds(whole)}"))
        stored = self.source.read(partner.name, self._count(entry.axes, piece.shape))
        reading = self.orders.read(name, stored.array, entry.axes, piece)
        return Taken(reading, stored.dtype, region if partner.slices or entry.part else (), piece)

    def _count(self, axes: str, shape: Shape) -> int:
        """How many elements a file must have, explicit zeros and the filling of tiles included."""
        stated = self.orders.stated
        if stated is None or not set(axes) <= set("NHWC"):
            return math.prod(shape)
        try:
            return math.prod(stored_axes(axes, shape, stated)[1])
        except InputError:
            return math.prod(shape)


def _overlap(name: str, reading: Reading, dtype: str, region: Part, golden: Array, whole: Part) -> Taken:
    """Cut both to what they share: one of them may be a piece of the other."""
    assert reading.tensor is not None
    shared = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(region, whole, strict=True))
    if shared not in (region, whole):
        return _refused(_misfit(name, f"shape {_bounds(region)}, expected {_bounds(whole)}"))
    piece, tensor = crop(golden, shared, whole), crop(reading.tensor, shared, region)
    return Taken(Reading(tensor, reading.order, reading.how), dtype, shared, piece)


def crop(tensor: Array, region: Part, whole: Part) -> Array | None:
    """Cut a region out of a tensor that covers ``whole``; None if it is not all in there.

    Examples
    --------
    >>> crop(np.arange(10, 20), ((12, 14),), ((10, 20),))
    array([12, 13])
    """
    if not all(c <= a < b <= d for (a, b), (c, d) in zip(region, whole, strict=True)):
        return None
    return tensor[tuple(slice(a - c, b - c) for (a, b), (c, _) in zip(region, whole, strict=True))]


def _refused(finding: Finding) -> Taken:
    return Taken(Reading(None, "", "", (finding,)))


def _misfit(name: str, text: str) -> Finding:
    return Finding("shape", name, text, "wrong")


def _bounds(part: Part) -> str:
    return "[" + ", ".join(f"{b}" if a == 0 else f"{a}:{b}" for a, b in part) + "]"
