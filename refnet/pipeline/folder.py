"""Folders: the pictures in one, in an order that is the same everywhere."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from refnet.errors import ImageError
from refnet.preprocessing.image_like import ENDINGS

LOGGER = logging.getLogger("refnet")


def walk(folder: str, *, recursive: bool = False) -> Iterator[tuple[str, str | ImageError]]:
    """Name the pictures in a folder, sorted; with ``recursive`` then those of its folders. Tell once what is left out.

    Pictures are known by their endings. Left out are hidden files and folders, and what is no file, such as a pipe. A
    folder that links lead to twice is gone through once. One that cannot be read is an error in its place.
    """
    skipped = _Skipped()
    yield from _walk(folder, recursive, set(), skipped)
    if skipped.count:
        LOGGER.info(skipped.told(folder))


class _Skipped:
    """What is no picture by its ending."""

    def __init__(self) -> None:
        self.count = 0
        self.example = ""

    def add(self, name: str) -> None:
        self.count += 1
        self.example = self.example or name

    def told(self, folder: str) -> str:
        if self.count == 1:
            return f"{folder}: {self.example} is left out, by its ending no picture"
        return f"{folder}: {self.count:,} files are left out, by their ending no pictures, such as {self.example}"


def _walk(
    folder: str, recursive: bool, seen: set[tuple[int, int]], skipped: _Skipped
) -> Iterator[tuple[str, str | ImageError]]:
    try:
        state = os.stat(folder)  # noqa: PTH116
        with os.scandir(folder) as found:
            entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        unreadable = ImageError(f"{folder}: cannot read the folder: {error.strerror or error}", filename=folder)
        unreadable.errno, unreadable.strerror = error.errno, error.strerror
        yield folder, unreadable
        return
    if (state.st_dev, state.st_ino) in seen:
        return
    seen.add((state.st_dev, state.st_ino))
    folders = []
    for entry in entries:
        if _is_folder(entry):
            folders.append(entry.path)
        elif Path(entry.name).suffix.lower() not in ENDINGS:
            skipped.add(entry.name)
        elif regular(entry.path):
            yield entry.path, entry.path
    if recursive:
        for inner in folders:
            yield from _walk(inner, recursive, seen, skipped)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def regular(path: str) -> bool:
    """Whether there is a file that ends, or a link that leads nowhere and is told as such; no pipe, device, folder."""
    return os.path.isfile(path) or not os.path.exists(path)  # noqa: PTH110, PTH113
