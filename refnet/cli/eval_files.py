"""The files of ``refnet eval``: each model's answers, whole or as far as an interrupted run has come."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refnet.errors import InputError

if TYPE_CHECKING:
    from refnet.network import Network
    from refnet.pipeline.journal import Journal


def targets(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Path | None]:
    """The file of each model's answers, if they are to be kept."""
    from refnet.cli import many
    from refnet.pipeline.tables import SUFFIXES

    if options.out is None:
        if options.resume or options.overwrite:
            raise InputError("--resume and --overwrite are about a file: name it with -o FILE")
        return dict.fromkeys(names)
    if options.given is not None:
        raise InputError("--from evaluates answers that are in a file already; leave -o out")
    path = many.target(options.out, SUFFIXES)
    several = {name: path.with_name(f"{path.stem}.{as_part(name)}{path.suffix}") for name in names}
    found: dict[str, Path | None] = {names[0]: path} if len(names) == 1 else {**several}
    for file in filter(None, found.values()):
        many.check_finished(file, options, instead=f", `--from {file}` evaluates it")
    return found


def as_part(name: str) -> str:
    """Make a model's name a part of a file's name.

    Examples
    --------
    >>> as_part("b1@timm-tf:aa"), as_part("my nets/b1.h5")
    ('b1@timm-tf+aa', 'my-nets-b1.h5')
    """
    return re.sub(r"[^\w.@+-]+", "-", name.replace(":", "+"))


def journal(kept: Path, network: Network, name: str, files: Sequence[str], options: argparse.Namespace) -> Journal:
    """Open the journal beside a file of answers; it is of this network, and of all that its answers depend on."""
    from refnet.cli import many
    from refnet.evaluation.metrics import DEPTH
    from refnet.pipeline.journal import Journal

    named = argparse.Namespace(**{**vars(options), "model": name})
    asked = many.asked(network, named, top=DEPTH, **many.folder_of(files))
    return Journal(kept, asked, resume=options.resume, overwrite=options.overwrite)
