"""The manifest: what a golden says of the run it records, and of each of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from refnet.architecture.padding import Pads
from refnet.architecture.plan import Shape
from refnet.errors import InputError, WeightsError
from refnet.golden.axes import Layout, stored_axes
from refnet.golden.encoding import WORDS
from refnet.preprocessing.recipe import Recipe

FORMAT = "refnet golden"
SCHEMA_VERSION = 1
FILE_NAME = "manifest.json"  # in a directory; the dataset /manifest in an HDF5 file, manifest.json in an .npz

MAX_ENTRIES = 1 << 14
MAX_AXES = 8
MAX_ELEMENTS = 1 << 34

#: What a reader of the files has to know and a manifest therefore says.
ABOUT = (
    "Axes go from the slowest to the fastest, in stored_axes the inner axis of a tile in lower case; what fills up "
    "tiles and pads (top, bottom, left, right) is 0. Raw and .npy files are little-endian. hex, mem, coe and h hold a "
    "number's bits as one word, the most significant digit first; an h of float or double, and txt, hold the number "
    "itself. The bits of a bfloat16 are the upper half of a float32."
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
        What the network computed in: float32 or float64.
    input
        Where the input comes from: ``image NAME``, ``array SHAPE`` or ``stimulus NAME``; then ``, resumed at STEP``
        where the run went on from somebody else's tensor.
    recipe
        What made the input of a picture, or None.
    numerics
        Version of the bit contract.
    refnet
        Version of the software that wrote it.
    """

    model: str
    weights: str
    size: tuple[int, int]
    dtype: str
    input: str
    recipe: Recipe | None
    numerics: int
    refnet: str


@dataclass(frozen=True)
class Entry:
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
        Of the numbers in the file: float32, float64, float16, bfloat16 or uint8.
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
    layout: Layout
    format: str
    file: str
    minimum: float
    maximum: float
    distinct: int
    sha256: str
    digest: str


@dataclass(frozen=True)
class Described:
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
class Manifest:
    """All of it; ``entries`` are in execution order, ``cases`` are those of vectors."""

    run: Run
    entries: tuple[Entry, ...]
    cases: tuple[Described, ...] = ()

    def to_json(self) -> str:
        """Write it as JSON: a line for each fact of the run, each case and each entry."""
        facts = {"format": FORMAT, "schema": SCHEMA_VERSION, "about": ABOUT} | asdict(self.run)
        head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in facts.items())
        cases, entries = _lines(map(asdict, self.cases)), _lines(map(_plain, self.entries))
        return f'{{\n{head} "cases": [{cases}],\n "entries": [{entries}]\n}}\n'

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Read it back, strictly.

        Raises
        ------
        InputError
            If it is no manifest, or one of another schema.
        """
        try:
            content = json.loads(text, parse_constant=_refuse)
            found = content.pop("format"), content.pop("schema")
            if found != (FORMAT, SCHEMA_VERSION):
                raise InputError(
                    f"{where} is no golden of schema {SCHEMA_VERSION}: format and schema are {found!r:.80}"
                )
            _expect(isinstance(content.pop("about"), str), "about")
            entries, cases = content.pop("entries"), content.pop("cases")
            if len(entries) > MAX_ENTRIES or len(cases) > MAX_ENTRIES:
                raise ValueError(f"{len(entries)} entries, {len(cases)} cases")
            return cls(_run(content), tuple(map(_entry, entries)), tuple(map(_case, cases)))
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WeightsError) as error:
            raise InputError(f"{where}: cannot read the manifest: {error!s:.200}; record the golden again") from None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _lines(objects: Iterable[Any]) -> str:
    lines = ",".join(f"\n  {json.dumps(content, allow_nan=False)}" for content in objects)
    return f"{lines}\n " if lines else ""


def _plain(entry: Entry) -> dict[str, Any]:
    content = asdict(entry)
    layout = content.pop("layout")
    content |= {"order": layout["order"], "tile": dict(layout["tile"]), "pads": list(layout["pads"])}
    return content | _stored(entry)


def _stored(entry: Entry) -> dict[str, Any]:
    """What follows from the layout, so that a reader need not know its rules."""
    axes, shape = stored_axes(entry.axes, entry.shape, entry.layout)
    return {"stored_axes": axes, "stored_shape": list(shape)}


def _run(content: Mapping[str, Any]) -> Run:
    _expect_keys(content, [field.name for field in fields(Run)])
    for key in ("model", "weights", "dtype", "input", "refnet"):
        _expect(isinstance(content[key], str), key)
    _expect(content["dtype"] in ("float32", "float64"), "dtype")
    _expect(type(content["numerics"]) is int, "numerics")
    size = content["size"]
    _expect(isinstance(size, list) and len(size) == 2 and all(type(n) is int and 0 < n < 1 << 15 for n in size), "size")
    recipe = content["recipe"] and Recipe.from_json(json.dumps(content["recipe"]))
    return Run(**{**content, "size": (size[0], size[1]), "recipe": recipe})


def _case(content: Any) -> Described:
    _expect_keys(content, [field.name for field in fields(Described)])
    for key in ("name", "op", "output"):
        _expect(isinstance(content[key], str), key)
    _expect(isinstance(content["parameters"], dict), "parameters")
    for key in ("inputs", "weights"):
        _expect(isinstance(content[key], list) and all(isinstance(role, str) for role in content[key]), key)
    return Described(**{**content, "inputs": tuple(content["inputs"]), "weights": tuple(content["weights"])})


def _entry(content: Any) -> Entry:
    expected = [field.name for field in fields(Entry) if field.name != "layout"]
    _expect_keys(content, [*expected, "order", "tile", "pads", "stored_axes", "stored_shape"])
    for key in ("name", "axes", "dtype", "format", "file", "sha256", "digest", "order"):
        _expect(isinstance(content[key], str), key)
    _expect(content["dtype"] in WORDS, "dtype")
    shape, axes, order = content["shape"], content["axes"], content["order"]
    _expect(axes.isascii() and order.isascii(), "axes or order")
    _expect(_lengths(shape) and len(shape) == len(axes) == len(set(axes)), "shape")
    elements = 1
    for length in shape:
        elements *= length
    _expect(elements <= MAX_ELEMENTS, "shape")
    _expect(len(order) == len(set(order)) <= MAX_AXES and order.isalpha() and order.isupper(), "order")
    tile, pads = content["tile"], content["pads"]
    _expect(isinstance(tile, dict) and set(tile) <= set(order) and _lengths(list(tile.values())), "tile")
    _expect(
        isinstance(pads, list) and len(pads) == 4 and all(type(n) is int and 0 <= n < 1 << 10 for n in pads), "pads"
    )
    part = content["part"]
    _expect(isinstance(part, list) and len(part) in (0, len(shape)), "part")
    for bounds, length in zip(part, shape, strict=False):
        _expect(isinstance(bounds, list) and len(bounds) == 2 and all(type(n) is int for n in bounds), "part")
        _expect(0 <= bounds[0] < bounds[1] and bounds[1] - bounds[0] == length, "part")
    for key in ("minimum", "maximum"):
        _expect(type(content[key]) in (int, float), key)
    _expect(type(content["distinct"]) is int, "distinct")
    rest = {key: content[key] for key in expected if key not in ("shape", "part")}
    layout = Layout(order, tuple((axis, tile[axis]) for axis in order if axis in tile), Pads(*pads))
    entry = Entry(**rest, shape=tuple(shape), part=tuple((first, end) for first, end in part), layout=layout)
    try:
        stored = _stored(entry)
    except InputError as error:
        raise ValueError(f"{entry.name}: {error}") from None
    for key, value in stored.items():
        _expect(content[key] == value, key)
    return entry


def _lengths(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= MAX_AXES
        and all(type(n) is int and 1 <= n < 1 << 24 for n in values)
    )


def _expect_keys(content: Any, keys: list[str]) -> None:
    if not isinstance(content, dict) or sorted(content) != sorted(keys):
        raise ValueError(f"want an object of {', '.join(keys)}")


def _expect(holds: bool, key: str) -> None:
    if not holds:
        raise ValueError(f"{key} is not what it should be")
