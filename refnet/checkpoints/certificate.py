"""The certificate of a conversion: what was read, what became of it, and numbers that can be proven again.

It lies beside the weight file, ``b1.h5`` and ``b1.certificate.json``, as one JSON object of two parts. ``weights``
follows from the weight file alone, so anybody can make it again: ``prove``. ``conversion`` says what was seen when
the source was at hand. Digests of tensors are those of ``refnet.reference.digest``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import refnet_onnx
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.publishers import has_published_names, publisher_of
from refnet.errors import WeightsError
from refnet.files import opening
from refnet.files import strict_json as js
from refnet.reference.digest import digest_of_digests, tensor_digest
from refnet.weights import schema
from refnet.weights.labels import Labels
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.schema import architecture_to_json
from refnet.weights.weights import Weights

VERSION = 1
SUFFIX = ".certificate.json"
MAX_BYTES = 1 << 24


def beside(weight_file: Path) -> Path:
    """Where the certificate of a weight file is.

    Examples
    --------
    >>> beside(Path("b1.h5")).name
    'b1.certificate.json'
    """
    return weight_file.with_name(weight_file.name.removesuffix(".h5") + SUFFIX)


def statement(weights: Weights | QuantisedWeights) -> dict[str, Any]:
    """State all that follows from a weight file, as plain data.

    Per tensor: its key, the publisher's name and shape for it, least and greatest value, how many are subnormal, and
    its digest. All are finite, or there would be no weight file.
    """
    origin, architecture = weights.provenance, weights.architecture
    tensors = _of_integers(weights) if isinstance(weights, QuantisedWeights) else _of_floats(weights)
    subnormals = sum(entry.get("subnormals", 0) for entry in tensors)
    return {
        "model": architecture.name,
        "architecture": json.loads(schema.architecture_to_json(architecture)),
        "classes": architecture.classes,
        "resolution": architecture.resolution,
        "padding": weights.padding,
        **_of_kind(weights),
        **_unusual(architecture),
        "recipe": json.loads(weights.recipe.to_json()),
        "publisher": origin.publisher,
        "source": origin.source,
        "source_sha256": origin.source_sha256,
        "averaging": origin.averaging,
        "licence": origin.licence,
        "labels": _digest_of(weights.labels),
        "digest": digest_of_digests({entry["name"]: entry["digest"] for entry in tensors}),
        "subnormals": subnormals,
        "finite": True,
        "tensors": tensors,
        "dropped": [list(row) for row in origin.dropped],
    }


def _of_floats(weights: Weights) -> list[dict[str, Any]]:
    """Each tensor beside what its publisher calls it."""
    theirs = {pair.ours: pair for pair in _pairs(weights.provenance.publisher, weights.architecture)}
    return [
        {
            "name": key,
            "source": theirs[key].theirs,
            "source_shape": list(theirs[key].their_shape),
            **_numbers(tensor),
        }
        for key, tensor in weights.tensors.items()
    ]


def _of_integers(weights: QuantisedWeights) -> list[dict[str, Any]]:
    return [{"name": key} | _range(tensor) for key, tensor in weights.tensors.items()]


def _of_kind(weights: Weights | QuantisedWeights) -> dict[str, Any]:
    """What only one kind of network has."""
    if isinstance(weights, Weights):
        return {"bn_eps": weights.bn_eps}
    plan = weights.network.plan
    return {"engine": weights.engine.name, "size": [plan.height, plan.width]}


def _unusual(architecture: Architecture) -> dict[str, Any]:
    """What no published network has: a top of its own, batch norms folded away; in a weight file's words."""
    written = json.loads(architecture_to_json(architecture))
    return {key: written[key] for key in ("top", "folded") if key in written}


def _pairs(publisher: str, architecture: Architecture) -> tuple[Pair, ...]:
    """Names by the publisher; refnet's own for a network that the publisher has none for."""
    known = publisher_of(publisher)
    named = known is not None and architecture.name in known.variants and has_published_names(architecture)
    return known.pairs(architecture) if known is not None and named else refnet_onnx.pairs(architecture)


def text(stated: dict[str, Any], conversion: dict[str, Any]) -> str:
    """Write a certificate as JSON in ASCII, from a ``statement`` and what was seen of the source."""
    return _to_json({"certificate": VERSION, "conversion": conversion, "weights": stated})


_CERTIFICATE = js.fields({"certificate": js.whole(), "conversion": js.OBJECT, "weights": js.OBJECT})


def read(path: Path) -> dict[str, Any]:
    """Read a certificate as the plain data that it is; what its two parts say is not looked at."""
    try:
        content: dict[str, Any] = js.read(opening.read_bytes(path, MAX_BYTES), _CERTIFICATE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{path}: cannot read a certificate: {reason}; convert the source again") from None
    if content["certificate"] != VERSION:
        raise WeightsError(f"{path}: a certificate of version {content['certificate']}, not {VERSION}")
    return content


def prove(weight_file: Path, weights: Weights | QuantisedWeights) -> str | None:
    """Make the second part of a certificate again: where it first says something else than the file, or None."""
    content = read(beside(weight_file))
    return _first_difference(content["weights"], json.loads(_to_json(statement(weights))))


def _digest_of(labels: Labels | None) -> str | None:
    """SHA-256 of a label table as text: id, tab and name in each line."""
    if labels is None:
        return None
    table = "".join(f"{label.wnid}\t{label.text}\n" for label in labels)
    return hashlib.sha256(table.encode()).hexdigest()


def _numbers(tensor: npt.NDArray[np.float32]) -> dict[str, Any]:
    magnitude = np.abs(tensor)
    subnormal = (magnitude > 0) & (magnitude < np.finfo(np.float32).smallest_normal)
    return _range(tensor) | {"subnormals": int(np.count_nonzero(subnormal))}


def _range(tensor: npt.NDArray[Any]) -> dict[str, Any]:
    return {
        "shape": list(tensor.shape),
        "min": tensor.min().item(),
        "max": tensor.max().item(),
        "digest": tensor_digest(tensor),
    }


def _to_json(content: dict[str, Any]) -> str:
    """One line for each tensor and each fact: what people compare with diff."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _first_difference(stated: Any, found: Any, where: str = "weights") -> str | None:
    if isinstance(found, dict) and isinstance(stated, dict) and stated.keys() == found.keys():
        parts = [(f"{where}.{key}", stated[key], found[key]) for key in found]
    elif isinstance(found, list) and isinstance(stated, list) and len(stated) == len(found):
        names = [item.get("name", str(n)) if isinstance(item, dict) else str(n) for n, item in enumerate(found)]
        parts = [(f"{where}[{name}]", *both) for name, *both in zip(names, stated, found, strict=True)]
    else:
        same = type(stated) is type(found) and stated == found
        return None if same else f"{where} is {repr(stated)[:60]} there and {repr(found)[:60]} in the weights"
    differences = (_first_difference(left, right, place) for place, left, right in parts)
    return next((difference for difference in differences if difference), None)
