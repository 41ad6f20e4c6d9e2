"""New HDF5 files: where the disk is full, HDF5's library ends the process when it closes a file, so it is not told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py

from refnet.files.hdf5 import DAMAGE


@contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[h5py.File, Disk]]:
    """Make a file that every HDF5 library reads, and what is below it, which says whether it was written."""
    with Disk(path, "x+") as disk:
        file = h5py.File(disk, "w", libver=("earliest", "v110"))
        try:
            yield file, disk
        finally:
            with suppress(*DAMAGE):  # after an error; what is finished is closed
                file.close()


class Disk(io.FileIO):
    """The file below HDF5, which never learns of a full disk: its library cannot close a file that it cannot write."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of it; after a failure nothing more is written."""
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view) and self.failure is None:
            try:
                written += super().write(view[written:])
            except OSError as error:
                self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Make the file as long as HDF5 wants it."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Raise what HDF5 was not told, after a block that writes."""
        try:
            yield
        except DAMAGE as error:
            raise self.failure or OSError(f"cannot be put together as HDF5: {error}") from error
        if self.failure is not None:
            raise self.failure
