"""A port's tensors, each read beside the golden's, whatever files and order of axes they are in.

Reading changes nothing: what is found out of a tensor does not depend on which were read before it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.axis_orders import Reading, order_by_shape, read_axes
from refnet.comparison.port.codes import SAME, Form, form_of
from refnet.comparison.port.matching import Part, Partner, part_of
from refnet.errors import InputError, RefnetError
from refnet.golden.axes import TensorLayout, from_layout, stored_axes
from refnet.golden.manifest import TensorEntry
from refnet.golden.read import StoredTensor, TensorReader, to_logical_axes

CODES = ("int8", "int32")  # formats of integers, sums among them; a picture of uint8 is a picture
LOOKED_AT = 8  # tensors whose shapes tell the port's usual order


@dataclass(frozen=True)
class PairedTensor:
    """A port's tensor, as it was read, and the piece of the golden's that it is compared with."""

    reading: Reading  # its tensor is None if it cannot be compared
    dtype: str = ""  # of its numbers in the file
    region: Part = ()  # which piece of the whole tensor it is; empty if it is all of it
    golden: Array | None = None  # that piece of the golden's
    form: Form = SAME  # of codes: how they are written


class PortTensors:
    """A port's tensors by the golden's names; ``stated`` is the order of axes, if the user states one.

    Those that are ``overwritten`` hold what belongs to another name, so that no run can begin with them.
    """

    def __init__(
        self,
        recording: TensorReader,
        partners: Mapping[str, Partner],
        golden: GoldenTensors,
        stated: TensorLayout | None = None,
        overwritten: Mapping[str, str] | None = None,
    ) -> None:
        self.recording = recording
        self.partners = partners
        self.golden = golden
        self.stated = stated
        self.overwritten = overwritten or {}
        self._layouts: dict[str, TensorLayout | None] = {}  # a cache of ``_layout``, filled with what is read anyway
        self._forms: dict[str, Form] = {}  # likewise, of codes

    def pair(self, name: str, golden: Array) -> PairedTensor:
        """Read one beside the golden's; whatever is wrong with it becomes a finding."""
        try:
            pair = self._read(name, golden)
        except (RefnetError, OSError) as error:
            pair = _refused(Finding("unreadable", name, f"cannot be read: {error}", "wrong"))
        self._layouts[name], self._forms[name] = _layout_to_run_from(pair), pair.form
        return pair

    def usable(self, name: str) -> bool:
        """Whether it is there, whole, of the golden's shape and finite in float32, so that a run can begin with it."""
        return name not in self.overwritten and self._layout(name) is not None

    def form(self, name: str) -> Form:
        """How one that was read is written, of codes."""
        return self._forms.get(name, SAME)

    def without(self, overwritten: Mapping[str, str]) -> PortTensors:
        """The same, but for what is overwritten."""
        return PortTensors(self.recording, self.partners, self.golden, self.stated, overwritten)

    def tensor(self, name: str) -> Array:
        """Read one that is usable, to run from it: float32 or float64, or codes of the golden's format."""
        entry, layout = self.golden.entries[name], self._layout(name)
        assert layout is not None
        stored = self.recording.read(self.partners[name].name, self._count(entry.axes, entry.shape))
        if entry.dtype in CODES:
            codes = self._forms[name].codes(stored.array)
            assert codes is not None
            return from_layout(codes, entry.axes, entry.shape, layout).astype(entry.dtype)
        tensor = from_layout(stored.array, entry.axes, entry.shape, layout)
        return tensor if tensor.dtype == np.float64 else tensor.astype(np.float32, copy=False)

    def misshapen(self, name: str) -> Array | None:
        """Read one of another shape than the golden's with its axes in refnet's order; None if that is not known."""
        stored, axes = self.recording.read(self.partners[name].name), self.golden.entries[name].axes
        if stored.entry is not None:
            return to_logical_axes(stored)
        order = "".join(axis for axis in self.usual_order or "" if axis in axes)
        array = stored.array[None] if stored.array.ndim == len(axes) - 1 else stored.array
        if array.ndim != len(axes) or (array.ndim > 2 and len(order) != len(axes)):
            return None
        return array.transpose([order.index(axis) for axis in axes]) if array.ndim > 2 else array

    @cached_property
    def usual_order(self) -> str | None:
        """The order that was stated, or that of most of the first tensors whose shapes leave no doubt."""
        if self.stated is not None:
            return self.stated.order
        orders: Counter[str] = Counter()
        entries = (entry for name, entry in self.golden.entries.items() if name in self.partners)
        for entry in islice((entry for entry in entries if entry.axes == "NHWC"), LOOKED_AT):
            name = self.partners[entry.name].name
            with suppress(RefnetError, OSError):  # said where it is compared
                if self.recording.entry(name) is None:
                    orders.update(filter(None, [order_by_shape(self.recording.read(name).array.shape, entry.shape)]))
        return max(orders, key=lambda order: orders[order], default=None)

    def _layout(self, name: str) -> TensorLayout | None:
        """How one lies that a run can begin with; None of any other."""
        if name in self.partners and name not in self._layouts:
            self._layouts[name] = None
            with suppress(RefnetError):
                self.pair(name, self.golden.read(name))
        return self._layouts.get(name)

    def _read(self, name: str, golden: Array) -> PairedTensor:
        partner, entry = self.partners[name], self.golden.entries[name]
        whole = entry.part or _all_of(golden.shape)
        theirs = self.recording.entry(partner.name)
        if theirs is not None:
            return self._read_recorded(name, theirs, golden, whole)
        region = part_of(partner.slices, tuple(end for _, end in whole)) if partner.slices else whole
        piece = crop(golden, region, whole)
        if piece is None:
            return _refused(_misfit(name, f"[{partner.slices}] is not in the golden, which has {_bounds(whole)}"))
        stored = self.recording.read(partner.name, self._count(entry.axes, piece.shape))
        array, form = self._numbers(name, stored, piece)
        reading = read_axes(name, array, entry.axes, piece, self.stated, self.usual_order)
        return PairedTensor(reading, stored.dtype, region if partner.slices or entry.part else (), piece, form)

    def _read_recorded(self, name: str, theirs: TensorEntry, golden: Array, whole: Part) -> PairedTensor:
        """Read one that has a manifest, by what that says."""
        entry = self.golden.entries[name]
        if theirs.axes != entry.axes:
            return _refused(_misfit(name, f"axes {theirs.axes}, expected {entry.axes}"))
        is_piece = bool(theirs.part or entry.part)
        if not is_piece and theirs.shape != golden.shape:
            return _refused(_misfit(name, f"shape {list(theirs.shape)}, expected {list(golden.shape)}"))
        stored = self.recording.read(self.partners[name].name)
        order = stored_axes(theirs.axes, theirs.shape, theirs.layout)[0]
        array, form = self._numbers(name, stored, golden)
        reading = Reading(to_logical_axes(stored._replace(array=array)), order, "stated", layout=theirs.layout)
        if not is_piece:
            return PairedTensor(reading, stored.dtype, golden=golden, form=form)
        return _overlap(name, reading, stored.dtype, theirs.part or _all_of(theirs.shape), golden, whole)

    def _numbers(self, name: str, stored: StoredTensor, golden: Array) -> tuple[Array, Form]:
        """A port's numbers as the golden has them, real ones or codes, and how they are written."""
        wanted = self.golden.entries[name].dtype
        if wanted not in CODES:
            if stored.dtype in CODES:
                raise InputError(f"{stored.dtype}, where the golden has real numbers, {wanted}")
            return stored.array, SAME
        by = self.golden.operations.get(name)
        form = form_of(stored.array, stored.dtype, golden, by, is_typed=stored.is_typed)
        codes = None if form is None else form.codes(stored.array)
        if form is None or codes is None:
            if not stored.is_typed and stored.array.size != golden.size:
                raise InputError(f"{stored.array.nbytes:,} bytes, where {golden.size:,} numbers of {wanted} belong")
            raise InputError(f"{stored.dtype}, and no numbers that codes of {wanted} stand for")
        return codes, form

    def _count(self, axes: str, shape: Shape) -> int:
        """How many elements a file must have, explicit zeros and the filling of tiles included."""
        if self.stated is None or not set(axes) <= set("NHWC"):
            return math.prod(shape)
        try:
            return math.prod(stored_axes(axes, shape, self.stated)[1])
        except InputError:
            return math.prod(shape)


def _layout_to_run_from(pair: PairedTensor) -> TensorLayout | None:
    tensor = pair.reading.tensor
    if tensor is None or pair.region or not np.all(np.abs(tensor) <= np.finfo(np.float32).max):
        return None
    return pair.reading.layout


def _all_of(shape: Shape) -> Part:
    return tuple((0, length) for length in shape)


def _overlap(name: str, reading: Reading, dtype: str, region: Part, golden: Array, whole: Part) -> PairedTensor:
    """Cut both to what they share: one of them may be a piece of the other."""
    assert reading.tensor is not None
    shared = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(region, whole, strict=True))
    if shared not in (region, whole):
        return _refused(_misfit(name, f"shape {_bounds(region)}, expected {_bounds(whole)}"))
    piece, tensor = crop(golden, shared, whole), crop(reading.tensor, shared, region)
    return PairedTensor(Reading(tensor, reading.order, reading.how), dtype, shared, piece)


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


def _refused(finding: Finding) -> PairedTensor:
    return PairedTensor(Reading(None, "", "", (finding,)))


def _misfit(name: str, text: str) -> Finding:
    return Finding("shape", name, text, "wrong")


def _bounds(part: Part) -> str:
    return "[" + ", ".join(f"{b}" if a == 0 else f"{a}:{b}" for a, b in part) + "]"
