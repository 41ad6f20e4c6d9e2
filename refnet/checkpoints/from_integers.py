"""An integer network from an int8 file of TensorFlow Lite: the file decides all but how pictures are made for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from refnet.architecture.variants import Architecture
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.from_program import BY, recipe_of
from refnet.checkpoints.graph.match import Found
from refnet.checkpoints.graph.tflite import integers
from refnet.checkpoints.graph.tflite.program import LITE, LITE_TOLD, on_files
from refnet.checkpoints.origin import find_origin
from refnet.checkpoints.readers.tflite import metadata
from refnet.checkpoints.readers.tflite.metadata import Metadata
from refnet.checkpoints.readers.tflite.tflite_file import Model
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError, WeightsError
from refnet.files import strict_json
from refnet.preprocessing.normalise import Normalisation
from refnet.preprocessing.recipe import Recipe
from refnet.reference.integers.engine import TFLM, engine
from refnet.weights import quantised_schema as schema
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.releases import Release
from refnet.weights.schema import Metadata as Stored
from refnet.weights.schema import parse_origin
from refnet.weights.weights import Provenance

NOTE = "refnet"  # beside the graph of a file that refnet wrote: what the weight file states, as JSON


@dataclass(frozen=True)
class MappedIntegers:
    """An integer network in our terms.

    Attributes
    ----------
    weights
        Without labels.
    by
        What its publisher was recognised by.
    facts
        For the certificate: what was told, and where each tensor comes from.
    """

    weights: QuantisedWeights
    by: str
    facts: dict[str, object]


def map_integers(
    model: Model,
    file: Fingerprint,
    stated: Stated,
    release: Release | None = None,
    candidates: Iterable[Architecture] | None = None,
) -> MappedIntegers:
    """Match an int8 file, and make weights of what it is."""
    if NOTE in model.notes:
        return MappedIntegers(_own(model, stated), "refnet's own export", {"normalisation": "the publisher's"})
    noted = metadata.parse(model.notes[metadata.NOTE]) if metadata.NOTE in model.notes else Metadata()
    found = integers.match_real(model, candidates=candidates, padding=stated.padding)
    network, tensors = integers.on_plan(model, found)
    of_pictures = replace(found, normalise=_normalisation(noted))
    publisher, recipe, told, by = _origin(of_pictures, file, stated, release)
    weights = QuantisedWeights(
        network=network,
        engine=engine(stated.engine or TFLM.name),
        recipe=recipe,
        labels=None,
        provenance=Provenance(
            publisher=release.publisher if release else publisher,
            source=file.name,
            source_sha256=file.sha256,
            averaging="unknown",
            licence=release.licence if release else "",
        ),
    )
    facts: dict[str, object] = {
        "normalisation": "the file's" if of_pictures.normalise else "the publisher's",
        "told": [*told, *on_files(noted), *([] if stated.engine else [_rounded(weights)])],
        "sources": {name: model.tensors[number].name for name, number in tensors.items()},
    }
    return MappedIntegers(weights, by, facts)


def _rounded(weights: QuantisedWeights) -> str:
    return f"rounded as {weights.engine.name} does, since the file does not say how; --engine says otherwise"


def _normalisation(noted: Metadata) -> Normalisation:
    """What metadata say is done to pixels before they become codes."""
    if noted.steps:
        raise CheckpointError(f"its metadata ask for {noted.steps[0]} of what the graph computes, which refnet has not")
    if noted.mean is None or noted.deviation is None:
        return ()
    return (("subtract", noted.mean), ("divide", noted.deviation))


def _origin(
    found: Found, file: Fingerprint, stated: Stated, release: Release | None
) -> tuple[str, Recipe, tuple[str, ...], str]:
    """Publisher, recipe, what there is to tell, and what it was recognised by."""
    if stated.publisher is None and found.architecture.activation == "relu6":
        recipe, told = recipe_of(LITE, found)
        return LITE, recipe, told if found.normalise else (LITE_TOLD,), BY
    origin = find_origin(found, file, stated, release)
    return origin.publisher, origin.recipe, origin.told, origin.by


def _own(model: Model, stated: Stated) -> QuantisedWeights:
    """Undo ``refnet.export.tflite.export.export_tflite``, but for labels and the list of dropped tensors."""
    try:
        attributes: dict[str, Any] = strict_json.parse(model.notes[NOTE].decode("utf-8"))
        if not isinstance(attributes, dict) or any(
            type(attributes.get(name)) is not kind for name, kind in schema.ATTRIBUTES.items()
        ):
            raise WeightsError(f"its note {NOTE!r} does not state what a weight file does")
        metadata_of = Stored(attributes, {})
        plan, _, own_engine = schema.parse_plan(attributes)
        network, _ = integers.find_integers(
            model, candidates=[replace(plan.architecture, folded=False)], padding=plan.padding
        )
        weights = QuantisedWeights(
            network=network,
            engine=own_engine,
            recipe=Recipe.from_json(attributes["recipe"]),
            labels=None,
            provenance=parse_origin(metadata_of),
            calibration=schema.parse_calibration(attributes["calibration"]),
        )
    except (WeightsError, ValueError) as error:
        raise CheckpointError(f"not a file as refnet writes them: {error}") from None
    if (network.plan, weights.digest()) != (plan, attributes["tensors_digest"]):
        raise CheckpointError("its numbers do not have the digest that the file states; it was changed after export")
    return replace(weights, engine=engine(stated.engine)) if stated.engine else weights
