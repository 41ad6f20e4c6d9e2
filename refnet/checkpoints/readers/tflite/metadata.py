"""What a TensorFlow Lite file notes beside its graph: how pictures are to be normalised, and files packed behind it.

Since 2020 tools write a second flatbuffer into the file, defined in TensorFlow's metadata_schema.fbs. Only an
application reads it: the graph itself does not change by it, but what it is to be given does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refnet.checkpoints.readers.flatbuffer import Flatbuffer, Table
from refnet.errors import CheckpointError

NOTE = "TFLITE_METADATA"
IDENTIFIER = b"M001"
NORMALIZATION = 1
# Of ProcessUnitOptions; the third leaves scores away that are small, which changes none.
UNITS = {2: "score calibration", 4: "a tokenizer", 5: "a tokenizer", 6: "a tokenizer"}

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Metadata:
    """What is noted.

    Attributes
    ----------
    mean, deviation
        How pixels are normalised, ``(x - mean) / deviation``, where that is noted.
    steps
        What else is to be done to numbers before or after the graph, in words.
    files
        Names of the files packed behind the graph, such as tables of labels.
    """

    mean: Triple | None = None
    deviation: Triple | None = None
    steps: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def parse(data: bytes) -> Metadata:
    """Read a file's metadata."""
    if data[4:8] != IDENTIFIER:
        raise CheckpointError(f"its metadata are not of the kind {IDENTIFIER.decode()}")
    root = Flatbuffer(data).root()
    graphs = list(root.tables(3))
    if len(graphs) != 1:
        raise CheckpointError(f"its metadata are of {len(graphs)} graphs, not one")
    (graph,) = graphs
    tensors = [*graph.tables(2), *graph.tables(3)]
    units = [*graph.tables(5), *graph.tables(6), *(unit for tensor in tensors for unit in tensor.tables(4))]
    normalised = [unit.table(1) for unit in units if unit.number(0, "B") == NORMALIZATION]
    if len(normalised) > 1:
        raise CheckpointError("its metadata normalise pixels more than once")
    of_units = (UNITS.get(int(unit.number(0, "B")), "") for unit in units)
    files = [*root.tables(6), *graph.tables(4), *(file for tensor in tensors for file in tensor.tables(6))]
    names = dict.fromkeys(file.text(0)[:100] for file in files)
    mean, deviation = _numbers(normalised)
    return Metadata(mean, deviation, tuple(filter(None, of_units)), tuple(names))


def _numbers(normalised: list[Table | None]) -> tuple[Triple | None, Triple | None]:
    """Mean and deviation: one number, or one for each colour."""
    if not normalised or normalised[0] is None:
        return None, None
    mean, deviation = (tuple(_triple(normalised[0].numbers(field, "<f4").tolist())) for field in (0, 1))
    return (mean[0], mean[1], mean[2]), (deviation[0], deviation[1], deviation[2])


def _triple(numbers: list[float]) -> Iterator[float]:
    if len(numbers) not in (1, 3):
        raise CheckpointError(f"its metadata normalise pixels with {len(numbers)} numbers; want one or three")
    yield from numbers * (3 // len(numbers))
