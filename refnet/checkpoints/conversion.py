"""Conversion: a published checkpoint, whatever its format and publisher, to a weight file of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from refnet.architecture.plan import sides
from refnet.architecture.variants import Architecture
from refnet.checkpoints import certificate, checkpoint_file, from_integers, from_program
from refnet.checkpoints.checkpoint_file import Checkpoint, Fingerprint
from refnet.checkpoints.identity import Identity
from refnet.checkpoints.layout import strays
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.recognition import recognise
from refnet.checkpoints.state_dict import StateDict
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.checks import check_recipe
from refnet.errors import CheckpointError, InputError, WeightsError, first_few
from refnet.files.whole import check_file_target, not_written, whole_files
from refnet.preprocessing.by_hand import NOTHING as BY_FILE
from refnet.preprocessing.by_hand import ByHand
from refnet.preprocessing.normalise import Normalisation, to_float32
from refnet.preprocessing.recipe import Recipe
from refnet.weights import releases
from refnet.weights.labels import Labels, imagenet_labels, labels_for, read_labels
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.releases import Release
from refnet.weights.releases.recipes import of_release
from refnet.weights.weights import Provenance, Weights, check_tensors
from refnet.weights.writer import file_bytes

IMAGENET_CLASSES = 1000
BY_THE_FILE = "the file's"  # who says how pixels are normalised, in the certificate
STAGES = ("reading", "mapping", "certifying", "writing")

OnStage = Callable[[str], None]


def convert(
    checkpoint: str | os.PathLike[str],
    stated: Stated = NOTHING,
    *,
    by_hand: ByHand = BY_FILE,
    labels: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    release: Release | None = None,
    on_stage: OnStage = lambda stage: None,
) -> Path:
    """Convert a checkpoint; ``refnet.convert`` says how.

    ``stated`` is what the caller says of it where the file cannot; every reader and every map to our terms gets it, and
    what is not so in the end is refused. ``by_hand`` is what the caller says of the recipe. ``release`` is the
    published file that this is known to be, from where it was fetched. ``on_stage`` is called with each of ``STAGES``
    when it begins.
    """
    path = checked_path("the checkpoint", checkpoint)
    target = None if out is None else _checked_target(checked_path("the output", out), path)
    table = None if labels is None else read_labels(checked_path("the label table", labels))
    on_stage("reading")
    with ThreadPoolExecutor(1) as meanwhile:
        hashing = meanwhile.submit(checkpoint_file.fingerprint, path)
        format_name, content = checkpoint_file.read(path, stated)
        file = hashing.result()
    on_stage("mapping")
    try:
        weights, by, facts = _to_ours(content, stated, file, table, release)
        stated.check_honoured(weights, content.state.found_under)
        if isinstance(weights, Weights):
            check_tensors(weights)
        facts = _facts_of_source(format_name, file, content, by) | facts | _said(by_hand)
        weights = _prepared(weights, by_hand, is_certain=facts["normalisation"] == BY_THE_FILE)
    except CheckpointError as error:
        raise error.about(path) from None
    except WeightsError as error:
        raise error.saying(f"{path}: {error}") from None
    if target is None:
        target = _checked_target(Path(f"{weights.architecture.name}.h5"), path)
        if target.exists():
            raise InputError(f"{target} is there already; name the output with -o, which replaces it")
    on_stage("certifying")
    statement = certificate.statement(weights)
    text = certificate.text(statement, facts | {"labels": _whose(weights.labels, table, content.card.labels)})
    on_stage("writing")
    del content  # the source's own tensors, as large as all that is to be written
    _write(target, weights, text, statement["digest"])
    return target


def checked_path(what: str, value: Any) -> Path:
    """Take a path as Python's own functions do, but for bytes."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not (isinstance(path, str) and path and "\0" not in path):
        raise InputError(f"{what} cannot be {value!r}; want the path of a file")
    return Path(path)


def _write(target: Path, weights: Weights | QuantisedWeights, text: str, digest: str) -> None:
    """Write the weight file and its certificate: both, or neither."""
    try:
        content = file_bytes(weights, tensors_digest=digest)
        with whole_files(certificate.beside(target), target) as (certified, written):
            certified.write_text(text, "ascii", newline="\n")
            written.write_bytes(content)
    except WeightsError as error:
        raise error.saying(f"{target} not written: {error}") from error
    except OSError as error:
        raise WeightsError(f"{target} not written: {error.strerror or error}") from None


def _checked_target(target: Path, checkpoint: Path) -> Path:
    """Check what can be checked of the output before any work is done."""
    if target.suffix != ".h5":
        raise InputError(f"{target}: want a name that ends in .h5")
    with not_written(target):
        for written in (target, certificate.beside(target)):
            check_file_target(written)
            if written.exists() and checkpoint.exists() and written.samefile(checkpoint):
                raise InputError(f"{written} is the checkpoint itself; want another name for the weight file")
    return target


def _restore_own_export(content: Checkpoint, stated: Stated, table: Labels | None) -> tuple[Weights, str] | None:
    """What refnet exported itself, which says all but the labels."""
    weights = content.exported
    if weights is None:
        return None
    name, origin = weights.architecture.name, weights.provenance.publisher
    if stated.model not in (None, name):
        raise CheckpointError(f"the tensors are those of {name}, not of {stated.model}")
    if stated.publisher not in (None, origin, releases.publisher_without_set(origin)):
        raise CheckpointError(f"exported from weights of {origin}, not of {stated.publisher}")
    return replace(weights, labels=_labels(table, weights.architecture.classes)), "refnet's own export"


def _to_ours(
    content: Checkpoint, stated: Stated, file: Fingerprint, table: Labels | None, release: Release | None
) -> tuple[Weights | QuantisedWeights, str, dict[str, object]]:
    """A file's network in our terms, what its publisher was recognised by, and what else there is to say of it."""
    own = _restore_own_export(content, stated, table)
    if own is not None:
        return (*own, {})
    if content.integers is not None:
        found = from_integers.map_integers(content.integers, file, stated, release)
        labels = _labels(table, found.weights.architecture.classes)
        return replace(found.weights, labels=labels), found.by, found.facts
    if content.program is not None:
        mapped = from_program.map_program(content.program, file, stated, release)
        labels = _labels(table, mapped.weights.architecture.classes)
        return replace(mapped.weights, labels=labels), mapped.by, mapped.facts
    identity, state = recognise(file, content.state, stated, release, content.card)
    weights, by = _map_to_ours(replace(content, state=state), identity, file, table)
    told = [*content.card.in_words, *state.told, *_left_out(state), *_assumed(weights, stated, content, identity)]
    if stated.padding not in (None, weights.padding) and not identity.is_release and content.card.padding is None:
        told.append(f"padding {stated.padding} as stated, where {identity.base} has {weights.padding}")
        weights = replace(weights, padding=stated.padding)
    return weights, by, {"told": told}


def _left_out(state: StateDict) -> list[str]:
    """What was left out by its name alone, so that whoever means something else by the name reads it."""
    by_name: dict[str, list[str]] = {}
    for name, reason in state.dropped:
        if reason in strays.BY_NAME:
            by_name.setdefault(reason, []).append(name)
    return [f"left out: {first_few(names, by=', ')}, {reason}" for reason, names in by_name.items()]


# Who has networks whose zeros do not follow the picture's size, and how one gets them.
_PAD_FOR_ONE_SIZE = {"lukemelas": "one image_size (from_name does so by default)", "keras": "any size (None)"}


def _assumed(weights: Weights, stated: Stated, content: Checkpoint, identity: Identity) -> list[str]:
    """What is taken for granted of a network's top, where its file has tensors alone and is nobody's published one."""
    top, said = weights.architecture.top, content.card
    if identity.is_release:
        return []
    taken = {
        "pooling": None if stated.pooling or said.pooling or top.pooling != "mean" else top.pooling,
        "output": None if stated.output or said.output or not weights.architecture.classes else top.output,
    }
    told = [
        f"the file does not say the {what}: {value} is taken, as usual; --{what} says otherwise"
        for what, value in taken.items()
        if value
    ]
    if identity.base in _PAD_FOR_ONE_SIZE and stated.padding is None and said.padding is None:
        told.append(
            f"the file does not say the padding: {weights.padding} is taken; a network made for "
            f"{_PAD_FOR_ONE_SIZE[identity.base]} pads as for one size whatever comes, --padding same@224 or another"
        )
    return told


def _map_to_ours(
    content: Checkpoint, identity: Identity, file: Fingerprint, table: Labels | None
) -> tuple[Weights, str]:
    """Another publisher's tensors in our terms, and what the publisher was recognised by."""
    state, card = content.state, content.card
    publisher, architecture = PUBLISHERS[identity.base], identity.architecture
    if card.pictures.size is not None:
        coefficients = replace(architecture.coefficients, resolution=card.pictures.size)
        architecture = replace(architecture, coefficients=coefficients)
    converted = publisher.to_ours(state.tensors, architecture)
    averaging = state.averaging
    if averaging == "unknown" and identity.is_release:
        averaging = identity.release.averaging
    weights = Weights(
        architecture=architecture,
        padding=card.padding or publisher.padding,
        bn_eps=publisher.bn_eps[architecture.name] if card.bn_eps is None else card.bn_eps,
        recipe=card.pictures.apply(_recipe(identity.release, content.normalise)),
        tensors=converted.tensors,
        labels=_labels(table if table is not None else _fitting(card.labels, architecture), architecture.classes),
        provenance=Provenance(
            publisher=identity.publisher,
            source=file.name,
            source_sha256=file.sha256,
            averaging=averaging,
            licence=identity.release.licence if identity.is_release else "",
            dropped=state.dropped + converted.dropped,
        ),
    )
    return weights, identity.by


def _recipe(release: Release, normalise: Normalisation | None) -> Recipe:
    """The recipe of a release; but a file that says itself how pixels are normalised is right about it."""
    recipe = of_release(release)
    if normalise is None or to_float32(normalise) == to_float32(recipe.normalise):
        return recipe
    return replace(recipe, name=f"{recipe.name}-own", normalise=normalise)


def _prepared(weights: Weights | QuantisedWeights, by_hand: ByHand, *, is_certain: bool) -> Weights | QuantisedWeights:
    """Change the size and the recipe as the caller says; a file that is certain how pixels are normalised is right."""
    recipe = by_hand.apply(weights.recipe)
    if is_certain and to_float32(recipe.normalise) != to_float32(weights.recipe.normalise):
        raise CheckpointError(
            "the file says itself how pixels are normalised, and not by this mean and std; convert it without --mean "
            "and --std, or give them to `refnet predict`"
        )
    if isinstance(weights, QuantisedWeights):
        return _prepared_integers(weights, by_hand, recipe)
    height, width = by_hand.sides or (weights.architecture.resolution,) * 2
    if height != width:
        raise InputError(
            f"size {height}x{width}: a weight file states one side; convert it for a square, and give the size to "
            "`refnet predict --size`"
        )
    coefficients = replace(weights.architecture.coefficients, resolution=sides(height)[0])
    architecture = replace(weights.architecture, coefficients=coefficients)
    if by_hand.given:
        check_recipe(recipe, architecture)
    return replace(weights, architecture=architecture, recipe=recipe)


def _prepared_integers(weights: QuantisedWeights, by_hand: ByHand, recipe: Recipe) -> QuantisedWeights:
    """Change the recipe; the size is the file's."""
    plan = weights.network.plan
    own = plan.height, plan.width
    if by_hand.sides not in (None, own):
        raise InputError(
            f"size {'x'.join(map(str, by_hand.sides or own))}: the file is for {own[0]}x{own[1]}; convert it for that, "
            "and give the size to `refnet predict --size`"
        )
    if by_hand.given:
        check_recipe(recipe, plan.architecture, own)
    return replace(weights, recipe=recipe)


def _said(by_hand: ByHand) -> dict[str, object]:
    """What the caller said of the recipe, for the certificate."""
    return {"recipe_by_hand": by_hand.given} if by_hand.given else {}


def _fitting(labels: Labels | None, architecture: Architecture) -> Labels | None:
    """The names in a configuration, for as many classes as the network has."""
    if labels is not None and architecture.classes and len(labels) != architecture.classes:
        raise CheckpointError(
            f"the file or its configuration names {len(labels)} classes, the network has {architecture.classes}; "
            "--labels gives others"
        )
    return labels if architecture.classes else None


def _labels(table: Labels | None, classes: int) -> Labels | None:
    """The given table; without one ImageNet's, if it fits."""
    if table is not None:
        return labels_for(table, classes)
    return labels_for(imagenet_labels(), classes) if classes in (IMAGENET_CLASSES, IMAGENET_CLASSES + 1) else None


def _whose(labels: Labels | None, given: Labels | None, configured: Labels | None) -> str:
    """Where the names of the classes are from; a network of as many classes as ImageNet may have others."""
    if labels is not None and (given is not None or configured is not None):
        return "the given table" if given is not None else "the configuration's"
    return "none" if labels is None else "ImageNet's, by the number of classes; others go with --labels"


def _facts_of_source(format_name: str, file: Fingerprint, content: Checkpoint, by: str) -> dict[str, object]:
    """What was seen of the source and cannot be seen in the weight file."""
    return {
        "file": file.name,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "md5": file.md5,
        "format": format_name,
        "recognised_by": by,
        "normalisation": "the publisher's" if content.normalise is None else BY_THE_FILE,
        "state_dict": content.state.found_under,
        "prefix": content.state.prefix,
        "widened": list(content.state.widened),
    }
