"""One file that holds all tensors: it is written under another name and moved in place once it is complete."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from refnet.errors import InputError
from refnet.files.whole import whole_file


class Unfinished:
    """A file being written: ``path`` is where, until it is moved or dropped."""

    def __init__(self, target: Path) -> None:
        if target.is_dir():
            raise InputError(f"{target} is a directory; want the name of a file")
        self._stack = ExitStack()
        self.path = self._stack.enter_context(whole_file(target))

    def move_in_place(self) -> None:
        """Give it its name."""
        self._stack.close()

    def drop(self) -> None:
        """Remove it, unless it has its name already."""
        abandoned = InputError("not finished")
        self._stack.__exit__(InputError, abandoned, None)  # as an error in the block would
