"""Conversion: a published checkpoint, whatever its format and publisher, to a weight file of ours, and back."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from refnet import store
from refnet.checkpoints import certificate, source
from refnet.checkpoints.identity import identify
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.source import Fingerprint, Source
from refnet.checkpoints.state_dict import StateDict
from refnet.errors import CheckpointError, InputError
from refnet.labels import Labels, imagenet_labels, labels_for, read_labels
from refnet.normalise import NORMALISATIONS, Operations, rounded
from refnet.recipe import RECIPES, Recipe
from refnet.releases import Release
from refnet.store import Provenance, Weights
from refnet.whole_file import whole_file

IMAGENET_CLASSES = 1000
STAGES = ("reading", "mapping", "writing", "certifying")

Tell = Callable[[str], None]


def convert(
    checkpoint: str | os.PathLike[str],
    *,
    model: str | None = None,
    publisher: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    tell: Tell = lambda stage: None,
) -> Path:
    """Convert a checkpoint; :func:`refnet.convert` says how.

    ``tell`` is called with each of :data:`STAGES` when it begins.
    """
    path = Path(checkpoint)
    target = None if out is None else _target(Path(out), path)
    table = None if labels is None else read_labels(Path(labels))
    tell("reading")
    with ThreadPoolExecutor(1) as beside:
        hashing = beside.submit(source.fingerprint, path)
        format_name, content = source.read(path)
        file = hashing.result()
    tell("mapping")
    try:
        weights, by = _restored(content, table) or _mapped(file, content, publisher, model, table)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if target is None:
        target = _target(Path(f"{weights.architecture.name}.h5"), path)
        if target.exists():
            raise InputError(f"{target} is there already; name the output with -o, which replaces it")
    tell("writing")
    store.write(target, weights)
    tell("certifying")
    certificate.write(target, weights, _conversion(format_name, file, content.state, by))
    return target


def invert(weight_file: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Write the tensors of a weight file under its publisher's names and in its order of axes.

    What the conversion dropped stays dropped.

    Parameters
    ----------
    weight_file
        A file that :func:`convert` made.
    out
        Where to: ``.npz`` or ``.safetensors``.

    Raises
    ------
    RefnetError
        If it is no weight file, its publisher is unknown, or the output cannot be written.
    """
    target = Path(out)
    if target.suffix not in (".npz", ".safetensors"):
        raise InputError(f"{target}: want a name that ends in .npz or .safetensors")
    weights = store.read(Path(weight_file))
    origin = weights.provenance
    publisher = PUBLISHERS.get(origin.publisher.partition(":")[0])
    if publisher is None:
        raise InputError(f"{weight_file}: {origin.publisher!r} is no publisher whose names are known")
    theirs = publisher.to_theirs(weights.tensors, weights.architecture, origin.averaging)
    try:
        with whole_file(target) as unfinished:
            if target.suffix == ".npz":
                with unfinished.open("xb") as file:
                    np.savez(file, allow_pickle=False, **theirs)
            else:
                from safetensors.numpy import save_file

                save_file(theirs, unfinished)
    except OSError as error:
        raise InputError(f"{target} not written: {error.strerror or error}") from None
    return target


def _target(target: Path, checkpoint: Path) -> Path:
    """Check what can be checked of the output before any work is done."""
    if target.suffix != ".h5":
        raise InputError(f"{target}: want a name that ends in .h5")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target}: there is no folder {target.absolute().parent}")
    if target.exists() and checkpoint.exists() and target.samefile(checkpoint):
        raise InputError(f"{target} is the checkpoint itself; want another name for the weight file")
    return target


def _restored(content: Source, table: Labels | None) -> tuple[Weights, str] | None:
    """What refnet exported itself, which says all but the labels."""
    if content.exported is None:
        return None
    labels = _labels(table, content.exported.architecture.classes)
    return replace(content.exported, labels=labels), "refnet's own export"


def _mapped(
    file: Fingerprint, content: Source, stated: str | None, model: str | None, table: Labels | None
) -> tuple[Weights, str]:
    """Another publisher's tensors in our terms, and what the publisher was recognised by."""
    state = content.state
    identity = identify(file, state, publisher=stated, model=model)
    publisher, architecture = PUBLISHERS[identity.base], identity.architecture
    converted = publisher.to_ours(state.tensors, architecture)
    averaging = state.averaging
    if averaging == "unknown" and identity.is_release:
        averaging = identity.release.averaging
    weights = Weights(
        architecture=architecture,
        padding=publisher.padding,
        bn_eps=publisher.bn_eps[architecture.name],
        recipe=_recipe(identity.release, content.normalise),
        tensors=converted.tensors,
        labels=_labels(table, architecture.classes),
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


def _recipe(release: Release, normalise: Operations | None) -> Recipe:
    """The recipe of a release, under the name that people know it by, if it has one.

    A file that says itself how pixels are normalised is right about it.
    """
    stated = release.recipe
    own_name = release.publisher.replace(":", "-")
    published = NORMALISATIONS[stated.normalise]
    if normalise is not None and rounded(normalise) != rounded(published):
        return Recipe(f"{own_name}-own", stated.crop, stated.amount, stated.resize, normalise)
    recipe = Recipe(own_name, stated.crop, stated.amount, stated.resize, published)
    return next((known for known in RECIPES.values() if replace(known, name=own_name) == recipe), recipe)


def _labels(table: Labels | None, classes: int) -> Labels | None:
    """The given table; without one ImageNet's, if it fits."""
    if table is not None:
        return labels_for(table, classes)
    return labels_for(imagenet_labels(), classes) if classes in (IMAGENET_CLASSES, IMAGENET_CLASSES + 1) else None


def _conversion(format_name: str, file: Fingerprint, state: StateDict, by: str) -> dict[str, object]:
    """What was seen of the source and cannot be seen in the weight file."""
    return {
        "format": format_name,
        "bytes": file.bytes,
        "md5": file.md5,
        "recognised_by": by,
        "state_dict": state.taken,
        "prefix": state.prefix,
        "widened": list(state.widened),
    }
