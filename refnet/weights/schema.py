"""The canonical weight file of real numbers, apart from how HDF5 holds it.

Version 1; ``quantised_schema`` has version 2, which is of integers. A file has these and nothing else:

dataset ``<weight key>``
    One for each weight of the plan, at its key: ``block1a/depthwise/kernel``. ``<f4``, contiguous, of the
    plan's shape: kernels HWIO, depthwise HWC, dense CK, vectors K.
datasets ``labels/wnid`` and ``labels/text``
    Optional: id and text of each class, in the order of the logits.
datasets ``dropped/name`` and ``dropped/reason``
    Optional: tensors of the source file that were left out, and why.
attributes of the root
    The table ``ATTRIBUTES`` below.

Every text is a fixed-length UTF-8 string padded with NUL. Nothing depends on the clock, the machine or the
version of refnet.

``tensors_digest`` is ``refnet.reference.digest.tensors_digest`` of all weights: two files of the same tensors have
the same one. ``metadata_digest`` covers the rest: SHA-256 of one JSON object in ASCII, keys sorted, no white
space between, with every other attribute under its name and every table under its path as a list of strings.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple, get_args

from refnet.architecture.padding import MAX_SIDE, Padding, size_of
from refnet.architecture.scaling import Coefficients
from refnet.architecture.top import PUBLISHED_TOP, Top, TopLayer
from refnet.architecture.variants import IMAGE_CHANNELS, Architecture, efficientnet
from refnet.checks import MAX_CLASSES
from refnet.errors import InputError, RefnetError, WeightsError
from refnet.files import strict_json
from refnet.preprocessing.recipe import Recipe
from refnet.weights.labels import Labels
from refnet.weights.releases.release import Averaging
from refnet.weights.weights import Provenance, Tensors, Weights

SCHEMA_VERSION = 1

ATTRIBUTES: dict[str, type] = {
    "schema": int,  # version of this page
    "architecture": str,  # JSON: name, width, depth, resolution, dropout, lite, classes (0: no classifier); see below
    "padding": str,  # same, symmetric, or same@SIZE
    "bn_eps": float,  # added to every variance of the convolutions' batch norms
    "recipe": str,  # JSON: how a picture becomes the network's input, the fields of refnet.preprocessing.recipe.Recipe
    "publisher": str,
    "source": str,  # name of the published file
    "source_sha256": str,
    "averaging": str,  # ema, raw or unknown: which copy of the weights was taken
    "licence": str,
    "tensors_digest": str,
    "metadata_digest": str,
}
ORIGIN = ("publisher", "source", "source_sha256", "averaging", "licence")
LABELS = ("labels/wnid", "labels/text")
DROPPED = ("dropped/name", "dropped/reason")
TABLES = LABELS + DROPPED

# Of the JSON of an architecture. Three more, only where they are not the usual ones: "top", the fields of
# refnet.architecture.top.Top with its layers as objects of TopLayer's fields, "folded": true, and the
# input's "channels".
ARCHITECTURE: dict[str, type] = {
    "name": str,
    "width": float,
    "depth": float,
    "resolution": int,
    "dropout": float,
    "lite": bool,
    "classes": int,
}

# Far beyond any network of use, small enough to be judged in no time.
MAX_FACTOR = 64
MAX_CHANNELS = 1 << 12  # of an input
MAX_TEXT = 4096  # bytes of an attribute or of one entry of a table
MAX_ROWS = 1 << 20

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
SHA256 = re.compile(r"([0-9a-f]{64})?")


class Metadata(NamedTuple):
    """All of a weight file but its weights: root attributes by name, tables of text by path."""

    attributes: dict[str, Any]
    tables: dict[str, tuple[str, ...]]

    def digest(self) -> str:
        """Digest over everything in the metadata but the two digests."""
        content = {name: value for name, value in self.attributes.items() if not name.endswith("_digest")}
        text = json.dumps({**content, **self.tables}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def to_metadata(weights: Weights) -> Metadata:
    """Write down everything but the tensors and the digests, if it could be read back."""
    metadata = Metadata(
        attributes={
            "schema": SCHEMA_VERSION,
            "architecture": architecture_to_json(weights.architecture),
            "padding": weights.padding,
            "bn_eps": float(weights.bn_eps),
            "recipe": weights.recipe.to_json(),
            **origin_to_attributes(weights.provenance),
        },
        tables=to_tables(weights.labels, weights.provenance),
    )
    if from_metadata(metadata, weights.tensors).architecture != weights.architecture:
        raise WeightsError(f"{weights.architecture.name}: a file cannot state blocks its coefficients do not build")
    return metadata


def from_metadata(metadata: Metadata, tensors: Tensors) -> Weights:
    """Read everything but the tensors, believing nothing."""
    check_texts(metadata, ATTRIBUTES)
    stated = metadata.attributes
    origin = parse_origin(metadata)
    padding = parse_padding(stated["padding"])
    if not 0 <= stated["bn_eps"] < 1:
        raise WeightsError(f"bn_eps is {stated['bn_eps']}, not a number from 0 to below 1")
    architecture = parse_architecture(stated["architecture"])
    return Weights(
        architecture=architecture,
        padding=padding,
        bn_eps=stated["bn_eps"],
        recipe=Recipe.from_json(stated["recipe"]),
        tensors=tensors,
        labels=parse_labels(metadata, architecture),
        provenance=origin,
    )


def origin_to_attributes(origin: Provenance) -> dict[str, str]:
    """Write down where weights come from, all but what was dropped."""
    return {
        "publisher": origin.publisher,
        "source": origin.source,
        "source_sha256": origin.source_sha256,
        "averaging": origin.averaging,
        "licence": origin.licence,
    }


def to_tables(labels: Labels | None, origin: Provenance) -> dict[str, tuple[str, ...]]:
    """Write down the names of the classes, if known, and what was dropped, if anything was."""
    tables: dict[str, tuple[str, ...]] = {}
    if labels is not None:
        tables.update(zip(LABELS, (labels.wnids, labels.texts), strict=True))
    if origin.dropped:
        tables.update(zip(DROPPED, zip(*origin.dropped, strict=True), strict=True))
    return tables


def parse_origin(metadata: Metadata) -> Provenance:
    """Read where weights come from."""
    stated = metadata.attributes
    if stated["averaging"] not in get_args(Averaging):
        raise WeightsError(f"averaging is {stated['averaging'][:80]!r}, not one of {', '.join(get_args(Averaging))}")
    if not SHA256.fullmatch(stated["source_sha256"]):
        raise WeightsError(f"source_sha256 is {stated['source_sha256'][:80]!r}, not 64 hexadecimal digits")
    return Provenance(**{name: stated[name] for name in ORIGIN}, dropped=_parse_dropped(metadata))


def parse_padding(text: str) -> Padding:
    """Read a padding rule."""
    try:
        size_of(text)
    except InputError as error:
        raise WeightsError(str(error)) from None
    return text


def parse_architecture(text: str) -> Architecture:
    """Build the architecture that a file states, if its coefficients are of this world; else nothing is built.

    Examples
    --------
    >>> net = parse_architecture(
    ...     '{"name": "tiny", "width": 0.1, "depth": 0.1, "resolution": 32, "dropout": 0.2, "lite": true,'
    ...     ' "classes": 10}'
    ... )
    >>> len(net.blocks), net.classes
    (7, 10)
    """
    try:
        stated = strict_json.parse(text)
    except ValueError as error:
        raise WeightsError(f"architecture is not JSON: {error}") from None
    if not isinstance(stated, dict) or set(stated) - {"top", "folded", "channels"} != set(ARCHITECTURE):
        raise WeightsError(f"architecture must be a JSON object of {', '.join(ARCHITECTURE)}")
    top = _parse_top(stated.pop("top", {}))
    folded = stated.pop("folded", False)
    channels = stated.pop("channels", IMAGE_CHANNELS)
    if type(channels) is not int or not 1 <= channels <= MAX_CHANNELS:
        raise WeightsError(
            f"architecture: channels is {str(channels)[:40]}, not a whole number from 1 to {MAX_CHANNELS}"
        )
    if type(folded) is not bool:
        raise WeightsError(f"architecture: folded is {str(folded)[:40]}, not true or false")
    wrong = [key for key in ARCHITECTURE if not _possible(key, stated[key])]
    if wrong:
        values = ", ".join(f"{key} = {str(stated[key])[:40]}" for key in wrong)
        raise WeightsError(f"architecture has values that no network has: {values}")
    name, classes = stated.pop("name"), stated.pop("classes")
    return replace(
        efficientnet(Coefficients(**stated), name=name, classes=classes), top=top, folded=folded, channels=channels
    )


def _parse_top(stated: Any) -> Top:
    """Read what follows the last convolution; what is left out is as usual."""
    try:
        layers = tuple(TopLayer(**_typed(layer, _LAYER)) for layer in _typed(stated, _TOP).pop("layers", []))
        return Top(**{**stated, "layers": layers})
    except (InputError, TypeError) as error:
        raise WeightsError(f"architecture: top: {error}") from None


_TOP: dict[str, tuple[type, ...]] = {
    "pooling": (str,),
    "layers": (list,),
    "temperature": (float, int),
    "output": (str,),
}
_LAYER: dict[str, tuple[type, ...]] = {"kind": (str,), "units": (int,), "activation": (str,), "eps": (float, int)}


def _typed(stated: Any, types: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """A copy of an object with no fields but these, of these types."""
    if not isinstance(stated, dict):
        raise InputError(f"{str(stated)[:40]} is not an object")
    for key, value in stated.items():
        if key not in types or type(value) not in types[key]:
            raise InputError(f"{key[:40]!r} is {str(value)[:40]!r}; want {', '.join(types)}")
    return dict(stated)


def _possible(key: str, value: Any) -> bool:
    kind = ARCHITECTURE[key]
    if type(value) not in ((float, int) if kind is float else (kind,)):
        return False
    if key == "name":
        return NAME.fullmatch(value) is not None
    bounds = {"resolution": MAX_SIDE, "width": MAX_FACTOR, "depth": MAX_FACTOR}
    if key in bounds:
        return bool(0 < value <= bounds[key])
    return bool(0 <= value <= (MAX_CLASSES if key == "classes" else 1))  # dropout, and lite as well


def architecture_to_json(architecture: Architecture) -> str:
    """Write down what ``parse_architecture`` reads."""
    coefs = architecture.coefficients
    unusual: dict[str, Any] = {}
    if architecture.top != PUBLISHED_TOP:
        unusual["top"] = _without_defaults(architecture.top)
        unusual["top"]["layers"] = [_without_defaults(layer) for layer in architecture.top.layers]
    if architecture.folded:
        unusual["folded"] = True
    if architecture.channels != IMAGE_CHANNELS:
        unusual["channels"] = architecture.channels
    return json.dumps({
        "name": architecture.name,
        "width": float(coefs.width),
        "depth": float(coefs.depth),
        "resolution": coefs.resolution,
        "dropout": float(coefs.dropout),
        "lite": coefs.lite,
        "classes": architecture.classes,
        **unusual,
    })  # fmt: skip


def _without_defaults(stated: Top | TopLayer) -> dict[str, Any]:
    """The fields that say something."""
    return {each.name: value for each in fields(stated) if (value := getattr(stated, each.name)) != each.default}


def parse_labels(metadata: Metadata, architecture: Architecture) -> Labels | None:
    """Read the names of the classes, if there are any: one each."""
    columns = [metadata.tables[path] for path in LABELS if path in metadata.tables]
    if not columns:
        return None
    if [len(column) for column in columns] != [architecture.classes] * 2:
        raise WeightsError(f"labels/wnid and labels/text must both have {architecture.classes} rows, one a class")
    try:
        return Labels(*columns)
    except RefnetError as error:
        raise WeightsError(f"labels: {error}") from error


def _parse_dropped(metadata: Metadata) -> tuple[tuple[str, str], ...]:
    names, reasons = (metadata.tables.get(path, ()) for path in DROPPED)
    if len(names) != len(reasons):
        raise WeightsError(f"{len(names)} rows in dropped/name but {len(reasons)} in dropped/reason")
    return tuple(zip(names, reasons, strict=True))


def check_texts(metadata: Metadata, attributes: Mapping[str, type]) -> None:
    """Refuse texts that are not for people to read, or far too long."""
    texts = [(name, value) for name, value in metadata.attributes.items() if attributes[name] is str]
    texts += [(path, row) for path, rows in metadata.tables.items() for row in rows]
    for name, text in texts:
        if not (text.isprintable() and len(text.encode()) <= MAX_TEXT):
            raise WeightsError(f"{name} must be printable and at most {MAX_TEXT} bytes long, not {text[:80]!r}")
