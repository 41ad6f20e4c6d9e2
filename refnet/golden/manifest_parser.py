"""Reads manifests from anywhere: each value is checked before it is used, and anything unknown is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from math import prod
from typing import Any

from refnet.architecture.padding import Pads
from refnet.errors import InputError, WeightsError
from refnet.golden.axes import TensorLayout
from refnet.golden.dtypes import WORDS
from refnet.golden.manifest import (
    FORMAT,
    MAX_ELEMENTS,
    MAX_ENTRIES,
    SCHEMA_VERSION,
    CaseEntry,
    Manifest,
    Run,
    TensorEntry,
    stored_facts,
)
from refnet.preprocessing.recipe import Recipe
from refnet.reference.digest import DTYPES

MAX_AXES = 8
MAX_SIDE = 1 << 15
MAX_PADS = 1 << 10
MAX_LENGTH = 1 << 24


def parse_manifest(text: str, where: str) -> Manifest:
    """Read what ``Manifest.to_json`` wrote; refuse anything else, and other schemas, by an InputError."""
    try:
        content = json.loads(text, parse_constant=_refuse)
        found = content.pop("format"), content.pop("schema")
        if found != (FORMAT, SCHEMA_VERSION):
            raise InputError(f"{where} is no golden of schema {SCHEMA_VERSION}: format and schema are {found!r:.80}")
        _expect(isinstance(content.pop("about"), str), "about")
        entries, cases = content.pop("entries"), content.pop("cases")
        if len(entries) > MAX_ENTRIES or len(cases) > MAX_ENTRIES:
            raise ValueError(f"{len(entries)} entries, {len(cases)} cases")
        return Manifest(_run(content), tuple(map(_entry, entries)), tuple(map(_case, cases)))
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WeightsError) as error:
        raise InputError(f"{where}: cannot read the manifest: {error!s:.200}; record the golden again") from None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _run(content: Mapping[str, Any]) -> Run:
    _expect_keys(content, [field.name for field in fields(Run)])
    for key in ("model", "weights", "dtype", "input", "refnet"):
        _expect(isinstance(content[key], str), key)
    _expect(content["dtype"] in DTYPES, "dtype")
    _expect(type(content["numerics"]) is int, "numerics")
    size = content["size"]
    _expect(
        isinstance(size, list) and len(size) == 2 and all(type(n) is int and 0 < n < MAX_SIDE for n in size), "size"
    )
    recipe = content["recipe"] and Recipe.from_json(json.dumps(content["recipe"]))
    return Run(**{**content, "size": (size[0], size[1]), "recipe": recipe})


def _case(content: Any) -> CaseEntry:
    _expect_keys(content, [field.name for field in fields(CaseEntry)])
    for key in ("name", "op", "output"):
        _expect(isinstance(content[key], str), key)
    _expect(isinstance(content["parameters"], dict), "parameters")
    for key in ("inputs", "weights"):
        _expect(isinstance(content[key], list) and all(isinstance(role, str) for role in content[key]), key)
    return CaseEntry(**{**content, "inputs": tuple(content["inputs"]), "weights": tuple(content["weights"])})


def _entry(content: Any) -> TensorEntry:
    expected = [field.name for field in fields(TensorEntry) if field.name != "layout"]
    _expect_keys(content, [*expected, "order", "tile", "pads", "stored_axes", "stored_shape"])
    for key in ("name", "axes", "dtype", "format", "file", "sha256", "digest", "order"):
        _expect(isinstance(content[key], str), key)
    _expect(content["dtype"] in WORDS, "dtype")
    shape, axes, order = content["shape"], content["axes"], content["order"]
    _expect(axes.isascii() and order.isascii(), "axes or order")
    _expect(_lengths(shape) and len(shape) == len(axes) == len(set(axes)), "shape")
    _expect(prod(shape) <= MAX_ELEMENTS, "shape")
    _expect(len(order) == len(set(order)) <= MAX_AXES and order.isalpha() and order.isupper(), "order")
    tile, pads = content["tile"], content["pads"]
    _expect(isinstance(tile, dict) and set(tile) <= set(order) and _lengths(list(tile.values())), "tile")
    _expect(
        isinstance(pads, list) and len(pads) == 4 and all(type(n) is int and 0 <= n < MAX_PADS for n in pads), "pads"
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
    layout = TensorLayout(order, tuple((axis, tile[axis]) for axis in order if axis in tile), Pads(*pads))
    entry = TensorEntry(**rest, shape=tuple(shape), part=tuple((first, end) for first, end in part), layout=layout)
    try:
        stored = stored_facts(entry)
    except InputError as error:
        raise ValueError(f"{entry.name}: {error}") from None
    for key, value in stored.items():
        _expect(content[key] == value, key)
    return entry


def _lengths(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= MAX_AXES
        and all(type(n) is int and 1 <= n < MAX_LENGTH for n in values)
    )


def _expect_keys(content: Any, keys: list[str]) -> None:
    if not isinstance(content, dict) or sorted(content) != sorted(keys):
        raise ValueError(f"want an object of {', '.join(keys)}")


def _expect(holds: bool, key: str) -> None:
    if not holds:
        raise ValueError(f"{key} is not what it should be")
