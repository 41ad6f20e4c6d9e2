"""Inversion: a weight file's tensors under their publisher's names and in its order of axes again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from refnet.checkpoints.conversion import checked_path
from refnet.checkpoints.publishers import has_published_names, publisher_of
from refnet.errors import InputError
from refnet.files.whole import check_file_target, not_written, whole_file
from refnet.weights import reader

SUFFIXES = (".npz", ".safetensors")


def invert(weight_file: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Undo a conversion, to the source's bits.

    What was dropped stays dropped, a prefix stays off, 16-bit floats stay float32; the certificate names them.
    """
    target = checked_path("the output", out)
    if target.suffix not in SUFFIXES:
        raise InputError(f"{target}: want a name that ends in {' or '.join(SUFFIXES)}")
    check_file_target(target)
    weights = reader.read(checked_path("the weight file", weight_file))
    origin = weights.provenance
    publisher = publisher_of(origin.publisher)
    if publisher is None:
        raise InputError(f"{weight_file}: {origin.publisher!r} is no publisher whose names are known")
    if weights.architecture.folded or weights.bn_eps == 0:
        raise InputError(
            f"{weight_file}: its batch norms came folded, and {origin.publisher} has no names for what is left"
        )
    if not has_published_names(weights.architecture) or weights.architecture.name not in publisher.variants:
        raise InputError(f"{weight_file}: its top is its author's own, which {origin.publisher} has no names for")
    theirs: dict[str, Any] = publisher.to_theirs(weights.tensors, weights.architecture, origin.averaging)
    with not_written(target), whole_file(target) as unfinished, unfinished.open("xb") as file:
        if target.suffix == ".npz":
            np.savez(file, **theirs)
        else:
            file.write(safetensors.numpy.save(theirs))
    return target
