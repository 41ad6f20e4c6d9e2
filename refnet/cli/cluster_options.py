"""Options of the commands that can run on many machines, and what is done with them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from refnet.cli import terminal
from refnet.errors import InputError

if TYPE_CHECKING:
    from refnet.cli.many import Pictures
    from refnet.network import Network
    from refnet.pipeline.pipeline import Pipeline


def add(parser: Any, *, data_sets: bool = True) -> None:
    """Add the options; ``data_sets`` says whether the command can write one."""
    group = parser.add_argument_group("many machines")
    says = "run on the Dask cluster with this scheduler: tcp://…, or the file that it wrote"
    if data_sets:
        says += (
            "; a FILE of Parquet is then a folder, or an address such as s3://bucket/found, with a file for each part"
        )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=says,
    )
    if data_sets:
        group.add_argument("--part", type=int, metavar="N", help="pictures in a part (default: 256)")


def check(options: argparse.Namespace) -> None:
    """Refuse what makes no sense together, before any work is done."""
    if options.scheduler is None:
        if vars(options).get("part") is not None:
            raise InputError("--part is about a cluster: name its scheduler with --scheduler ADDRESS")
    elif options.threads is not None:
        raise InputError("--threads is for one machine; on a cluster `dask worker --nthreads N` says it to each worker")


def data_set(name: str | None, options: argparse.Namespace) -> str | None:
    """The folder or address of the data set that a cluster is to write, if it is to write one."""
    check(options)
    if name is None or options.scheduler is None or PurePath(name).suffix.lower() not in ("", ".parquet"):
        if vars(options).get("part") is not None:
            raise InputError("--part is about a data set: name its folder with -o FOLDER")
        return None
    return name


@contextmanager
def pipeline(network: Network, options: argparse.Namespace, at: Iterable[str] | None = None) -> Iterator[Pipeline]:
    """Give what answers for pictures: this machine, or the cluster that the options name."""
    from refnet.pipeline.pipeline import Pipeline

    if options.scheduler is None:
        yield Pipeline(network, at, as_published=options.as_published)
        return
    from refnet.cluster.connect import connected
    from refnet.cluster.job import ClusterPipeline

    with connected(options.scheduler) as client:
        yield ClusterPipeline(network, client, at, as_published=options.as_published)


def write(
    folder: str,
    network: Network,
    pictures: Pictures,
    options: argparse.Namespace,
    *,
    at: Iterable[str] | None = None,
    top: int | None = None,
) -> int:
    """Let the cluster write a data set, and say what it holds."""
    from refnet.cluster.connect import connected
    from refnet.cluster.write import PART, write_items
    from refnet.pipeline.pipeline import Pipeline

    with connected(options.scheduler) as client:
        try:
            summary = write_items(
                client,
                Pipeline(network, at, as_published=options.as_published),
                pictures.items,
                folder,
                top=top,
                part=PART if options.part is None else options.part,
                resume=options.resume,
                overwrite=options.overwrite,
                total=pictures.total,
            )
        except KeyboardInterrupt:
            terminal.say(f"the parts that are done are kept in {folder}; --resume goes on from there")
            raise
    failed = f", {summary.failed:,} failed: the column error says why" if summary.failed else ""
    parts = "1 part" if summary.parts == 1 else f"{summary.parts:,} parts"
    terminal.say(f"{summary.pictures:,} pictures in {parts}{failed}; digest {summary.digest}")
    return 2 if summary.failed else 0
