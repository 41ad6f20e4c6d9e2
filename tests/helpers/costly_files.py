"""Cheap files that would cost a careless reader much: makers by name, and who reads them.

A name is ``READER/what.suffix``. A maker takes a seed and a size in bytes, which it meets roughly, and gives the bytes
of a file, or of several by name, which lie in one folder.
"""

import io
import json
import random
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from helpers import costly_pickles, costly_pictures
from helpers.tf_writer import field, number

from refnet.checkpoints.conversion import convert
from refnet.errors import RefnetError
from refnet.evaluation.answer_file import read_answers
from refnet.evaluation.tables import read_synsets, read_table
from refnet.golden.read import open_reader
from refnet.pipeline.journal import Journal
from refnet.preprocessing.read_image import read_as
from refnet.weights.labels import read_labels

Made = bytes | dict[str, bytes]
Maker = Callable[[int, int], Made]


# Archives -------------------------------------------------------------------------------------------------------------


def tar_header(name: bytes, size: int, kind: bytes = b"0") -> bytes:
    header = bytearray(name.ljust(100, b"\0") + b"0000644\0" * 3 + b"%011o\0" % size + b"0" * 11 + b"\0")
    header += b" " * 8 + kind + b"\0" * 100 + b"ustar\x0000"
    header = header.ljust(512, b"\0")
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def pax_records(seed: int, size: int) -> bytes:
    """Extended headers of the shortest records there are."""
    body = b"5 a=\n" * ((1 << 16) // 5)
    part = tar_header(b"x", len(body), b"x") + body.ljust(-(-len(body) // 512) * 512, b"\0")
    return part * (size // len(part)) + bytes(1024)


def tar_of_empty_files(seed: int, size: int) -> bytes:
    return b"".join(tar_header(b"%d" % place, 0) for place in range(size // 512)) + bytes(1024)


def gzip_of_empty_members(seed: int, size: int) -> bytes:
    empty = zlib.compressobj(wbits=31).flush()
    return empty * (size // len(empty))


def gzip_of_zeros(seed: int, size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 10)) + packer.flush()


def zip_of(names: list[str], data: bytes = b"", extra: bytes = b"") -> bytes:
    """A zip of members of one content, written by hand: zipfile takes long."""
    local, central = [], []
    at, crc = 0, zlib.crc32(data)
    for name in names:
        encoded = name.encode()
        facts = struct.pack("<5H3I2H", 20, 0x800, 0, 0, 33, crc, len(data), len(data), len(encoded), 0)
        local.append(b"PK\3\4" + facts + encoded + data)
        facts = facts[:-2] + struct.pack("<H", len(extra))
        central.append(b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<3HII", 0, 0, 0, 0, at))
        central.append(encoded + extra)
        at += len(local[-1])
    listed = b"".join(central)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(listed), at, 0)
    return b"".join(local) + listed + end


def zip_of_empty_members(seed: int, size: int) -> bytes:
    return zip_of([f"a/{place}" for place in range(min(size // 90, 1 << 15))])


def zip_of_extra_fields(seed: int, size: int) -> bytes:
    """Each member with 65,532 bytes of the shortest extra fields."""
    extra = struct.pack("<HH", 0x9999, 0) * ((1 << 14) - 1)
    return zip_of([f"a/{place}" for place in range(size >> 16)], extra=extra)


# Checkpoints ----------------------------------------------------------------------------------------------------------


def npy(shape: tuple[int, ...] = (0,), data: bytes = b"", dtype: str = "<f4") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data


def npz_of_empty_arrays(seed: int, size: int) -> bytes:
    return zip_of([f"{place}.npy" for place in range(min(size // 220, 1 << 15))], npy())


def safetensors(header: object) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text


def safetensors_of_empty_tensors(seed: int, size: int) -> bytes:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return safetensors({f"t{place}": entry for place in range(size // 60)})


def safetensors_of_copies(seed: int, size: int) -> bytes:
    """Names that all begin like those of a network, and of a network around it."""
    from refnet.architecture.variants import variant
    from refnet.checkpoints.publishers import PUBLISHERS

    names = list(PUBLISHERS["timm"].shapes(variant("b0", classes=2)))
    names += [f"a.{name}" for name in names] + [f"a.conv_stem.{place}" for place in range(size // 70)]
    return safetensors({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names})


def nested_json(seed: int, size: int) -> bytes:
    text = b'{"a":' + b"[" * (size - 8)
    return struct.pack("<Q", len(text)) + text


def onnx_of_nodes(seed: int, size: int) -> bytes:
    """A chain of nodes; the graph is judged by all of them."""
    count = min(size // 40, 60_000)
    nodes = (field(1, field(1, b"x%d" % i) + field(2, b"x%d" % (i + 1)) + field(4, b"Relu")) for i in range(count))
    side = field(1, field(1, 1))
    shape = b"".join((side, field(1, field(1, 3)), field(1, field(1, 224)), field(1, field(1, 224))))
    value = field(1, b"x0") + field(2, field(1, field(1, 1) + field(2, shape)))
    out = field(1, b"x%d" % count)
    graph = b"".join(nodes) + field(11, value) + field(12, out)
    return field(8, field(2, 17)) + field(7, graph)


def onnx_of_attributes(seed: int, size: int) -> bytes:
    """Nodes of empty attributes."""
    node = field(1, field(4, b"Relu") + field(5, b"") * 60)
    return field(7, node * max(1, size // len(node)))


def onnx_of_varints(seed: int, size: int) -> bytes:
    """A tensor of whole numbers, one byte each."""
    tensor = field(1, size) + field(2, 6) + field(8, b"a")
    return field(7, field(5, tensor + field(5, bytes(size))))


def onnx_of_initialisers(seed: int, size: int) -> bytes:
    tensors = (
        field(5, field(2, 1) + field(1, 0) + field(8, b"%d" % place)) for place in range(min(size // 14, 65_000))
    )
    return field(7, b"".join(tensors))


def onnx_of_expanded_constants(seed: int, size: int) -> bytes:
    """Constants that nodes make out of nothing: each a large one of a shape."""
    shape = field(1, 4) + field(2, 7) + field(8, b"s") + field(9, struct.pack("<4q", 1, 1024, 1024, 1024))
    nodes = (
        field(1, field(1, b"s") + field(2, b"c%d" % place) + field(4, b"ConstantOfShape"))
        for place in range(min(size // 40, 60_000))
    )
    return field(8, field(2, 17)) + field(7, field(5, shape) + b"".join(nodes))


def tflite_of_shared_tables(seed: int, size: int) -> bytes:
    """Tables of which a vector names one again and again."""
    count = size // 4
    # Root, identifier; fields of the model (version, codes, graphs), the model, the vector, one graph.
    vtable = struct.pack("<7H", 14, 16, 4, 8, 12, 0, 0)
    model = 8 + len(vtable) + 2
    data = struct.pack("<I", model) + b"TFL3" + vtable + b"\0\0"
    codes, graphs = model + 16, model + 16 + 4 + 4 * count
    data += struct.pack("<iIII", len(vtable) + 2, 3, codes - (model + 8), graphs - (model + 12))
    shared = graphs + 8 + 8
    data += struct.pack("<I", count)
    data += (shared - (codes + 4 + 4 * np.arange(count))).astype("<u4").tobytes()
    return data + struct.pack("<II", 1, 12) + struct.pack("<2H4x", 4, 4) + struct.pack("<i", 8)


def keras2(config: object, layers: list[str], names: list[str]) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        written.attrs["layer_names"] = np.array(layers, "S")
        written.attrs["model_config"] = json.dumps(config)
        for layer in layers:
            group = written.create_group(layer)
            for start in range(0, len(names), 1000):
                group.attrs[f"weight_names{start // 1000}"] = np.array(names[start : start + 1000], "S")
            data = group.create_dataset("k", data=np.zeros(1, np.float32))
            for name in names:
                group[name] = data
    return file.getvalue()


def keras_of_inner_models(seed: int, size: int) -> bytes:
    """A model in a model, of as many layers as variables: each variable looks for its layer."""
    count = min(size // 250, 8000)
    inner = [{"class_name": "Dense", "config": {"name": f"d{place}"}} for place in range(count)]
    model = {"class_name": "Functional", "config": {"name": "m", "layers": inner}}
    outer = {"class_name": "Functional", "config": {"name": "o", "layers": [model]}}
    return keras2(outer, ["m"], [f"d{place}" for place in range(count)])


def sstable_of_entries(seed: int, size: int) -> bytes:
    from helpers.tf_writer import item

    from refnet.checkpoints.readers.tensorflow.crc32c import masked_crc32c

    def closed(block: bytes) -> bytes:
        block += struct.pack("<II", 0, 1)
        return block + b"\0" + struct.pack("<I", masked_crc32c(block + b"\0"))

    count = min(size // 9, 65_000)
    entries = [item(b"", field(1, 1))] + [item(b"%06d" % place, b"\x08\x01") for place in range(count)]
    first, *rest = entries
    data = closed(first + b"".join(rest))
    meta = closed(b"")
    index = closed(item(b"~", number(0) + number(len(data) - 5)))
    footer = number(len(data)) + number(len(meta) - 5) + number(len(data) + len(meta)) + number(len(index) - 5)
    return data + meta + index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


# Goldens --------------------------------------------------------------------------------------------------------------


def c_header_of_brackets(seed: int, size: int) -> bytes:
    return b"float a[" * (size // 8)


def c_header_of_comments(seed: int, size: int) -> bytes:
    return b"float a[1] = {\n" + b"/* " * (size // 3) + b"\n};\n"


def text_of_ties(seed: int, size: int) -> bytes:
    """Numbers that are nearly halfway between two of float32, each worth a look at its exact digits."""
    return b"1.000000059604644775390625e0\n" * (size // 29)


def text_of_long_lines(seed: int, size: int) -> bytes:
    return b" " * (size - 4) + b"x"


def npz_of_long_names(seed: int, size: int) -> bytes:
    generator = random.Random(seed)
    letters = "abcdefgh"
    return zip_of(["".join(generator.choices(letters, k=2000)) + ".npy" for _ in range(size // 4000)], b"")


def npz_bomb(seed: int, size: int) -> bytes:
    """A member that unpacks to a thousand times its bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("stem.npy", "w") as member:
        count = min(size << 10, 1 << 28)
        member.write(npy((count // 4 - 32,)))
        for _ in range(count >> 20):
            member.write(bytes(1 << 20))
    return file.getvalue()


def hdf5_of_groups(seed: int, size: int) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        for place in range(min(size // 900, 1 << 14)):
            written.create_group(f"g{place}")
    return file.getvalue()


def manifest(seed: int, size: int) -> dict[str, bytes]:
    """A manifest of as many wrong entries as fit."""
    text = json.dumps({"format": "refnet golden", "schema": 1, "about": "", "entries": [{}] * (size // 4), "cases": []})
    return {"manifest.json": text.encode()}


# Texts ----------------------------------------------------------------------------------------------------------------


def labels_of_one_twice(seed: int, size: int) -> bytes:
    names = [f'"n{place:05d}": {place}' for place in range(size // 16 - 40)]
    return ("{" + ", ".join([*names, '"z": 0', '"z": 1']) + "}").encode()


def labels_of_blanks(seed: int, size: int) -> bytes:
    line = "a" + " " * 4000 + "b"
    return "\n".join([line] * (size // len(line))).encode()


def labels_in_python(seed: int, size: int) -> bytes:
    return ("{" + ", ".join(f"{place}: 'x\\'{place}'" for place in range(size // 18)) + ", 'a}").encode()


def table_of_one_twice(seed: int, size: int) -> bytes:
    return "\n".join(["file,class", *(f"{i}.jpg,{i}" for i in range(size // 14)), "1.jpg,0"]).encode()


def table_of_dots(seed: int, size: int) -> bytes:
    return ("a.jp " * (size // 5)).encode()


def table_of_quotes(seed: int, size: int) -> bytes:
    return ("file,class\n" + '"\n' * (size // 2)).encode()


def table_of_boxes(seed: int, size: int) -> bytes:
    return ("file,PredictionString\na.jpg," + "n01440764 1 2 3 4 " * (size // 18) + "x").encode()


def synsets(seed: int, size: int) -> bytes:
    return "\n".join(f"n{place:08d} {place}" for place in range(1, size // 16)).encode()


def answers_of_one_picture(seed: int, size: int) -> bytes:
    return "\n".join(["file,label,probability", *(f"a.jpg,c{i},0.{i}" for i in range(size // 20))]).encode()


def answers_in_json(seed: int, size: int) -> bytes:
    return b"[" * size


def parquet_of_one_cell(seed: int, size: int) -> bytes:
    """Rows of one name, which a table of columns keeps once."""
    import pyarrow
    from pyarrow import parquet

    rows = min(size * 40, 1 << 26)
    cell = pyarrow.array(["a.jpg"])
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(rows, np.int8)), cell)
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"file": column, "label": column}), file, compression="zstd")
    return file.getvalue()


def journal(seed: int, size: int) -> bytes:
    return b'{"journal":1}\n' + b'["a",{},null]\n' * (size // 14)


def journal_of_brackets(seed: int, size: int) -> bytes:
    return b'{"journal":1}\n' + b"[" * size + b"\n"


FILES: dict[str, Maker] = {
    "checkpoint/gzip-of-empty-members.tar.gz": gzip_of_empty_members,
    "checkpoint/gzip-of-zeros.tar.gz": gzip_of_zeros,
    "checkpoint/pax-records.tar": pax_records,
    "checkpoint/empty-files.tar": tar_of_empty_files,
    "checkpoint/zip-of-empty-members.pth": zip_of_empty_members,
    "checkpoint/zip-of-extra-fields.pth": zip_of_extra_fields,
    "checkpoint/empty-arrays.npz": npz_of_empty_arrays,
    "checkpoint/empty-tensors.safetensors": safetensors_of_empty_tensors,
    "checkpoint/copies.safetensors": safetensors_of_copies,
    "checkpoint/nested.safetensors": nested_json,
    "checkpoint/nodes.onnx": onnx_of_nodes,
    "checkpoint/attributes.onnx": onnx_of_attributes,
    "checkpoint/varints.onnx": onnx_of_varints,
    "checkpoint/initialisers.onnx": onnx_of_initialisers,
    "checkpoint/expanded.onnx": onnx_of_expanded_constants,
    "checkpoint/shared-tables.tflite": tflite_of_shared_tables,
    "checkpoint/inner-models.h5": keras_of_inner_models,
    "checkpoint/entries.index": sstable_of_entries,
    **{f"checkpoint/{name}.pth": make for name, make in costly_pickles.FILES.items()},
    **{f"picture/{name}": make for name, make in (costly_pictures.FILES | costly_pictures.LARGE).items()},
    "golden/brackets.h": c_header_of_brackets,
    "golden/comments.h": c_header_of_comments,
    "golden/ties.txt": text_of_ties,
    "golden/long-lines.hex": text_of_long_lines,
    "golden/long-names.npz": npz_of_long_names,
    "golden/bomb.npz": npz_bomb,
    "golden/groups.h5": hdf5_of_groups,
    "golden/manifest": manifest,
    "labels/one-twice.json": labels_of_one_twice,
    "labels/blanks.txt": labels_of_blanks,
    "labels/python.txt": labels_in_python,
    "table/one-twice.csv": table_of_one_twice,
    "table/dots.csv": table_of_dots,
    "table/quotes.csv": table_of_quotes,
    "table/boxes.csv": table_of_boxes,
    "synsets/many.txt": synsets,
    "answers/one-picture.csv": answers_of_one_picture,
    "answers/brackets.json": answers_in_json,
    "answers/one-cell.parquet": parquet_of_one_cell,
    "journal/one-name.part": journal,
    "journal/brackets.part": journal_of_brackets,
}


# Readers --------------------------------------------------------------------------------------------------------------


def _golden(path: Path) -> None:
    with open_reader(path, dtype="float32" if path.suffix == ".txt" else None) as reader:
        for name in ("missing", *reader.names[:100]):
            try:
                reader.read(name)
                reader.verify(name)
            except RefnetError:
                pass


def _checkpoint(path: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        convert(path, out=Path(place, "out.h5"))


def _journal(path: Path) -> None:
    Journal(path.with_suffix(""), {}, resume=True)._file.close()


READERS: dict[str, Callable[[Path], object]] = {
    "checkpoint": _checkpoint,
    "picture": read_as,
    "golden": _golden,
    "labels": read_labels,
    "table": read_table,
    "synsets": read_synsets,
    "answers": read_answers,
    "journal": _journal,
}


def write(name: str, place: Path, seed: int = 0, size: int = 1 << 20) -> Path:
    """Make a file, or a folder of several; its path."""
    path = place / name.partition("/")[2]
    made = FILES[name](seed, size)
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        path.mkdir()
        for inside, data in made.items():
            (path / inside).write_bytes(data)
    return path


def read(name: str, path: Path) -> str:
    """Read it as what it says it is: how that ended."""
    try:
        READERS[name.partition("/")[0]](path)
    except RefnetError as error:
        return str(error)
    return "taken"


__all__ = ["FILES", "READERS", "read", "write"]
