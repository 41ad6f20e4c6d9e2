"""The manifest: what a golden says of the run it records, and of each of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from refnet.architecture.step import Shape, Step
from refnet.golden.axes import TensorLayout, stored_axes
from refnet.preprocessing.recipe import Recipe
from refnet.reference.digest import DTYPES
from refnet.reference.numerics import constants_in_hex

FORMAT = "refnet golden"
RESUMED = "resumed at "  # before a step, in what is said of a run's input
PICTURE = "picture"  # u8[H, W, 3] among the tensors, before the recipe
SCHEMA_VERSION = 1
FILE_NAME = "manifest.json"  # in a directory; the dataset /manifest in an HDF5 file, manifest.json in an .npz

MAX_ENTRIES = 1 << 14
MAX_ELEMENTS = 1 << 34

#: What a reader of the files has to know and a manifest therefore says.
ABOUT = (
    "Axes go from the slowest to the fastest, in stored_axes the inner axis of a tile in lower case; what fills up "
    "tiles and pads (top, bottom, left, right) is 0. Raw and .npy files are little-endian. hex, mem, coe and h hold a "
    "number's bits as one word, the most significant digit first; an h of float or double, and txt, hold the number "
    "itself. The bits of a bfloat16 are the upper half of a float32. sha256 is of the file. A digest is of the whole "
    "tensor as computed, before it was cut, rounded or laid out: the SHA-256 of its format and shape, as in 'float32 "
    "1,112,112,32' (N,H,W,C or N,C), one newline, and its elements, the last axis fastest, little-endian. In steps, "
    "pads are zeros at the top, bottom, left, right, and eps is what a batch norm adds to the variance; the constants "
    "are those of exp and sigmoid. In a run of int8, operations say how codes stand for real numbers, scale * (code - "
    "zero_point), and what is stored of scales; pads hold the zero point. refnet's docs/contract.md says what is done "
    "with them, to the bit."
)


@dataclass(frozen=True)
class Run:
    """Where the tensors come from.

    Attributes
    ----------
    model
        As ``refnet.load`` takes it; the variant's name where the weights were a file.
    weights
        Digest of the weights.
    size
        Height and width of the input.
    dtype
        What the network computed in: float32, float64 or int8.
    input
        Where the input comes from: ``image NAME``, ``array SHAPE`` or ``stimulus NAME``; then ``, resumed at STEP``
        where the run went on from somebody else's tensor.
    recipe
        What made the input of a picture, or None.
    numerics
        Version of the bit contract.
    refnet
        Version of the software that wrote it.
    padding, bn_eps
        Rule of the zeros around pictures, and what batch norms add to the variance; None in older goldens.
    engine
        Of int8: the set of policies by which integers are rounded, one of ``refnet.reference.integers.engine``.
    """

    model: str
    weights: str
    size: tuple[int, int]
    dtype: str
    input: str
    recipe: Recipe | None
    numerics: int
    refnet: str
    padding: str | None = None
    bn_eps: float | None = None
    engine: str | None = None

    @property
    def resumed(self) -> tuple[str, ...]:
        """The steps whose tensors somebody else gave.

        Examples
        --------
        >>> Run("b0", "", (224, 224), "float32", "stimulus codes, resumed at stem", None, 1, "0.1").resumed
        ('stem',)
        """
        return tuple(name for _, mark, name in (one.rpartition(RESUMED) for one in self.input.split(", ")) if mark)


@dataclass(frozen=True)
class TensorEntry:
    """One recorded tensor.

    Attributes
    ----------
    name
        Of the step or part, ``input``, ``picture`` (uint8, before the recipe), or of a weight, with slashes.
    axes, shape
        Logical axes and lengths: NHWC, NC; HWC of a picture; RSCK, RSK, CK, K of weights.
    part
        Where only a part was recorded: (first, end) for each axis, within the whole tensor; else empty.
    dtype
        Of the numbers in the file: float32, float64, float16, bfloat16, uint8, int8 or int32.
    layout
        How they lie in the file.
    format, file
        Kind of file, and its name beside the manifest; empty inside an HDF5 or .npz file.
    minimum, maximum, distinct
        Of the tensor as stored, without filling and explicit zeros: range (0 where there is none) and number of
        different values.
    sha256
        Of the file's bytes; inside an HDF5 or .npz file, of the stored elements, little-endian.
    digest
        ``refnet.reference.digest.tensor_digest`` of the whole tensor as computed, [N, ...], or empty for a picture.
    """

    name: str
    axes: str
    shape: Shape
    part: tuple[tuple[int, int], ...]
    dtype: str
    layout: TensorLayout
    format: str
    file: str
    minimum: float
    maximum: float
    distinct: int
    sha256: str
    digest: str


@dataclass(frozen=True)
class CaseEntry:
    """One case of vectors: its tensors are the entries ``NAME/ROLE``.

    Attributes
    ----------
    name, op, parameters
        As of a ``refnet.golden.cases.Case``.
    inputs, weights, output
        Roles of its tensors.
    """

    name: str
    op: str
    parameters: Mapping[str, Any]
    inputs: tuple[str, ...]
    weights: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class StepEntry:
    """What a port must know of one step of the network, as the attributes of a ``Step`` say it; ``eps`` in numbers."""

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: Shape
    kernel: int
    stride: int
    pads: Shape
    eps: float | None
    activation: str
    divisor: float

    @classmethod
    def of(cls, step: Step, bn_eps: float) -> StepEntry:
        """Take it from a plan, of a network whose batch norms usually add ``bn_eps``."""
        return cls(
            step.name, step.op, step.inputs, step.shape, step.kernel, step.stride, tuple(step.pads),
            step.bn_eps(bn_eps) if step.normalized else step.eps, step.activation, step.divisor,
        )  # fmt: skip


@dataclass(frozen=True)
class OperationEntry:
    """What a port must know of one operation in integers.

    Attributes
    ----------
    name, kind, inputs
        As of a ``refnet.reference.integers.network.Operation``; the first is the ``input``, of the kind ``quantise``.
    scale, zero_point
        How its codes stand for real numbers: scale * (code - zero_point); the scale is a float32.
    limits
        The least and the largest code.
    policy
        How it rounds, where engines differ: see ``docs/integers.md``.
    stride, pads
        Of sums; around the picture, at the top, bottom, left, right, stands the input's zero point.
    constants
        What is stored of scales, by name: ``multiplier`` and ``shift`` of each channel, ``factor``, ``weights``,
        ``table``; see ``refnet.reference.integers.constants``.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    scale: float
    zero_point: int
    limits: tuple[int, int]
    policy: str
    stride: int = 1
    pads: Shape = (0, 0, 0, 0)
    constants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """All of it; ``entries`` are in execution order, ``cases`` are those of vectors, the rest is of the network."""

    run: Run
    entries: tuple[TensorEntry, ...]
    cases: tuple[CaseEntry, ...] = ()
    steps: tuple[StepEntry, ...] = ()
    operations: tuple[OperationEntry, ...] = ()

    def to_json(self) -> str:
        """Write it as JSON: a line for each fact of the run, each case, step and entry."""
        facts = {"format": FORMAT, "schema": SCHEMA_VERSION, "about": ABOUT} | asdict(self.run)
        if self.run.engine is None:
            del facts["engine"]  # of real numbers, a golden stays as older readers know it
        facts |= {"constants": constants_in_hex(self.run.dtype)} if self.run.dtype in DTYPES else {}
        head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in facts.items())
        cases, steps, operations = (_lines(map(asdict, part)) for part in (self.cases, self.steps, self.operations))
        entries = _lines(map(_plain, self.entries))
        integers = f' "operations": [{operations}],\n' if self.operations else ""
        return f'{{\n{head} "cases": [{cases}],\n "steps": [{steps}],\n{integers} "entries": [{entries}]\n}}\n'


def _lines(objects: Iterable[Any]) -> str:
    lines = ",".join(f"\n  {json.dumps(content, allow_nan=False)}" for content in objects)
    return f"{lines}\n " if lines else ""


def _plain(entry: TensorEntry) -> dict[str, Any]:
    content = asdict(entry)
    layout = content.pop("layout")
    content |= {"order": layout["order"], "tile": dict(layout["tile"]), "pads": list(layout["pads"])}
    return content | stored_facts(entry)


def stored_facts(entry: TensorEntry) -> dict[str, Any]:
    """What follows from the layout, so that a reader need not know its rules."""
    axes, shape = stored_axes(entry.axes, entry.shape, entry.layout)
    return {"stored_axes": axes, "stored_shape": list(shape)}
