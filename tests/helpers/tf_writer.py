"""A writer of TensorFlow's V2 checkpoints and of archives, for the hostile ones: it writes whatever it is told."""

import io
import itertools
import struct
import tarfile

MAGIC = 0xDB4775248B80FB57


def slow_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = slow_crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % (1 << 32)


def number(value: int) -> bytes:
    value %= 1 << 64
    raw = []
    while value >= 0x80:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*raw, value])


def field(key: int, value: object) -> bytes:
    """One field: a number, or bytes; a crc as fixed32."""
    if isinstance(value, bytes):
        return number(key << 3 | 2) + number(len(value)) + value
    return number(key << 3) + number(value)


def shape_of(*sides: int) -> bytes:
    return b"".join(field(2, field(1, side)) for side in sides)


def entry(data: bytes = b"", *, dtype=1, shape=None, shard=0, offset=0, size=None, crc=None, more=b"") -> bytes:
    size = len(data) if size is None else size
    shape = shape_of(len(data) // 4) if shape is None else shape
    crc = masked(data) if crc is None else crc
    numbers = field(3, shard) + field(4, offset) + field(5, size)
    return field(1, dtype) + field(2, shape) + numbers + b"\x35" + struct.pack("<I", crc) + more


def header(shards: int = 1, more: bytes = b"") -> bytes:
    return field(1, shards) + more


def item(key: bytes, value: bytes, shared: int = 0) -> bytes:
    return number(shared) + number(len(key)) + number(len(value)) + key + value


def block(entries: bytes, restarts: tuple[int, ...] = (0,), kind: int = 0, crc=None, count=None) -> bytes:
    count = len(restarts) if count is None else count
    body = entries + struct.pack(f"<{len(restarts) + 1}I", *restarts, count) + bytes([kind])
    return body + struct.pack("<I", masked(body) if crc is None else crc)


def handle(offset: int, size: int) -> bytes:
    return number(offset) + number(size)


def table_of(*blocks: bytes, bounds=(), handles=None, magic: int = MAGIC, metadata=None, index=None) -> bytes:
    ends = [0, *itertools.accumulate(map(len, blocks))]
    where = [handle(start, end - start - 5) for start, end in itertools.pairwise(ends)]
    where = where if handles is None else handles
    bounds = bounds or [b"\xff" * (i + 1) for i in range(len(where))]
    meta = block(b"")
    top = block(b"".join(map(item, bounds, where)))
    footer = (metadata or handle(ends[-1], len(meta) - 5)) + (index or handle(ends[-1] + len(meta), len(top) - 5))
    return b"".join(blocks) + meta + top + footer.ljust(40, b"\0") + struct.pack("<Q", magic)


def table(entries: dict[bytes, bytes], per_block: int = 100) -> bytes:
    entries = {b"": header()} | entries
    pieces = [[]]
    for key, value in sorted(entries.items()):
        if len(pieces[-1]) == per_block:
            pieces.append([])
        pieces[-1].append((key, value))
    return table_of(
        *(block(b"".join(item(*pair) for pair in piece)) for piece in pieces), bounds=[p[-1][0] for p in pieces]
    )


def packed(members: list[tuple[str, bytes | str]], kind: int = tarfile.GNU_FORMAT) -> bytes:
    """Tar of names and contents; a text says what other kind of member it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type = getattr(tarfile, content)
                member.linkname = "efficientnet-b0/model.ckpt.index"
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def raw(name: bytes, kind: bytes, content: bytes, size: bytes | None = None) -> bytes:
    """One member, whatever it says."""
    size = b"%011o" % len(content) if size is None else size
    head = name.ljust(100, b"\0") + bytes(24) + size.ljust(12, b"\0") + bytes(12) + b" " * 8 + kind
    head = head.ljust(257, b"\0") + b"ustar\x0000" + bytes(512 - 265)
    head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
    return head + content + bytes(-len(content) % 512)
