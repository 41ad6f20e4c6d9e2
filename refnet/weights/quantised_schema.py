"""The canonical weight file of integers: version 2 of ``schema``, which says what both have in common.

A file has these and nothing else:

datasets ``input/scale``, ``input/zero_point`` and those of every operation
    At its path, ``block1a/expand/conv/multiplier``: ``scale`` (<f4) and ``zero_point`` (<i4) of the codes it makes;
    where it has a kernel, ``kernel`` (i1), ``kernel_scale`` (<f4) and ``bias`` (<i4); and what an engine of its set
    makes of these before it runs, ``multiplier`` and ``shift`` (<i4), ``factor`` (<f4 or <f8), ``table`` (i1),
    ``weights`` (<i4). ``refnet.reference.integers.constants`` says what these are; a reader finds the same, or refuses
    the file.
datasets ``labels/*``, ``dropped/*``
    As in version 1.
attributes of the root
    The table ``ATTRIBUTES`` below.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, get_args

from refnet.architecture.padding import MAX_SIDE
from refnet.architecture.plan import Plan, make_plan
from refnet.errors import InputError, WeightsError
from refnet.files import strict_json
from refnet.preprocessing.recipe import Recipe
from refnet.reference.integers.bounds import check_network
from refnet.reference.integers.engine import Engine, engine
from refnet.reference.integers.layout import Forms, forms_of, lay_out
from refnet.reference.integers.network import IntegerNetwork
from refnet.reference.integers.quantisation import DType
from refnet.weights.quantised import Calibration, QuantisedWeights, Tensors, from_tensors, to_tensors, unsigned
from refnet.weights.schema import (
    SHA256,
    Metadata,
    architecture_to_json,
    check_texts,
    origin_to_attributes,
    parse_architecture,
    parse_labels,
    parse_origin,
    parse_padding,
    to_tables,
)

SCHEMA_VERSION = 2

ATTRIBUTES: dict[str, type] = {
    "schema": int,
    "architecture": str,  # JSON, as in version 1; folded is true
    "padding": str,
    "height": int,  # of the picture
    "width": int,
    "operations": str,  # JSON: the forms of refnet.reference.integers.layout
    "engine": str,  # whose roundings: a name of refnet.reference.integers.engine
    "given": str,  # int8 or uint8: how a picture comes that is in codes already
    "calibration": str,  # JSON: the fields of refnet.weights.quantised.Calibration
    "recipe": str,
    "publisher": str,
    "source": str,
    "source_sha256": str,
    "averaging": str,
    "licence": str,
    "tensors_digest": str,
    "metadata_digest": str,
}


def to_metadata(weights: QuantisedWeights) -> Metadata:
    """Write down everything but the numbers and the digests, if it could be read back."""
    network = weights.network
    try:
        forms = forms_of(network)
        check_network(network, weights.engine)
    except InputError as error:
        raise WeightsError(str(error)) from None
    if network.given is not None and network.given != unsigned(network.codes["input"]):
        raise WeightsError(f"a picture comes in codes {network.given}, which are not the input's own as uint8")
    metadata = Metadata(
        attributes={
            "schema": SCHEMA_VERSION,
            "architecture": architecture_to_json(weights.architecture),
            "padding": weights.padding,
            "height": network.plan.height,
            "width": network.plan.width,
            "operations": json.dumps(forms),
            "engine": weights.engine.name,
            "given": "int8" if network.given is None else "uint8",
            "calibration": json.dumps(asdict(weights.calibration)),
            "recipe": weights.recipe.to_json(),
            **origin_to_attributes(weights.provenance),
        },
        tables=to_tables(weights.labels, weights.provenance),
    )
    again = from_metadata(metadata, weights.tensors)
    if again.architecture != weights.architecture or again.engine != weights.engine:
        raise WeightsError(
            f"{weights.architecture.name}: a file cannot state these blocks, or engine {again.engine.name}"
        )
    return metadata


def parse_plan(attributes: dict[str, Any]) -> tuple[Plan, Forms, Engine]:
    """Read which network it is, in which forms, for which engine; with this, a reader knows what else must be there."""
    architecture = parse_architecture(attributes["architecture"])
    if not architecture.folded:
        raise WeightsError("architecture: folded is not true; integers have no batch norms of their own")
    sides = attributes["height"], attributes["width"]
    if not all(1 <= side <= MAX_SIDE for side in sides):
        raise WeightsError(f"a picture of {sides[0]}x{sides[1]}; want sides of 1 to {MAX_SIDE}")
    try:
        forms = strict_json.parse(attributes["operations"])
    except ValueError as error:
        raise WeightsError(f"operations is not JSON: {error}") from None
    if not isinstance(forms, dict) or not all(isinstance(form, str) for form in forms.values()):
        raise WeightsError("operations must be a JSON object of texts")
    try:
        plan = make_plan(architecture, sides, padding=parse_padding(attributes["padding"]))
        lay_out(plan, forms, {})
        return plan, forms, engine(attributes["engine"])
    except InputError as error:
        raise WeightsError(str(error)) from None


def from_metadata(metadata: Metadata, tensors: Tensors) -> QuantisedWeights:
    """Read everything, believing nothing; what engines make of scales must be what is made of them here."""
    check_texts(metadata, ATTRIBUTES)
    plan, forms, engine = parse_plan(metadata.attributes)
    stated = metadata.attributes
    given: DType | None = next((each for each in get_args(DType) if each == stated["given"]), None)
    if given is None:
        raise WeightsError(f"given is {stated['given'][:40]!r}, not one of {', '.join(get_args(DType))}")
    return QuantisedWeights(
        network=_network(plan, forms, given, tensors, engine),
        engine=engine,
        recipe=Recipe.from_json(stated["recipe"]),
        labels=parse_labels(metadata, plan.architecture),
        provenance=parse_origin(metadata),
        calibration=parse_calibration(stated["calibration"]),
    )


def _network(plan: Plan, forms: Forms, given: DType, tensors: Tensors, engine: Engine) -> IntegerNetwork:
    try:
        network = from_tensors(plan, forms, given, tensors)
        check_network(network, engine)
        wanted = to_tensors(network, engine)
    except InputError as error:
        raise WeightsError(str(error)) from None
    for key, value in wanted.items():
        if tensors[key].tobytes() != value.tobytes():
            raise WeightsError(f"{key} is not what {engine.name} makes of the scales beside it")
    return network


_TYPES: dict[str, type] = {
    "method": str, "pictures": int, "pictures_digest": str, "per": str,
    "equalised": bool, "bias_corrected": bool, "weights_digest": str,
}  # fmt: skip


def parse_calibration(text: str) -> Calibration:
    """Read how scales came about."""
    try:
        stated = strict_json.parse(text)
    except ValueError as error:
        raise WeightsError(f"calibration is not JSON: {error}") from None
    names = [each.name for each in fields(Calibration)]
    if not isinstance(stated, dict) or sorted(stated) != sorted(names):
        raise WeightsError(f"calibration must be a JSON object of {', '.join(names)}")
    for name, value in stated.items():
        if type(value) is not _TYPES[name] or (name.endswith("_digest") and not SHA256.fullmatch(str(value))):
            raise WeightsError(f"calibration: {name} is {str(value)[:40]!r}")
    if stated["pictures"] < 0 or stated["per"] not in ("channel", "tensor"):
        raise WeightsError(f"calibration on {stated['pictures']} pictures, scales per {stated['per'][:40]!r}")
    return Calibration(**stated)
