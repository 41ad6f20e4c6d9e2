"""The catalogue: what is known of each model, and of its weights if they are on this machine, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import Architecture
from refnet.errors import WeightsNotFoundError
from refnet.weights.quantised import QuantisedWeights

if TYPE_CHECKING:
    from refnet.weights.weights import Weights

# "#FLOPS" in Table 2 of the paper (Tan & Le, ICML 2019), where one is one multiply-add.
PAPER_GIGA_MACS = {
    "b0": 0.39, "b1": 0.70, "b2": 1.0, "b3": 1.8, "b4": 4.2, "b5": 9.9, "b6": 19, "b7": 37,
}  # fmt: skip


def describe(architecture: Architecture) -> dict[str, Any]:
    """Gather what is known of a variant without any weights."""
    plan, coefs = make_plan(architecture), architecture.coefficients
    return {
        "name": architecture.name,
        "width": coefs.width,
        "depth": coefs.depth,
        "resolution": coefs.resolution,
        "dropout": coefs.dropout,
        "activation": architecture.activation,
        "blocks": len(architecture.blocks),
        "classes": architecture.classes,
        "channels": architecture.channels,
        "folded": architecture.folded,
        "top": list(architecture.top.chain(architecture.classes)),
        "answer": architecture.top.meaning if architecture.classes else "features",
        "params": plan.params,
        "macs": plan.macs,
        "paper_giga_macs": PAPER_GIGA_MACS.get(architecture.name),
    }


def describe_model(model: str) -> dict[str, Any]:
    """Gather what is known of a model: of its weights too, if they are on this machine."""
    from refnet.hub.models import find_any_weights, is_file, outline

    try:
        weights = find_any_weights(model, download=False)
    except WeightsNotFoundError as error:
        if is_file(model):
            raise
        return describe(outline(model).architecture) | {"file": None, "weights": None, "missing": str(error)}
    found = {"file": weight_file(model), "weights": describe_weights(weights)}
    return describe(weights.architecture) | found


def describe_weights(weights: Weights | QuantisedWeights) -> dict[str, Any]:
    """Gather where weights come from, and how they want to be run."""
    origin = weights.provenance
    how = _describe_integers(weights) if isinstance(weights, QuantisedWeights) else {"bn_eps": weights.bn_eps}
    return {
        "publisher": origin.publisher,
        "source": origin.source,
        "source_sha256": origin.source_sha256,
        "averaging": origin.averaging,
        "licence": origin.licence,
        "padding": weights.padding,
        **how,
        "recipe": weights.recipe.name,
        "tensors": len(weights.tensors),
        "digest": weights.digest(),
    }


def _describe_integers(weights: QuantisedWeights) -> dict[str, Any]:
    made = weights.calibration
    done = {"equalised": made.equalised, "bias corrected": made.bias_corrected}
    return {
        "integers": "int8",
        "engine": weights.engine.name,
        "picture": f"{weights.network.plan.height} x {weights.network.plan.width} pixels",
        "calibration": made.method,
        "calibrated_on": f"{made.pictures} pictures, digest {made.pictures_digest}" if made.pictures else "",
        "kernel_scales": f"per {made.per}",
        "options": ", ".join(name for name, was in done.items() if was),
        "quantised_from": made.weights_digest,
    }


def weight_file(model: str) -> str | None:
    """Path of the file that a model's weights are in, or None if they are generated or not on this machine."""
    from refnet.hub.models import find_file

    try:
        path = find_file(model, download=False)
    except WeightsNotFoundError:
        return None
    return None if path is None else str(path)
