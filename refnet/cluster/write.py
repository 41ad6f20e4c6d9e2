"""Write: the workers of a Dask cluster fill a data set with what they find of many pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from refnet import progress
from refnet.checks import check_top, whole_number
from refnet.cluster.connect import check_client
from refnet.cluster.data_set import DataSet, Summary, part_name
from refnet.cluster.folder import Folder, writing
from refnet.cluster.job import MAX_PART, Job
from refnet.cluster.part import Asked, Part, answers, find, share_out
from refnet.cluster.sent import Lacking, describe
from refnet.cluster.table import Note, parquet
from refnet.cluster.versions import versions
from refnet.pipeline import tables
from refnet.pipeline.pipeline import Pipeline
from refnet.pipeline.source import Item, Source, items

PART = 256  # pictures: a worker that dies loses some seconds


def write_data_set(
    client: Any,
    pipeline: Pipeline,
    source: Source,
    folder: str,
    *,
    top: int | None = None,
    part: int = PART,
    recursive: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    watch: Callable[[int], None] = lambda number: None,
) -> Summary:
    """Fill a folder with what the workers of a Dask cluster find of many pictures.

    Each part is a file, ``part-00000.parquet``, that its worker writes whole or not at all. So a dead worker costs its
    part, which another one does again, and a dead client nothing that is done: ``resume`` goes on.

    Parameters
    ----------
    client
        A ``distributed.Client``.
    pipeline
        What is asked of each picture.
    source
        As for ``Pipeline.run``; paths must lead to the same files on the workers.
    folder
        A path on a disk that all workers share, or an address such as ``s3://bucket/found``.
    top
        Write so many classes of each picture, or, of a regression, all values; without it the tensors at the
        pipeline's steps.
    part
        How many pictures are in a part.
    recursive
        Go into the folders of folders.
    resume
        Leave the parts that are there as they are.
    overwrite
        Remove them first.
    watch
        Called with the number of each part that is there, as soon as it is.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If the folder holds something and neither ``resume`` nor ``overwrite`` is said, or it was begun with another
        question or other pictures; or a worker has another version of refnet.

    Examples
    --------
    >>> import refnet, tempfile
    >>> from distributed import Client
    >>> pipeline = Pipeline(refnet.load("lite0"), at="pool")
    >>> with tempfile.TemporaryDirectory() as place, Client(processes=False, dashboard_address=":0") as client:
    ...     summary = write_data_set(client, pipeline, "refnet/data/*.png", f"{place}/found")
    >>> summary.pictures, summary.failed, summary.parts
    (1, 0, 1)
    """
    found = items(source, recursive=recursive)
    return write_items(
        client, pipeline, found, folder, top=top, part=part, resume=resume, overwrite=overwrite, watch=watch
    )


def write_items(
    client: Any,
    pipeline: Pipeline,
    found: Iterable[Item],
    folder: str,
    *,
    top: int | None = None,
    part: int = PART,
    resume: bool = False,
    overwrite: bool = False,
    watch: Callable[[int], None] = lambda number: None,
    total: int | None = None,
) -> Summary:
    """Do as ``write_data_set`` with the items of a source; ``total`` is their number, if that is known."""
    tables.pyarrow()  # or say now that it is missing
    part = whole_number("part", part, MAX_PART)
    check_client(client)
    if top is not None:
        architecture = pipeline.network.weights.architecture
        top = check_top(None if architecture.top.meaning == "value" else top, architecture)
    filled = DataSet(Folder.at(folder), _question(pipeline, top, part), resume=resume, overwrite=overwrite)
    job = Job(client, pipeline)
    filled.begin()
    notes = filled.notes
    with progress.task("pictures", total=total, unit="pictures") as update:
        rest = filled.missing(share_out(found, part))
        for done, note in job.results(_write_part, rest, filled.folder, top, ordered=False):
            notes[done.number] = note
            update(advance=note.pictures)
            watch(done.number)
    return filled.finish()


def _write_part(asked: Asked, part: Part, folder: Folder, top: int | None) -> Note | Lacking:
    """Answer for a part, on a worker, and write it."""
    network = find(asked)
    if isinstance(network, Lacking):
        return network
    content, note = parquet(list(answers(asked, network, part)), network, asked.at, top)
    name = part_name(part.number)
    with writing(f"{folder.address}/{name}"):
        folder.write(name, content)
    return note


def _question(pipeline: Pipeline, top: int | None, part: int) -> dict[str, Any]:
    """All that the bytes of a part depend on, beside its pictures."""
    network = pipeline.network
    file = describe(network).file
    return {
        "model": network.variant,
        "weights": [file.tensors_digest, file.metadata_digest],
        "dtype": network.arithmetic,
        "recipe": network.recipe.to_json(),
        "size": [network.plan.height, network.plan.width],
        "at": list(pipeline.at),
        "as_published": pipeline.as_published,
        "top": top,
        "part": part,
        **{name: version for name, version in versions().items() if name != "refnet"},
    }
