"""Zip archives of stored members, placed without zipfile, which reads 100,000 bytes out of 131 (Python 3.11.7).

There members may lie on each other, and each is copied; here none may, and all are views of the file's bytes. zipfile
reads the directory. All sizes and places are compared with the file before anything is read through them; a member's
name is only a name, never a path to write to.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, cast

from refnet.errors import CheckpointError

SIGNATURE = b"PK\x03\x04"
MAX_MEMBERS = 1 << 15  # a checkpoint of B7 with its moving average and an optimizer has about 4,000
MAX_DIRECTORY = 1 << 23

_ENCRYPTED = 0x2041  # flag bits: encrypted, strongly encrypted, with its header encrypted
_HEADER = struct.Struct("<4s22xHH")  # a member's own header: signature, …, length of the name, of the extra field
# What zipfile raises for damaged archives.
BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, OverflowError, struct.error)


def members(data: bytes, unread: Callable[[str], bool] = lambda name: False) -> dict[str, memoryview]:
    """Find the bytes of every member by its name: all stored as they are, each inside the file and none on another.

    Members that are ``unread`` may be compressed, and are left out.

    Examples
    --------
    >>> import io, zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("metadata.json", "{}")
    >>> {name: bytes(member) for name, member in members(file.getvalue()).items()}
    {'metadata.json': b'{}'}
    """
    listed, limit = _directory(io.BytesIO(data))
    if len({info.filename for info in listed}) < len(listed):
        raise CheckpointError("the archive has two members of one name")
    places = {info.filename: _place(data, info, compressed=unread(info.filename)) for info in listed}
    end = 0
    for info in sorted(listed, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise CheckpointError(f"member {info.filename[:80]!r} overlaps the one before it")
        end = places[info.filename].stop
    if end > limit:
        raise CheckpointError("a member overlaps the archive's directory, or the file is cut short")
    found = {name: memoryview(data)[place] for name, place in places.items() if not unread(name)}
    for info in listed:
        # PyTorch can leave the checksums out, and then writes 0.
        if info.filename in found and info.CRC and zlib.crc32(found[info.filename]) != info.CRC:
            raise CheckpointError(f"member {info.filename[:80]!r} is damaged: its checksum disagrees")
    return found


def names(file: IO[bytes]) -> list[str]:
    """Names of all members of an open file, which is read no further; where they lie is not checked."""
    return [info.filename for info in _directory(file)[0]]


def _directory(file: IO[bytes]) -> tuple[list[zipfile.ZipInfo], int]:
    """What the archive says it holds, and where it begins to say so."""
    try:
        with zipfile.ZipFile(cast(IO[bytes], Guarded(file))) as archive:
            listed, start = archive.infolist(), archive.start_dir
    except BROKEN as error:
        raise CheckpointError(f"not a zip archive that can be read, cut short or damaged: {error}") from None
    if len(listed) > MAX_MEMBERS:
        raise CheckpointError(f"the archive has {len(listed)} members, more than any checkpoint")
    return listed, start


def _place(data: bytes, info: zipfile.ZipInfo, *, compressed: bool) -> slice:
    """Say where a member's bytes are; the caller checks where they end."""
    name = repr(info.filename[:80])
    if info.flag_bits & _ENCRYPTED:
        raise CheckpointError(f"member {name} is encrypted")
    if not compressed and (info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size):
        raise CheckpointError(f"member {name} is compressed; PyTorch and Keras store members as they are")
    if not 0 <= info.header_offset <= len(data) - _HEADER.size:
        raise CheckpointError(f"member {name} begins outside the file")
    signature, name_length, extra_length = _HEADER.unpack_from(data, info.header_offset)
    start = info.header_offset + _HEADER.size
    encoded = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    if signature != SIGNATURE or data[start : start + name_length] != encoded:
        raise CheckpointError(f"member {name} is not where the archive's directory says")
    start += name_length + extra_length
    return slice(start, start + info.compress_size)


class Guarded:
    """A file that does not let zipfile take a directory larger than any checkpoint's into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read, but no more than a directory may have."""
        if size > MAX_DIRECTORY:
            raise CheckpointError(f"the archive's directory has {size} bytes, more than any checkpoint's")
        return self._file.read(size)
