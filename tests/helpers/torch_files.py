"""PyTorch's files: as PyTorch saves them, and put together opcode by opcode, hostile ones too."""

import collections
import io
import pickle
import struct
import zipfile

import torch

from refnet.checkpoints.readers.torch import torch_legacy

BASE = torch.arange(120, dtype=torch.float32)
STATE = collections.OrderedDict(
    contiguous=BASE.reshape(2, 60),
    transposed=torch.arange(120.0).reshape(3, 4, 10).permute(2, 0, 1),
    part=torch.arange(50.0)[7:31:3],
    one_axis=torch.arange(6.0).reshape(1, 6).expand(1, 6).t(),
    scalar=torch.tensor(5),
    double=torch.tensor([1.5, float("nan"), float("inf"), -0.0], dtype=torch.float64),
    half=torch.arange(4, dtype=torch.float16),
    integers=torch.arange(4, dtype=torch.int32),
)


def saved(content: object, new: bool = True, protocol: int = 2) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def program(value: object) -> bytes:
    """Opcodes that push a value; bytes are opcodes already."""
    match value:
        case bytes():
            return value
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            raw = pickle.encode_long(value)
            return b"\x8a" + bytes([len(raw)]) + raw
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(program, value)) + b"t"
        case list():
            return b"](" + b"".join(map(program, value)) + b"e"
        case dict():
            return b"}(" + b"".join(program(item) for pair in value.items() for item in pair) + b"u"
    raise TypeError(value)


def named(name: str) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def called(function: str, arguments: object) -> bytes:
    return named(function) + program(arguments) + b"R"


def storage(key: object = "0", count: object = 6, kind: str = "torch FloatStorage", extra: tuple = (None,)) -> bytes:
    return program(("storage", named(kind), key, "cpu", count, *extra)) + b"Q"


def tensor(offset: object = 0, shape: object = (2, 3), strides: object = (3, 1), of: bytes | None = None) -> bytes:
    arguments = (storage() if of is None else of, offset, shape, strides, False, called("collections OrderedDict", ()))
    return called("torch._utils _rebuild_tensor_v2", arguments)


def legacy(state: object, keys: object = ("0",), data: bytes = struct.pack("<q6f", 6, *range(6)), **facts) -> bytes:
    facts = {"magic": torch_legacy.MAGIC, "protocol": 1001, "system": {"little_endian": True}} | facts
    keys = list(keys) if isinstance(keys, tuple) else keys
    return b"".join(b"\x80\x02" + program(part) + b"." for part in (*facts.values(), state, keys)) + data


SIX = struct.pack("<6f", *range(6))


def archive(content: object = None, members: dict[str, bytes | None] | None = None, folder: str = "x/", **how) -> bytes:
    """An archive as PyTorch writes it, but for the members named: other bytes, or None for no such member."""
    content = {"x": tensor()} if content is None else content
    written = {"data.pkl": b"\x80\x02" + program(content) + b".", "byteorder": b"little", "data/0": SIX}
    written |= {"version": b"3\n", ".data/serialization_id": b"1" * 40} | (members or {})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **how) as file:
        for name, data in written.items():
            if data is not None:
                file.writestr(folder + name, data)
    return buffer.getvalue()


# TorchScript of one module with one tensor.
SCRIPT = archive(
    named("__torch__ M") + program(()) + b"\x81" + program({"x": tensor()}) + b"b",
    {"constants.pkl": b"", "code/x.py": b"x"},
)
