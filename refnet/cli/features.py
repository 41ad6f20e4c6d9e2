"""``refnet features``: what a network sees in photos, as numbers for another program."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet.cli import cluster_options, picture_options

if TYPE_CHECKING:
    from refnet.pipeline.pipeline import Answer
    from refnet.pipeline.source import Item


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "features",
        help="the numbers that any step gives for photos, in a file",
        description="Run photos through a network and write what a step gives, or several: by default the pooled "
        "features, all that is before the classifier. A photo that cannot be read is reported, and the exit code is 2.",
    )
    picture_options.add(parser)
    parser.add_argument(
        "--at",
        nargs="+",
        default=["pool"],
        metavar="STEP",
        help="steps of `refnet plan`, parts such as stem.conv, or input; one for .npy (default: pool)",
    )
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="FILE",
        help="write .parquet (a row a photo), .h5 (a dataset a step, and names) or .npy (with FILE.names.txt)",
    )
    picture_options.add_resume(parser)
    cluster_options.add(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the features of all photos that can be read."""
    from refnet.cli import many
    from refnet.errors import InputError
    from refnet.pipeline import feature_files
    from refnet.pipeline.pipeline import Pipeline

    request = picture_options.request(options, options.model)
    folder = cluster_options.data_set(options.out, options)
    path = many.target(options.out, feature_files.SUFFIXES) if folder is None else Path(folder)
    steps = list(dict.fromkeys(options.at))
    if path.suffix.lower() == ".npy" and len(steps) > 1:
        raise InputError(f"--at names {len(steps)} steps, and {path} can hold one; write .h5 or .parquet")
    if folder is None:
        beside = [feature_files.names_beside(path)] if path.suffix.lower() == ".npy" else []
        many.check_finished(path, options, *beside)
    pictures = many.Pictures(options.photos, recursive=options.recursive)
    if not pictures.are_there():
        pictures.tell_missing()
        return 2
    network = request.load()
    Pipeline(network, steps)  # says now which steps there are not
    if folder is not None:
        return cluster_options.write(folder, network, pictures, options, at=steps)

    def answers(items: Iterator[Item]) -> Iterator[Answer]:
        with cluster_options.pipeline(network, options, steps) as pipeline:
            yield from pipeline.answers(items)

    kinds = [feature_files.kind_of(network, step) for step in steps]
    about = {"model": options.model, "weights": network.weights.digest(), "recipe": network.recipe.name}
    return many.keep(
        pictures,
        answers,
        many.Tally(network),
        path,
        many.asked(network, options, at=steps, **many.folder_of(options.photos)),
        feature_files.fields,
        lambda records: feature_files.write(path, records, kinds, about=about),
        options,
    )
