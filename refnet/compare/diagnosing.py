"""Diagnosing: at the first wrong tensor, hand over what the port had there and name what it did with it."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from refnet import names
from refnet.compare.comparison import Comparison
from refnet.compare.runs import Runs, nearest_given
from refnet.compare.sides import Port
from refnet.diagnosis import diagnose, diagnose_input
from refnet.errors import RefnetError
from refnet.names import BN, CONV, part_name
from refnet.recipe import Recipe

Array = npt.NDArray[Any]

PICTURE = "picture"  # u8[H,W,3] among a golden's tensors, before the recipe


def diagnosis(found: Comparison, runs: Runs, port: Port) -> str:
    """Say in a sentence what the first wrong step did instead, or nothing where that cannot be asked."""
    row = found.first_wrong
    if row is None or row.outcome != "wrong" or not port.usable(row.name):
        return ""
    if row.name == names.INPUT:
        return _of_the_input(port)
    if row.name not in runs.steps:
        return ""
    step = runs.steps[row.name]
    part = row.name.removeprefix(step.name).removeprefix(".")
    since = next((one for one in _before(part) if port.usable(part_name(step.name, one))), "")
    wanted = [part_name(step.name, since)] if since else list(step.inputs)
    inputs = [_given(name, runs, port) for name in wanted]
    if any(tensor is None for tensor in inputs):
        return ""
    told = diagnose(
        step,
        tensors=runs.here.weights.tensors,
        eps=runs.here.weights.bn_eps,
        inputs=[tensor for tensor in inputs if tensor is not None],
        actual=port.tensor(row.name),
        part=part,
        since=since,
        dtype=row.dtype,
    )
    return f"{row.name}: {told.sentence}"


def _of_the_input(port: Port) -> str:
    """Ask what a port did to the picture, where the golden has that and says how it was prepared."""
    golden = port.golden
    if PICTURE not in golden.entries or not golden.run.recipe:
        return ""
    try:
        picture, recipe = golden.read(PICTURE), Recipe.from_json(golden.run.recipe)
    except RefnetError:
        return ""
    x = port.tensor(names.INPUT)
    if picture.ndim != 3 or picture.dtype.name != "uint8" or len(x) != 1:
        return ""
    return f"{names.INPUT}: {diagnose_input(picture, recipe, golden.run.size, x).sentence}"


def _before(part: str) -> tuple[str, ...]:
    """Parts of a step before one, the nearest first."""
    return {CONV: (), BN: (CONV,)}.get(part, (BN, CONV))


def _given(name: str, runs: Runs, port: Port) -> Array | None:
    """What the port had there: its own tensor, or what the right steps make of its own tensors before it."""
    if port.usable(name):
        return port.tensor(name)
    try:
        since = nearest_given(name, runs.inputs, port.usable)
        if since is not None:
            return runs.make({one: port.tensor(one) for one in since}, name)[0]
        return port.golden.read(name) if name in port.golden.entries else None
    except RefnetError:
        return None
