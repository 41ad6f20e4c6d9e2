"""Quantise a network and write its weight file."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from refnet.errors import InputError
from refnet.files.whole import check_file_target, not_written
from refnet.network.network import Network
from refnet.pipeline.source import Source
from refnet.quantisation.pictures import Pictures
from refnet.quantisation.quantise import Quantised, Settings, check_quantisable, quantise
from refnet.weights.writer import write

LOGGER = logging.getLogger("refnet")
FEW = 10  # pictures that are too few for other ones to be like them


def quantise_to_file(
    network: Network,
    pictures: Source | Pictures,
    out: str | os.PathLike[str] | None = None,
    *,
    count: int | None = None,
    **settings: Any,
) -> tuple[Path, Quantised]:
    """Quantise a network and write it to ``out``, by default ``NAME-int8.h5``; ``refnet.quantise`` says how."""
    Settings(**settings)
    check_quantisable(network)
    target = checked_target(network, out)
    found = pictures if isinstance(pictures, Pictures) else Pictures(pictures, count=count)
    if len(found) < FEW:
        few = "1 picture" if len(found) == 1 else f"{len(found)} pictures"
        LOGGER.warning("calibrated on %s: others may reach farther, and are clipped; want 50 or more", few)
    quantised = quantise(network, found, **settings)
    write(target, quantised.weights)
    return target, quantised


def checked_target(network: Network, out: str | os.PathLike[str] | None) -> Path:
    """Where the file is to be, as far as that can be checked before any work is done."""
    target = check_file_target(f"{network.variant}-int8.h5" if out is None else out, ".h5")
    if out is None and target.exists():
        raise InputError(f"{target} is there already; name the output with -o, which replaces it")
    source = network._file
    with not_written(target):
        own = source is not None and source.path is not None and target.exists() and target.samefile(source.path)
    if own:
        raise InputError(f"{target} is the weight file itself; want another name for that of integers")
    return target
