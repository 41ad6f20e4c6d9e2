"""Table: what was found of some pictures, as the bytes of a Parquet file, with a note of what is in it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from refnet.files import strict_json
from refnet.network import Network
from refnet.pipeline import feature_files, tables
from refnet.pipeline.many import with_predictions
from refnet.pipeline.pipeline import Answer

KEY = "refnet"  # of the note, in the file's metadata


class Note(NamedTuple):
    """What a part holds: how many pictures, how many of them could not be read, and two digests.

    Attributes
    ----------
    pictures, failed
        How many, and how many of them have an error.
    names
        SHA-256 of the names of the pictures.
    digest
        SHA-256 of the names, the errors and every bit of the answers.
    """

    pictures: int
    failed: int
    names: str
    digest: str


_NOTE = strict_json.fields(
    {
        "pictures": strict_json.whole(0),
        "failed": strict_json.whole(0),
        "names": strict_json.TEXT,
        "digest": strict_json.TEXT,
    }
)


def names_digest(found: Iterable[str]) -> str:
    """One digest for the names of some pictures in their order."""
    return hashlib.sha256(json.dumps(list(found)).encode("ascii")).hexdigest()


def parquet(answers: Sequence[Answer], network: Network, at: Sequence[str], top: int | None) -> tuple[bytes, Note]:
    """Put answers into the table that one machine would write: ``top`` classes of each, or its tensors ``at`` steps.

    The same answers give the same bytes.
    """
    failed = sum(answer.error is not None for answer in answers)
    note = Note(len(answers), failed, names_digest(answer.name for answer in answers), _digest(answers))
    about = {KEY: json.dumps(note._asdict())}
    file = io.BytesIO()
    if top is None:
        kinds = [feature_files.kind_of(network, name) for name in at]
        features = [(answer.name, feature_files.fields(answer)) for answer in answers]
        feature_files.write_parquet(file, features, kinds, about)
    else:
        named = with_predictions(network, (answer for answer in answers), top)
        records = [(answer.name, tables.fields(answer)) for answer in named]
        tables.write_parquet(file, records, network.weights.architecture.top.meaning, about)
    return file.getvalue(), note


def read_note(file: Any) -> Note:
    """Read the note of an open Parquet file, and all that it is about; what has none is a `ValueError`.

    Damaged pages, whose checksums disagree, are an error of pyarrow's.
    """
    found = tables.pyarrow().parquet.ParquetFile(file, page_checksum_verification=True)
    stated = (found.schema_arrow.metadata or {}).get(KEY.encode())
    if stated is None:
        raise ValueError("no data of refnet")
    values = strict_json.read(stated, _NOTE)
    for group in range(found.num_row_groups):  # one in memory at a time
        found.read_row_group(group, use_threads=False)
    return Note(*(values[field] for field in Note._fields))


def _digest(answers: Iterable[Answer]) -> str:
    digest = hashlib.sha256()
    for answer in answers:
        digest.update(json.dumps([answer.name, str(answer.error or ""), list(answer.tensors)]).encode("ascii") + b"\n")
        for tensor in answer.tensors.values():
            digest.update(tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()
