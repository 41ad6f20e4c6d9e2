"""Table: what was found of some pictures, as the bytes of a Parquet file, with a note of what is in it."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from refnet.architecture import names
from refnet.arrays import Array
from refnet.errors import InputError, WeightsError
from refnet.network import Network
from refnet.pipeline.pipeline import Answer
from refnet.prediction import Prediction, predictions

KEY = b"refnet"  # of the note, in the file's metadata


class Note(NamedTuple):
    """What a part holds: how many pictures, how many of them could not be read, and two digests.

    Attributes
    ----------
    pictures, failed
        Rows, and how many of them have an error.
    names
        SHA-256 of the names of the pictures.
    digest
        SHA-256 of the names, the errors and every bit of the answers.
    """

    pictures: int
    failed: int
    names: str
    digest: str


def names_digest(found: Iterable[str]) -> str:
    """One digest for the names of some pictures in their order."""
    return hashlib.sha256(json.dumps(list(found)).encode("ascii")).hexdigest()


def parquet(answers: Sequence[Answer], network: Network, at: Sequence[str], top: int | None) -> tuple[bytes, Note]:
    """Put answers into a table: a row a picture, with its ``top`` classes, or, with None, the tensors ``at`` steps.

    A picture that could not be read is a row with its ``error``. The same answers give the same bytes.
    """
    arrow, writer = libraries()
    failed = sum(answer.error is not None for answer in answers)
    note = Note(len(answers), failed, names_digest(answer.name for answer in answers), _digest(answers))
    columns: dict[str, Any] = {"file": arrow.array([_text(answer.name) for answer in answers], arrow.string())}
    columns |= _tensors(answers, network, at) if top is None else _classes(answers, network, top)
    errors = [None if answer.error is None else _text(str(answer.error)) for answer in answers]
    columns["error"] = arrow.array(errors, arrow.string())
    shapes = {} if top is not None else {name: list(_shape(network, name)) for name in at}
    metadata = {KEY: json.dumps({**note._asdict(), "shapes": shapes}, sort_keys=True)}
    file = io.BytesIO()
    writer.write_table(arrow.table(columns).replace_schema_metadata(metadata), file, compression="zstd")
    return file.getvalue(), note


def read_note(file: Any) -> Note:
    """Read the note of an open Parquet file; what has none is a `ValueError`."""
    _, reader = libraries()
    stated = (reader.read_schema(file).metadata or {}).get(KEY)
    if stated is None:
        raise ValueError("no data of refnet")
    values = json.loads(stated)
    return Note(*(values[field] for field in Note._fields))


def libraries() -> tuple[Any, Any]:
    """Import what reads and writes Parquet; that it is missing is an `InputError`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "want pyarrow to write Parquet; `pip install 'refnet[cluster]'` brings it, also on the workers"
        ) from None
    return pyarrow, pyarrow.parquet


def _text(name: str) -> str:
    """A name that may be no text: a file's name is any bytes at all."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _digest(answers: Iterable[Answer]) -> str:
    digest = hashlib.sha256()
    for answer in answers:
        digest.update(json.dumps([answer.name, str(answer.error or ""), list(answer.tensors)]).encode("ascii") + b"\n")
        for tensor in answer.tensors.values():
            digest.update(tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _classes(answers: Sequence[Answer], network: Network, top: int) -> dict[str, Any]:
    arrow, _ = libraries()
    meaning = network.weights.architecture.top.meaning
    rows = [None if answer.error is not None else _predictions(answer, network, top) for answer in answers]
    types = {"index": arrow.int32(), "wnid": arrow.string(), "label": arrow.string(), "value": arrow.float64()}
    return {
        meaning if field == "value" else field: arrow.array(
            [None if row is None else [getattr(each, field) for each in row] for row in rows], arrow.list_(kind)
        )
        for field, kind in types.items()
        if field not in ("wnid", "label") or network.labels is not None
    }


def _predictions(answer: Answer, network: Network, top: int) -> list[Prediction]:
    row: Array = answer.tensors[network.plan.answer]
    found = predictions(row, top, network.labels, network.weights.architecture.top.meaning)
    if not all(math.isfinite(each.value) for each in found):
        raise WeightsError(
            f"{network.variant} gives no finite answer: its weights overflow {network.dtype} on {answer.name}"
        )
    return found


def _tensors(answers: Sequence[Answer], network: Network, at: Sequence[str]) -> dict[str, Any]:
    """A column for each step: its numbers in a row, channels last; the file's note states the shapes."""
    arrow, _ = libraries()
    columns = {}
    for name in at:
        dtype = "float32" if name == names.INPUT else network.dtype.name
        kind = arrow.list_(arrow.from_numpy_dtype(dtype), math.prod(_shape(network, name)))
        columns[name] = arrow.array(
            [None if answer.error is not None else answer.tensors[name].ravel() for answer in answers], kind
        )
    return columns


def _shape(network: Network, name: str) -> tuple[int, ...]:
    if name == names.INPUT:
        return network.plan.steps[0].in_shape
    return network.plan.shapes[name]
