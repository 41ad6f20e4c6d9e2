"""Metadata of TensorFlow Lite files, written by Google's flatbuffers after metadata_schema.fbs."""

import flatbuffers

NORMALIZATION, CALIBRATION, THRESHOLDING = 1, 2, 3


def metadata(*units: tuple[int, dict[int, list[float]]], files: tuple[str, ...] = (), graphs: int = 1) -> bytes:
    """What an input's process units are, each of a kind with vectors by field; and names of files, of an output."""
    builder = flatbuffers.Builder(256)
    made = [_unit(builder, kind, fields) for kind, fields in units]
    names = [_table(builder, {0: builder.CreateString(name)}) for name in files]
    entry = _table(builder, {4: _vector(builder, made)})
    answer = _table(builder, {6: _vector(builder, names)})
    graph = _table(builder, {2: _vector(builder, [entry]), 3: _vector(builder, [answer])})
    builder.Finish(_table(builder, {3: _vector(builder, [graph] * graphs)}), b"M001")
    return bytes(builder.Output())


def _unit(builder: flatbuffers.Builder, kind: int, fields: dict[int, list[float]]) -> int:
    vectors = {}
    for field, numbers in fields.items():
        builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            builder.PrependFloat32(number)
        vectors[field] = builder.EndVector()
    options = _table(builder, vectors)
    builder.StartObject(2)
    builder.PrependUint8Slot(0, kind, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    return builder.EndObject()


def _table(builder: flatbuffers.Builder, fields: dict[int, int]) -> int:
    builder.StartObject(max(fields, default=0) + 1)
    for field, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()
