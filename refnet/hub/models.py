"""Models by name: a variant, a published set of its weights, generated weights, or a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from refnet.architecture.padding import Padding
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import Architecture, variant, variant_name
from refnet.errors import InputError, WeightsNotFoundError
from refnet.hub import fetch, proof
from refnet.hub.aliases import CHECKPOINTS, SYNTHETIC, canonical
from refnet.preprocessing.recipe import LITE, TENSORFLOW
from refnet.weights import releases, synthetic
from refnet.weights.paths import find
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.reader import read_any, read_named
from refnet.weights.weights import Provenance, Weights

# What is a file by its name, whether it is there or not.
ENDINGS = (".h5", *CHECKPOINTS)
BN_EPS = 1e-3  # of the TensorFlow originals


def find_weights(model: str | os.PathLike[str], *, download: bool = True) -> Weights:
    """Get the weights of a model of real numbers; one of integers is refused.

    ``download`` says whether published ones that are not here may be fetched.
    """
    weights = find_any_weights(model, download=download)
    if isinstance(weights, QuantisedWeights):
        raise InputError(
            f"{os.fspath(model)} is of integers, which this is not for; want the weights that it was made of, "
            f"such as {weights.architecture.name}"
        )
    return weights


def find_any_weights(model: str | os.PathLike[str], *, download: bool = True) -> Weights | QuantisedWeights:
    """As ``find_weights``, of integers too."""
    if is_file(model):
        return _read_file(Path(model))
    name = canonical(model)
    path = find_file(name, download=download)
    if path is None:
        return synthetic_weights(name.removesuffix(SYNTHETIC))
    weights = read_named(name, path)
    proof.tell(name, weights, path)
    return weights


def find_file(model: str | os.PathLike[str], *, download: bool = True) -> Path | None:
    """Find the file that a model's weights are in, None for generated ones; a path is returned as it is."""
    if is_file(model):
        return Path(model)
    name = canonical(model)
    if name.endswith(SYNTHETIC):
        return None
    try:
        return find(name)
    except WeightsNotFoundError:
        if not download:
            raise
        return fetch.fetch(name)


def _read_file(path: Path) -> Weights | QuantisedWeights:
    """Read a weight file; any other is converted first, once."""
    from refnet.hub.converted import convert_once
    from refnet.hub.source_files import is_foreign

    if is_foreign(path):
        return convert_once(path).weights
    if path.suffix != ".h5" and not path.exists():
        raise WeightsNotFoundError(f"{path} does not exist", filename=path)
    return read_any(path)


def is_file(model: object) -> bool:
    """Whether a model is the path of a file or folder, not a name; what names a variant is always a name.

    Examples
    --------
    >>> is_file("mine.keras"), is_file("EfficientNet-B0"), is_file("b0@timm")
    (True, False, False)
    """
    if not isinstance(model, str):
        return isinstance(model, os.PathLike)
    if not model or variant_name(model.partition("@")[0]) is not None:
        return False
    if model.lower().endswith(ENDINGS):
        return True
    try:
        return os.path.lexists(model) or os.path.lexists(f"{model}.index")
    except ValueError:  # a NUL
        return False


def list_models(pattern: str = "*", *, here: bool = False) -> list[str]:
    """List names that ``load`` takes; ``refnet.list_models`` says which."""
    if not isinstance(pattern, str):
        raise InputError(f"a filter cannot be {type(pattern).__name__}; want a pattern, such as b* or *@torchvision:*")
    names = _release_names() if "@" in pattern else iter(TABLE)
    return [name for name in names if fnmatchcase(name, pattern.lower()) and (_is_here(name) or not here)]


def _release_names() -> Iterator[str]:
    """Published sets that can be fetched or are here, in the order of the variants."""
    for name in TABLE:
        for release in releases.published():
            if release.model == name and (release.available or _is_here(release.name)):
                yield release.name


def _is_here(name: str) -> bool:
    try:
        find(name)
    except WeightsNotFoundError:
        return False
    return True


class Outline(NamedTuple):
    """What a model looks like, without its weights."""

    architecture: Architecture
    padding: Padding
    bn_eps: float


def outline(model: str) -> Outline:
    """Find what a model looks like by its name alone: a variant as the paper has it, a release as its publisher does.

    Examples
    --------
    >>> outline("b5@timm:sw").padding, outline("b5@timm:sw").bn_eps, outline("l2").architecture.resolution
    ('symmetric', 1e-05, 800)
    """
    name = canonical(model)
    if "@" not in name or name.endswith(SYNTHETIC):
        return Outline(variant(name.partition("@")[0]), "same", BN_EPS)
    from refnet.checkpoints.publishers import PUBLISHERS
    from refnet.weights.releases import publisher_without_set

    release = releases.find(name)
    architecture = variant(release.model, classes=release.classes)
    coefficients = replace(architecture.coefficients, resolution=release.size)
    publisher = PUBLISHERS[publisher_without_set(release.publisher)]
    return Outline(replace(architecture, coefficients=coefficients), publisher.padding, publisher.bn_eps[release.model])


def synthetic_weights(name: str) -> Weights:
    """Generate weights for a variant; see ``refnet.weights.synthetic``."""
    architecture = variant(name)
    return Weights(
        architecture=architecture,
        padding="same",
        bn_eps=BN_EPS,
        recipe=LITE if architecture.coefficients.lite else TENSORFLOW,
        tensors=synthetic.tensors(architecture),
        labels=None,
        provenance=Provenance(publisher="synthetic"),
    )
