"""Files from anywhere, opened without a wait and read no further than they may go.

A pipe without a writer would be waited for without end, a device has no end, and opening one may do something. So what
a person or another file names is opened only where it is a regular file; errors are the system's, an ``OSError``.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from io import BufferedReader, FileIO
from typing import Any

PATIENCE = 10.0  # seconds
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # where it has become a pipe meanwhile
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_AT_ONCE = 1 << 20  # bytes of a file that is longer than it said
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_file(path: str | os.PathLike[str], *, pipes: bool = False) -> BufferedReader:
    """Open a regular file for reading; whatever else is there is an ``OSError`` at once.

    With ``pipes`` also a pipe that somebody opens for writing soon, as a shell's ``<(curl …)``.

    Examples
    --------
    >>> open_file("/dev/null")
    Traceback (most recent call last):
        ...
    OSError: [Errno 22] it is a device; want a regular file: '/dev/null'
    """
    check_regular(os.stat(path), path, pipes=pipes)  # noqa: PTH116 (any path-like)
    opened = os.open(path, _FLAGS)
    try:
        found = os.fstat(opened)
        check_regular(found, path, pipes=pipes)
    except BaseException:
        os.close(opened)
        raise
    return _opened_pipe(opened, path) if stat.S_ISFIFO(found.st_mode) else os.fdopen(opened, "rb")


def _opened_pipe(opened: int, path: str | os.PathLike[str]) -> BufferedReader:
    """Wait until somebody has the pipe open for writing, who may then need long for the first byte."""
    raw = _Pipe(opened)
    file: BufferedReader = BufferedReader(raw)
    try:
        if not select.select([opened], [], [], PATIENCE)[0]:
            file.peek(1)
            if raw.found == 0:
                raise OSError(errno.ETIMEDOUT, f"nobody writes to this pipe, for {PATIENCE:g} s", os.fspath(path))
        os.set_blocking(opened, True)
    except BaseException:
        file.close()
        raise
    return file


class _Pipe(FileIO):
    """A pipe that knows what it found last: None where somebody has yet to write, 0 where nobody is there to do so."""

    found: int | None = None

    def readinto(self, buffer: Any, /) -> int | None:
        self.found = super().readinto(buffer)
        return self.found


def read_bytes(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a regular file of at most so many bytes; a larger one is an ``OSError``, and is not read.

    Examples
    --------
    >>> read_bytes("refnet/data/chelsea.png", 100)
    Traceback (most recent call last):
        ...
    OSError: [Errno 27] 240512 bytes; want at most 100: 'refnet/data/chelsea.png'
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        # Not `most` at once, for which Python takes the memory before it reads; files of /proc say that they have none.
        data = file.read(size + 1) if size <= most else b""
        while size < len(data) <= most and (more := file.read(min(_AT_ONCE, most + 1 - len(data)))):
            data += more
    if size > most or len(data) > most:
        raise OSError(errno.EFBIG, f"{max(size, len(data))} bytes; want at most {most}", os.fspath(path))
    return data


def read_text(path: str | os.PathLike[str], most: int) -> str:
    """Read a regular file of UTF-8, with a byte order mark or without; anything else is a ``UnicodeDecodeError``.

    Examples
    --------
    >>> read_text("refnet/data/imagenet_labels.tsv", 1 << 20)[:9]
    'n01440764'
    """
    return read_bytes(path, most).decode("utf-8-sig")


def check_regular(found: os.stat_result, path: str | os.PathLike[str], *, pipes: bool = False) -> None:
    """Refuse what is no regular file, nor a pipe where those are taken, by an ``OSError``."""
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if kind != stat.S_IFREG and not (pipes and kind == stat.S_IFIFO):
        what = _KINDS.get(kind, "of a kind of its own")
        raise OSError(errno.EINVAL, f"it is {what}; want a regular file", os.fspath(path))
