"""Headers of a ``.tar``, read without tarfile, which needs 10 s for one hostile header of 60 kB (Python 3.11.7).

It also ends the list of members without a word at the first damaged header, takes a negative size for one, and skips
extended headers that are malformed; all measured on versions that this package runs on. Here is only what published
archives need: directories and plain files, with POSIX's and GNU's ways to say a long name. Members are read in place,
and nothing is unpacked to a path that an archive names. gzip is the standard library's.
"""

from __future__ import annotations

import gzip
import re
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import IO

from refnet.checkpoints.readers.tensorflow.file_range import FileRange
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
_PIECE = 1 << 20

_FILE, _DIRECTORY, _LONG_NAME, _PAX, _PAX_GLOBAL = b"0", b"5", b"L", b"x", b"g"
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe"}
_OCTAL = re.compile(rb" *([0-7]{1,12})[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([^=]+)=", re.DOTALL)


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so (512 bytes are enough) is a tar, or compressed by gzip; suffixes do not tell."""
    return head.startswith(GZIP) or head[USTAR] == b"ustar"


def begins_like_tar(file: IO[bytes]) -> bool:
    """Whether a file that is not compressed begins like a tar of any age, damaged or not; it is at its start then."""
    header = file.read(BLOCK)
    file.seek(0)
    return len(header) == BLOCK and (not any(header) or _OCTAL.fullmatch(header[_CHECKSUM]) is not None)


def members(file: IO[bytes]) -> dict[str, FileRange]:
    """List the plain files of a tar."""
    whole = FileRange(file, 0, file.seek(0, 2))
    found: dict[str, FileRange] = {}
    at = 0
    long_name = b""
    for _ in range(MAX_MEMBERS):
        header = whole.read(at, BLOCK)
        if not any(header):
            return found
        name, kind, size = _read_header(header)
        part = FileRange(file, at + BLOCK, size)
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
    """Decompress a gzip file of ``size`` bytes, no further than weights grow, to a temporary file without a name."""
    limit = min(MAX_BYTES, MAX_RATIO * size + SLACK)
    with ExitStack() as stack:
        target = stack.enter_context(tempfile.TemporaryFile())
        try:
            with gzip.GzipFile(fileobj=file) as pieces:
                while piece := pieces.read(_PIECE):
                    target.write(piece)
                    if target.tell() > limit:
                        raise CheckpointError(f"{size} bytes of gzip become more than {limit}; no checkpoint does")
        except (OSError, EOFError, zlib.error) as error:
            raise CheckpointError(f"cannot decompress: {error}") from None
        stack.pop_all()  # it stays open for the caller
        return target


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


def _extended(kind: bytes, part: FileRange) -> bytes:
    """Name that an extended header gives to the next member, if any."""
    if part.size > MAX_EXTENDED:
        raise CheckpointError(f"the archive has an extended header of {part.size} bytes")
    data = part.read(0, part.size)
    if kind == _LONG_NAME:
        return data.rstrip(b"\0")
    name, at = b"", 0
    while at < len(data):
        match = _RECORD.match(data, at)
        end = at + int(match[1]) if match else 0
        if not match or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise CheckpointError("the archive is damaged: an extended header is malformed")
        key = match[2]
        if key == b"path" and kind == _PAX:
            name = data[match.end() : end - 1]
        elif key in (b"path", b"size", b"linkpath", b"hdrcharset") or key.startswith(b"GNU.sparse"):
            raise CheckpointError(f"the archive's extended headers state {key[:40]!r}, which no checkpoint needs")
        at = end
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
