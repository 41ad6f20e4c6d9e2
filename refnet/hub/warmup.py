"""Warming up: everything compiled and checked before it is needed, as when a container image is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refnet.checks import float_dtype
from refnet.errors import InputError
from refnet.hub.models import find_any_weights
from refnet.kernels.compilation import keep_on_disk
from refnet.kernels.units import INTEGERS, PICTURES, run_unit
from refnet.network.restore import make_network
from refnet.weights.quantised import QuantisedWeights

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Warm:
    """Kernels that are compiled and on disk.

    Attributes
    ----------
    dtype
        What they compute in: ``float32``, ``float64`` or ``int8``.
    seconds
        How long compiling them took; None if they were there already.
    directory
        Where they are.
    title
        What they do: ``float32 kernels`` run networks, and there are ``kernels that prepare pictures``.
    """

    dtype: str
    seconds: float | None
    directory: Path
    title: str


def warm_up(
    models: Sequence[str | os.PathLike[str]], dtype: npt.DTypeLike | None, cache: str | os.PathLike[str] | None
) -> list[Warm]:
    """Do what ``refnet.warmup`` promises; what is wrong comes out before anything is compiled, if it can."""
    dtypes = [float_dtype(name) for name in (DTYPES if dtype is None else [dtype])]
    directory = None if cache is None else _directory(cache)
    # And forget them: all at once would take much memory.
    of_integers = [isinstance(find_any_weights(model), QuantisedWeights) for model in models]
    of_floats = not all(of_integers) or not models
    units = [*(map(run_unit, dtypes) if of_floats else ()), *([INTEGERS] if any(of_integers) else ()), PICTURES]
    kernels = [Warm(unit.dtype, *keep_on_disk(unit, directory), unit.title) for unit in units]
    for model, is_quantised in zip(models, of_integers, strict=True):
        for wanted in dtypes[:1] if is_quantised else dtypes:
            network = make_network(find_any_weights(model), dtype=np.dtype(np.float32) if is_quantised else wanted)
            grey = np.full((network.plan.height, network.plan.width, 3), 128, np.uint8)
            network.features(network.preprocess(grey), at=network.plan.outputs)
    return kernels


def _directory(cache: str | os.PathLike[str]) -> Path:
    """Check what can be checked without making anything."""
    name = os.fspath(cache) if isinstance(cache, str | os.PathLike) else None
    if not isinstance(name, str) or "\0" in name:
        raise InputError(f"cache={cache!r}: want the name of a directory")
    path = Path(name).absolute()
    if not name or (path.exists() and not path.is_dir()):
        raise InputError(f"{name or 'an empty name'}: not a directory; compiled kernels want one that can be written")
    return path
