"""Names of pictures from standard input, as `ls` or `find` writes them: each is handed on as soon as it is there."""

from __future__ import annotations

import os
import select
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from io import BufferedReader
from typing import cast

_AT_ONCE = 1 << 16  # bytes; more than Python's own buffer holds, so that nothing is left in it


class Names:
    """Names, one a line, or as ``find -print0`` ends them; an empty line counts for nothing."""

    def __init__(self) -> None:
        self._rest, self._end = b"", b"\n"
        self._wanted = self._begun = self._ended = False

    def __iter__(self) -> Iterator[str]:
        self._wanted = True
        while True:
            line, end, rest = self._rest.partition(self._end)
            if not end and not self._ended:
                self._read()
                continue
            self._rest = rest
            if name := line if self._end == b"\0" else line.removesuffix(b"\r"):
                yield os.fsdecode(name)
            elif not end:
                return

    def are_there(self) -> bool:
        """Whether the next name is there, or that there is none, without waiting; True if nobody can tell."""
        if not self._wanted or self._ended or self._end in self._rest:
            return True
        try:
            return bool(select.select([sys.stdin], [], [], 0)[0])
        except (OSError, ValueError):  # no file of the system's, or one that it cannot ask, as Windows its pipes
            return True

    def _read(self) -> None:
        found = cast("BufferedReader", sys.stdin.buffer).read1(_AT_ONCE)
        self._ended = not found
        self._rest += found
        if not self._begun and len(self._rest) >= len(BOM_UTF8):
            self._rest, self._begun = self._rest.removeprefix(BOM_UTF8), True
        if b"\0" in found:  # in no name of a file
            self._end = b"\0"
