"""A network from what its file computes: the program decides, and the publisher is left what it does not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from refnet.architecture.variants import Architecture
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.graph.graph import Program
from refnet.checkpoints.graph.match import Found, Head, match
from refnet.checkpoints.origin import Origin, find_origin
from refnet.checkpoints.pixel_range import wants_unit
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError, UnknownModelError
from refnet.preprocessing.normalise import to_float32
from refnet.preprocessing.recipe import RECIPES, Recipe
from refnet.weights import releases
from refnet.weights.releases import Release
from refnet.weights.releases.recipes import of_release
from refnet.weights.weights import Provenance, Weights

BY = "its program"
OPEN = "the program ends with the classifier's numbers; --output softmax (or sigmoid) makes probabilities of them"
UNIT = (
    "the model is given pixels of 0 to 255, as its own predict is, though what it does to them suits numbers of 0 to 1"
)


@dataclass(frozen=True)
class Mapped:
    """A network in our terms.

    Attributes
    ----------
    weights
        Without labels.
    by
        What its publisher was recognised by.
    facts
        For the certificate: what was told, and where each tensor comes from.
    """

    weights: Weights
    by: str
    facts: dict[str, object]


def map_program(
    program: Program,
    file: Fingerprint,
    stated: Stated,
    release: Release | None = None,
    candidates: Iterable[Architecture] | None = None,
) -> Mapped:
    """Match a program, and make weights of what it is."""
    head: Head = "none" if stated.head == "none" else "own"
    found = match(program.graph, head=head, candidates=candidates, padding=stated.padding)
    if stated.model not in (None, found.architecture.name):
        raise CheckpointError(f"the network is {found.architecture.name}, not {stated.model}")
    found = _with_output(found, stated)
    if program.publisher is None:
        origin = find_origin(found, file, stated, release)
    else:
        origin = Origin(program.publisher, found.architecture, found.padding, *recipe_of(program.publisher, found), BY)
    weights = Weights(
        architecture=origin.architecture,
        padding=origin.padding,
        bn_eps=found.bn_eps,
        recipe=origin.recipe,
        tensors=found.tensors,
        labels=None,
        provenance=Provenance(
            publisher=release.publisher if release else origin.publisher,
            source=file.name,
            source_sha256=file.sha256,
            averaging="unknown",
            licence=release.licence if release else "",
        ),
    )
    facts: dict[str, object] = {
        "normalisation": "the file's" if found.normalise else "the publisher's",
        "told": [*program.told, *found.told, *origin.told],
        "sources": found.sources,
    }
    return Mapped(weights, origin.by, facts)


def _with_output(found: Found, stated: Stated) -> Found:
    """A program that ends with the classifier's numbers leaves open what they mean: then the caller may say so."""
    architecture = found.architecture
    if not architecture.classes or architecture.top.output != "none" or stated.output == "none":
        return found
    if stated.output is None:
        return replace(found, told=(*found.told, OPEN))
    top = replace(architecture.top, output=stated.output)
    told = f"the program ends with the classifier's numbers; {stated.output} is added as asked"
    return replace(found, architecture=replace(architecture, top=top), told=(*found.told, told))


def recipe_of(publisher: str, found: Found) -> tuple[Recipe, tuple[str, ...]]:
    """How pictures are read by the publisher; what the program itself does to pixels is right about that."""
    recipe = RECIPES.get(publisher) or _published(publisher, found.architecture.name)
    if not found.normalise:
        return recipe, (f"the program does not change pixels: they are taken to be normalised by recipe {recipe.name}",)
    told = (UNIT,) if wants_unit(found.normalise) else ()
    if to_float32(found.normalise) == to_float32(recipe.normalise):
        return recipe, told
    return replace(recipe, name=f"{recipe.name}-own", normalise=found.normalise), told


def _published(publisher: str, model: str) -> Recipe:
    try:
        return of_release(releases.find(f"{model}@{publisher}"))
    except UnknownModelError:
        raise CheckpointError(f"{publisher} did not publish {model}; name another with --publisher") from None
