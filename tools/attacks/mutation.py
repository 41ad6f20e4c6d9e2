"""Damage to files: to their bytes, to what JSON says, and to archives whose checksums stay good."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any

from helpers.fuzzing import EXTREMES, changed
from helpers.tf_writer import number

NASTY: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "0", "x" * 70000, "\0", "\ud800", "../../etc/passwd", "/dev/zero", "float32", "\n", "ä", "NaN",
    [], {}, [[]], [{}], {"": 0}, [0] * 1000, {"a": {"a": {"a": {}}}},
)  # fmt: skip
DEEP = 3000


def bytes_of(data: bytes, chance: random.Random) -> bytes:
    """Damage a file by up to five changes, most often near its ends, where the structure of files is."""
    return changed(data, [_change(len(data), chance) for _ in range(chance.choice([1, 1, 1, 2, 3, 5]))])


def _place(size: int, chance: random.Random) -> int:
    near = min(size, 1 << chance.randint(3, 14))
    return chance.choice([chance.randrange(size + 1), chance.randint(0, near), size - chance.randint(0, near)])


def _change(size: int, chance: random.Random) -> tuple[Any, ...]:
    place, over = _place(size, chance), chance.random() < 0.8
    match chance.randrange(8):
        case 0:
            return "cut", place, chance.randint(1, 600)
        case 1:
            return "end", place
        case 2:
            return "copy", place, _place(size, chance), chance.randint(0, 600)
        case 3 | 4:
            return "put", place, chance.randbytes(chance.randint(1, 8)), over
        case _:
            return "put", place, _encoded(chance), over


def _encoded(chance: random.Random) -> bytes:
    """An extreme number as files write them."""
    extreme, size = chance.choice(EXTREMES), chance.choice([1, 2, 4, 8])
    forms: list[Callable[[], bytes]] = [
        lambda: (extreme % (1 << 8 * size)).to_bytes(size, "little"),
        lambda: (extreme % (1 << 8 * size)).to_bytes(size, "big"),
        lambda: number(extreme),
        lambda: b"%d" % extreme,
    ]
    return chance.choice(forms)()


def one_bit(data: bytes, chance: random.Random) -> bytes:
    """Turn one bit over."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def json_of(text: bytes, chance: random.Random) -> bytes:
    """Change what JSON says: other values, keys gone, doubled or new, nesting without end; or just bytes."""
    try:
        content = json.loads(text)
    except ValueError:
        return bytes_of(text, chance)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        content = _changed_value(content, chance)
    written = json.dumps(content)
    match chance.randrange(12):
        case 0:
            opening, closing = chance.choice([("[", "]"), ('{"a":', "}")])
            return written.replace("null", opening * DEEP + "0" + closing * DEEP, 1).encode()
        case 1:
            return written.encode(chance.choice(["utf-16", "utf-8-sig", "utf-32"]))
        case 2:
            return (written[: chance.randrange(len(written) + 1)] + written).encode()
        case 3:
            return bytes_of(written.encode(), chance)
    return written.encode()


def _changed_value(content: Any, chance: random.Random) -> Any:
    """Change one thing, anywhere inside."""
    if isinstance(content, dict | list) and content and chance.random() < 0.9:
        key = chance.choice(list(content)) if isinstance(content, dict) else chance.randrange(len(content))
        if chance.random() < 0.15:
            del content[key]
        elif isinstance(content, dict) and chance.random() < 0.1:
            content[chance.choice(["", "x", str(key) + " ", "\ud800"])] = deepcopy(chance.choice(NASTY))
        else:
            content[key] = _changed_value(content[key], chance)
        return content
    if isinstance(content, int | float) and abs(content) < 1e300 and chance.random() < 0.3:
        return content + chance.choice([1, -1, 0.5])
    return deepcopy(chance.choice(NASTY))  # another change may come inside


def zip_of(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in a ZIP archive, and put all together again, so that checksums are good; or else its bytes."""
    if chance.random() < 0.5:
        return bytes_of(data, chance)
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        name = chance.choice(list(members))
        damage = json_of if members[name][:1] in b"[{" else bytes_of
        members[name] = damage(members[name], chance)
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as made:
            for member, content in members.items():
                made.writestr(member, content)
        return target.getvalue()
    return bytes_of(data, chance)


def png_of(data: bytes, chance: random.Random) -> bytes:
    """Damage a chunk of a PNG file, doubled or not, with a good checksum; or else its bytes."""
    if chance.random() < 0.4 or not data.startswith(b"\x89PNG"):
        return bytes_of(data, chance)
    chunks, at = [], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    which = chance.randrange(len(chunks))
    kind, content = chunks[which]
    damaged = kind, bytes_of(content, chance)
    chunks[which : which + 1] = [damaged] * chance.choice([1, 1, 2])
    return data[:8] + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in chunks
    )


def text_of(data: bytes, chance: random.Random) -> bytes:
    """Change lines of a text: swapped, doubled, gone, other fields; or just bytes."""
    lines = data.split(b"\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        match chance.randrange(7):
            case 0:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 1 if len(lines) > 1:
                del lines[at]
            case 2:
                lines[at] = json_of(lines[at], chance)
            case 3:
                lines[at] = lines[at].replace(
                    chance.choice([b",", b"\t", b" ", b'"']), chance.choice([b",", b"", b";"])
                )
            case 4:
                lines[at] += chance.choice([b",", b'"', b"\r", b"\0", b"\xff", b"\x85", b",x" * 3000])
            case 5:
                lines[at] = str(chance.choice(NASTY)).encode("utf-8", "surrogatepass")
            case _:
                lines[at] = bytes_of(lines[at], chance)
    return b"\n".join(lines)
