"""Members of a ``.tar`` or ``.tar.gz``, read in place: nothing is unpacked to a path that an archive names.

Python's tarfile is not used: it follows whatever a header says (sparse files, chains of extended headers), and
the versions this package runs on have known ways to hang in it. Here is only what published archives need:
directories and plain files, with POSIX's and GNU's ways to say a long name.
"""

from __future__ import annotations

import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from refnet.errors import CheckpointError

BLOCK = 512
GZIP = b"\x1f\x8b"
USTAR = slice(257, 262)
MAX_MEMBERS = 4096
MAX_EXTENDED = 1 << 16  # bytes of an extended header
MAX_BYTES = 1 << 32  # of an unpacked .gz; B7 with all its optimiser's variables is about 1 GB
MAX_RATIO = 100  # trained weights hardly compress at all
SLACK = 1 << 20  # a small archive is mostly zeros

_CHECKSUM = slice(148, 156)
_AS_GZIP = 31  # zlib's word for a header and a checksum of gzip
_PIECE = 1 << 22

_FILE, _DIRECTORY, _LONG_NAME, _PAX, _PAX_GLOBAL = b"0", b"5", b"L", b"x", b"g"
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe"}
_OCTAL = re.compile(rb" *([0-7]{1,12})[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([^=]+)=", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """Some bytes of an open file."""

    file: IO[bytes]
    start: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Read ``size`` bytes from ``offset`` on.

        Raises
        ------
        CheckpointError
            If they are not all there.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CheckpointError(f"bytes {offset} to {offset + size} are outside the file's {self.size}")
        self.file.seek(self.start + offset)
        data = self.file.read(size)
        if len(data) < size:
            raise CheckpointError("the file is cut short")
        return data


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so (512 bytes are enough) is a tar, or compressed by gzip; suffixes do not tell."""
    return head.startswith(GZIP) or head[USTAR] == b"ustar"


def begins_one(file: IO[bytes]) -> bool:
    """Whether a file that is not compressed begins like a tar of any age, damaged or not; it is at its start then."""
    header = file.read(BLOCK)
    file.seek(0)
    return len(header) == BLOCK and (not any(header) or _OCTAL.fullmatch(header[_CHECKSUM]) is not None)


def members(file: IO[bytes]) -> dict[str, Part]:
    """List the plain files of a tar.

    Parameters
    ----------
    file
        A tar, open for reading and seeking, not compressed: ``decompressed`` makes one.

    Raises
    ------
    CheckpointError
        If the archive is malformed or cut short, or has a link, a device, a path that is absolute or climbs, or
        one path twice.
    """
    whole = Part(file, 0, file.seek(0, 2))
    found: dict[str, Part] = {}
    at = 0
    long_name = b""
    for _ in range(MAX_MEMBERS):
        header = whole.read(at, BLOCK)
        if not any(header):
            return found
        name, kind, size = _read_header(header)
        part = Part(file, at + BLOCK, size)
        at = part.start + -(-size // BLOCK) * BLOCK
        if at > whole.size:
            raise CheckpointError("the archive is cut short")
        if kind in (_LONG_NAME, _PAX, _PAX_GLOBAL):
            long_name = _extended(kind, part) or long_name
            continue
        path = _path(long_name or name, kind)
        if kind == _FILE and path in found:
            raise CheckpointError(f"the archive has {path!r} twice")
        if kind == _FILE:
            found[path] = part
        long_name = b""
    raise CheckpointError(f"the archive has more than {MAX_MEMBERS} members")


def decompressed(file: IO[bytes], size: int) -> IO[bytes]:
    """Decompress a gzip file into a temporary file without a name, which goes when it is closed.

    Parameters
    ----------
    file
        Open for reading, at the start.
    size
        Its bytes, to judge whether what comes out is out of proportion.

    Raises
    ------
    CheckpointError
        If it is damaged, cut short, or grows beyond what weights do.
    """
    limit = min(MAX_BYTES, MAX_RATIO * size + SLACK)
    with ExitStack() as stack:
        target = stack.enter_context(tempfile.TemporaryFile())
        try:
            for piece in _inflated(file):
                target.write(piece)
                if target.tell() > limit:
                    raise CheckpointError(f"{size} bytes of gzip become more than {limit}; no checkpoint does")
        except (OSError, zlib.error) as error:
            raise CheckpointError(f"cannot decompress: {error}") from None
        stack.pop_all()  # it stays open for the caller
        return target


def _inflated(file: IO[bytes]) -> Iterator[bytes]:
    """Decompress gzip, one member after the other, in pieces that let other threads work meanwhile."""
    machine = zlib.decompressobj(_AS_GZIP)
    rest = b""
    while data := rest or file.read(_PIECE):
        if machine.eof:
            data = data.lstrip(b"\0")  # what may fill up the last block of a tape
            machine = zlib.decompressobj(_AS_GZIP) if data else machine
        if data:
            yield machine.decompress(data, _PIECE)
        rest = machine.unconsumed_tail or machine.unused_data
    if not machine.eof:
        raise CheckpointError("cannot decompress: the file is cut short")


def _read_header(header: bytes) -> tuple[bytes, bytes, int]:
    """Name, kind and size of a member."""
    blanked = header[:148] + b" " * 8 + header[156:]
    if _octal(header[_CHECKSUM]) != sum(blanked):
        raise CheckpointError("the archive is damaged: a header does not have its checksum")
    name, kind = header[:100].split(b"\0")[0], header[156:157]
    prefix = header[345:500].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:  # GNU's own format keeps other things there
        name = prefix + b"/" + name
    if kind == b"\0":  # from before POSIX
        kind = _DIRECTORY if name.endswith(b"/") else _FILE
    size = _octal(header[124:136])
    return name, kind, 0 if kind == _DIRECTORY else size


def _octal(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if not match:
        raise CheckpointError("the archive is damaged: a number in a header is not octal")
    return int(match[1], 8)


def _extended(kind: bytes, part: Part) -> bytes:
    """Name that an extended header gives to the next member, if any."""
    if part.size > MAX_EXTENDED:
        raise CheckpointError(f"the archive has an extended header of {part.size} bytes")
    data = part.read(0, part.size)
    if kind == _LONG_NAME:
        return data.rstrip(b"\0")
    name = b""
    while data:
        match = _RECORD.match(data)
        length = int(match[1]) if match else 0
        if not match or not match.end() < length <= len(data) or data[length - 1 : length] != b"\n":
            raise CheckpointError("the archive is damaged: an extended header is malformed")
        key = match[2]
        if key == b"path" and kind == _PAX:
            name = data[match.end() : length - 1]
        elif key in (b"path", b"size", b"linkpath", b"hdrcharset") or key.startswith(b"GNU.sparse"):
            raise CheckpointError(f"the archive's extended headers state {key[:40]!r}, which no checkpoint needs")
        data = data[length:]
    return name


def _path(name: bytes, kind: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise CheckpointError(f"the archive has a path that is not UTF-8: {name[:80]!r}") from None
    if kind not in (_FILE, _DIRECTORY):
        raise CheckpointError(f"{text[:80]!r} in the archive is {_KINDS.get(kind, 'neither a file nor a directory')}")
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or not text.isprintable() or "\\" in text:
        raise CheckpointError(f"the archive has the path {text[:80]!r}, which is not below the archive's own folder")
    return str(path)
