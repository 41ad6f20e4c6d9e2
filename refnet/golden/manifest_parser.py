"""Reads manifests from anywhere: each value is checked before it is used, and anything unknown is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import prod
from typing import Any

from refnet.architecture.padding import Pads
from refnet.errors import InputError, WeightsError
from refnet.files import strict_json as js
from refnet.golden.axes import TensorLayout
from refnet.golden.dtypes import WORDS
from refnet.golden.manifest import (
    FORMAT,
    MAX_ELEMENTS,
    MAX_ENTRIES,
    SCHEMA_VERSION,
    CaseEntry,
    Manifest,
    OperationEntry,
    Run,
    StepEntry,
    TensorEntry,
    stored_facts,
)
from refnet.preprocessing.recipe import Recipe
from refnet.reference.digest import DTYPES, INTEGERS

MAX_AXES = 8
MAX_SIDE = 1 << 15
MAX_PADS = 1 << 10
MAX_LENGTH = 1 << 24

_LENGTH = js.whole(1, MAX_LENGTH - 1)
_ORDER = js.like(f"[A-Z]{{1,{MAX_AXES}}}", f"1 to {MAX_AXES} capital letters")
_ENTRY = js.fields(
    {
        "name": js.TEXT,
        "axes": js.like("[A-Za-z]*", "letters"),
        "shape": js.items(_LENGTH, most=MAX_AXES),
        "part": js.items(js.items(js.whole(0, MAX_LENGTH), 2, 2), most=MAX_AXES),
        "dtype": js.one_of(*WORDS),
        "order": _ORDER,
        "tile": js.table(_LENGTH),
        "pads": js.items(js.whole(0, MAX_PADS - 1), 4, 4),
        "stored_axes": js.TEXT,
        "stored_shape": js.items(js.whole(0)),
        "format": js.TEXT,
        "file": js.TEXT,
        "minimum": js.NUMBER,
        "maximum": js.NUMBER,
        "distinct": js.whole(0),
        "sha256": js.TEXT,
        "digest": js.TEXT,
    }
)
_CASE = js.fields(
    {
        "name": js.TEXT,
        "op": js.TEXT,
        "parameters": js.OBJECT,
        "inputs": js.items(js.TEXT),
        "weights": js.items(js.TEXT),
        "output": js.TEXT,
    }
)
_STEP = js.fields(
    {
        "name": js.TEXT,
        "op": js.TEXT,
        "inputs": js.items(js.TEXT),
        "shape": js.items(_LENGTH, most=MAX_AXES),
        "kernel": js.whole(1),
        "stride": js.whole(1),
        "pads": js.items(js.whole(0, MAX_PADS - 1), 4, 4),
        "eps": js.nullable(js.NUMBER),
        "activation": js.TEXT,
        "divisor": js.NUMBER,
    }
)
_CODE = js.whole(-(1 << 8), 1 << 8)
_OPERATION = js.fields(
    {
        "name": js.TEXT,
        "kind": js.TEXT,
        "inputs": js.items(js.TEXT),
        "scale": js.NUMBER,
        "zero_point": _CODE,
        "limits": js.items(_CODE, 2, 2),
        "policy": js.TEXT,
        "stride": js.whole(1),
        "pads": js.items(js.whole(0, MAX_PADS - 1), 4, 4),
        "constants": js.OBJECT,
    }
)
_MANIFEST = js.fields(
    {
        "format": js.TEXT,
        "schema": js.whole(),
        "about": js.TEXT,
        "model": js.TEXT,
        "weights": js.TEXT,
        "size": js.items(js.whole(1, MAX_SIDE - 1), 2, 2),
        "dtype": js.one_of(*DTYPES, INTEGERS[0]),
        "input": js.TEXT,
        "recipe": js.nullable(js.OBJECT),
        "numerics": js.whole(),
        "refnet": js.TEXT,
        "cases": js.items(_CASE, most=MAX_ENTRIES),
        "entries": js.items(_ENTRY, most=MAX_ENTRIES),
    },
    optional={  # what older goldens lack
        "padding": js.nullable(js.TEXT),
        "bn_eps": js.nullable(js.NUMBER),
        "constants": js.OBJECT,
        "steps": js.items(_STEP, most=MAX_ENTRIES),
        "engine": js.nullable(js.TEXT),
        "operations": js.items(_OPERATION, most=MAX_ENTRIES),
    },
)
# What tells a golden of another schema from no golden at all.
_HEAD = js.fields({"format": js.TEXT, "schema": js.whole()}, others=True)


def parse_manifest(text: str, where: str) -> Manifest:
    """Read what ``Manifest.to_json`` wrote; refuse anything else, and other schemas, by an InputError."""
    try:
        content = js.read(text, _HEAD)
        found = content["format"], content["schema"]
        if found != (FORMAT, SCHEMA_VERSION):
            raise InputError(f"{where} is no golden of schema {SCHEMA_VERSION}: format and schema are {found!r:.80}")
        js.check(content, _MANIFEST)
        entries = tuple(_entry(entry, f"entries[{place}]") for place, entry in enumerate(content["entries"]))
        cases, steps = map(_case, content["cases"]), map(_step, content.get("steps", ()))
        operations = map(_operation, content.get("operations", ()))
        return Manifest(_run(content), entries, tuple(cases), tuple(steps), tuple(operations))
    except InputError:
        raise
    except (ValueError, WeightsError) as error:
        raise InputError(f"{where}: cannot read the manifest: {error!s:.300}; record the golden again") from None


def _run(content: Mapping[str, Any]) -> Run:
    facts: dict[str, Any] = {field.name: content.get(field.name) for field in fields(Run)}
    recipe = None if content["recipe"] is None else Recipe.from_fields(content["recipe"])
    height, width = content["size"]
    return Run(**{**facts, "size": (height, width), "recipe": recipe})


def _case(content: Mapping[str, Any]) -> CaseEntry:
    return CaseEntry(**{**content, "inputs": tuple(content["inputs"]), "weights": tuple(content["weights"])})


def _step(content: Mapping[str, Any]) -> StepEntry:
    lists = {key: tuple(content[key]) for key in ("inputs", "shape", "pads")}
    return StepEntry(**{**content, **lists})


def _operation(content: Mapping[str, Any]) -> OperationEntry:
    lists = {key: tuple(content[key]) for key in ("inputs", "limits", "pads")}
    if not content["scale"] > 0:
        raise ValueError(f"operations: {content['name']:.80}: a scale of {content['scale']}; want a positive number")
    return OperationEntry(**{**content, **lists})


def _entry(content: Mapping[str, Any], where: str) -> TensorEntry:
    """Make an entry whose values are of the right kinds, if they agree with each other."""

    def expect(holds: bool, key: str, wants: str) -> None:
        if not holds:
            raise ValueError(f"{where}.{key}: {content[key]!r:.80}; want {wants}")

    shape, axes, order, tile, part = (content[key] for key in ("shape", "axes", "order", "tile", "part"))
    expect(len(axes) == len(set(axes)), "axes", "each axis once")
    expect(len(shape) == len(axes), "shape", f"a length for each of {axes}")
    expect(prod(shape) <= MAX_ELEMENTS, "shape", f"at most {MAX_ELEMENTS} elements")
    expect(len(order) == len(set(order)), "order", "each axis once")
    expect(set(tile) <= set(order), "tile", f"axes of {order}")
    expect(len(part) in (0, len(shape)), "part", f"two bounds for each of {axes}, or nothing")
    for (first, end), length in zip(part, shape, strict=False):
        expect(first < end and end - first == length, "part", f"as long as the shape, {shape}")
    plain = {field.name: content[field.name] for field in fields(TensorEntry) if field.name != "layout"}
    layout = TensorLayout(order, tuple((axis, tile[axis]) for axis in order if axis in tile), Pads(*content["pads"]))
    bounds = tuple((first, end) for first, end in part)
    entry = TensorEntry(**{**plain, "shape": tuple(shape), "part": bounds}, layout=layout)
    try:
        stored = stored_facts(entry)
    except InputError as error:
        raise ValueError(f"{entry.name}: {error}") from None
    for key, value in stored.items():
        expect(content[key] == value, key, f"{value}, by the layout")
    return entry
