"""Models by name: a variant, a published set of its weights, generated weights, or a file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from refnet.architecture.padding import Padding
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import Architecture, variant
from refnet.errors import UnknownModelError, WeightsNotFoundError
from refnet.hub import fetch
from refnet.preprocessing.recipe import LITE, TENSORFLOW, Recipe
from refnet.weights import releases, synthetic
from refnet.weights.paths import find
from refnet.weights.reader import read, read_named
from refnet.weights.releases.recipes import find_recipe
from refnet.weights.weights import Provenance, Weights

SYNTHETIC = "@synthetic"
BN_EPS = 1e-3  # of the TensorFlow originals


def find_weights(model: str | os.PathLike[str], *, download: bool = True) -> Weights:
    """Get the weights of a model: a name (``b1``, ``b1@timm-tf``), ``NAME@synthetic``, or the path of an ``.h5`` file.

    Parameters
    ----------
    model
        Which one.
    download
        Whether published weights that are not on this machine are downloaded, see ``refnet.fetch``.

    Raises
    ------
    UnknownModelError
        If it is none of these.
    WeightsNotFoundError
        If there is no weight file of that name and it cannot or shall not be fetched, or none at that path.
    WeightsError
        If the file is damaged, or not what the name says.
    """
    if is_file(model):
        return read(Path(model))
    name = _checked(model)
    if name.endswith(SYNTHETIC):
        return synthetic_weights(name.removesuffix(SYNTHETIC))
    try:
        path = find(name)
    except WeightsNotFoundError:
        if not download:
            raise
        path = fetch.fetch(name)
    return read_named(name, path)


def is_file(model: object) -> bool:
    """Whether a model is the path of a file, not a name."""
    return isinstance(model, os.PathLike) or (isinstance(model, str) and model.endswith(".h5"))


class Outline(NamedTuple):
    """What a model looks like, without its weights."""

    architecture: Architecture
    padding: Padding


def outline(name: str) -> Outline:
    """Find what a model looks like by its name alone.

    A variant is as the paper has it; a release has the classes, the resolution and the padding of its publisher.

    Raises
    ------
    UnknownModelError
        If there is no such model.

    Examples
    --------
    >>> outline("b5@timm:sw").padding, outline("l2").architecture.resolution
    ('symmetric', 800)
    """
    model, at, _ = _checked(name).partition("@")
    if not at or name.endswith(SYNTHETIC):
        return Outline(variant(model), "same")
    from refnet.checkpoints.publishers import PUBLISHERS
    from refnet.weights.releases import publisher_without_set

    release = releases.find(name)
    architecture = variant(model, classes=release.classes)
    coefficients = replace(architecture.coefficients, resolution=release.size)
    return Outline(
        replace(architecture, coefficients=coefficients), PUBLISHERS[publisher_without_set(release.publisher)].padding
    )


def check_request(model: object, *, recipe: str | Recipe | None = None, top: int | None = None) -> None:
    """Tell before a model is fetched what could not be done with it; one that is here tells it itself.

    Parameters
    ----------
    model
        As for ``find_weights``.
    recipe
        Which it shall have, if not its own.
    top
        How many classes it shall give, if any.

    Raises
    ------
    UnknownModelError
        If there is no such model.
    InputError
        If there is no such recipe or it makes pictures too small, there is no classifier, or it has fewer classes.
    """
    from refnet.prediction import forced, ranks

    if is_file(model) or _checked(model).endswith(SYNTHETIC):
        return
    try:
        find(str(model))
    except WeightsNotFoundError:
        architecture = outline(releases.find(str(model)).name).architecture
        if recipe is not None:
            forced(find_recipe(recipe), architecture)
        if top is not None:
            ranks(top, architecture)


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


def _checked(model: object) -> str:
    """A name under which there are weights, published or generated."""
    if not isinstance(model, str):
        raise UnknownModelError(f"a model cannot be {type(model).__name__}; want a name or the path of an .h5 file")
    name, at, _ = model.partition("@")
    if name not in TABLE:
        raise UnknownModelError(
            f"unknown model {model!r}; want one of {', '.join(TABLE)}, one of these with {SYNTHETIC}, "
            "NAME@PUBLISHER (`refnet info --published`), or the path of an .h5 file"
        )
    if at and model != name + SYNTHETIC:
        releases.find(model)
    return model
