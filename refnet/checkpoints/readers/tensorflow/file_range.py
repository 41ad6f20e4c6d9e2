"""A range of bytes of an open file: a member of an archive, or all of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from refnet.errors import CheckpointError


@dataclass(frozen=True)
class FileRange:
    """Some bytes of an open file."""

    file: IO[bytes]
    start: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Read ``size`` bytes from ``offset`` on, or refuse if they are not all there."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CheckpointError(f"bytes {offset} to {offset + size} are outside the file's {self.size}")
        self.file.seek(self.start + offset)
        data = self.file.read(size)
        if len(data) < size:
            raise CheckpointError("the file is cut short")
        return data
