"""A data set: pictures, and of each the class it belongs to, in the data set's own words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refnet.errors import FEW, InputError, InputNotFoundError, shortened
from refnet.preprocessing.image_like import ENDINGS


@dataclass(frozen=True, eq=False)
class DataSet:
    """Pictures with their classes.

    Attributes
    ----------
    name
        The folder or file that says it.
    files
        Path of each picture.
    given
        Class of each, as the data set calls it.
    classes
        Every class that it has, sorted; folders without a picture too.
    said_by
        What says the classes: ``folders``, ``names of files`` or a table's name.
    numbers
        Whether the classes are numbers: ``index`` where the table says that they count from 0, ``unclear`` where it
        does not, and nothing where they are names.
    notes
        What else a reader should know, such as files left out.
    """

    name: str
    files: tuple[str, ...]
    given: tuple[str, ...]
    classes: tuple[str, ...]
    said_by: str
    numbers: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.files:
            raise InputError(f"{self.name}: no picture is in it")

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"<DataSet {self.name}: {len(self)} pictures of {len(self.classes)} classes, by {self.said_by}>"

    def short(self, file: str) -> str:
        """A picture's path as it is below the data set's folder, if it is there."""
        below = self.name.rstrip(os.sep) + os.sep
        return file.removeprefix(below)


def pictures_below(folder: str | Path) -> tuple[list[str], int]:
    """List the pictures in a folder and the folders in it, sorted, and count the other files.

    Hidden files and folders are left out. A folder that is there twice, by links, is read once.
    """
    found: list[str] = []
    others, seen = 0, set()
    for place, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        state = os.stat(place)  # noqa: PTH116
        here = (state.st_dev, state.st_ino)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = [name for name in files if not name.startswith(".")]
        pictures = [name for name in names if is_picture(name)]
        others += len(names) - len(pictures)
        found += [os.path.join(place, name) for name in pictures]  # noqa: PTH118
    return sorted(found), others


def is_picture(name: str) -> bool:
    """Whether a file's ending is one of a picture.

    Examples
    --------
    >>> is_picture("n01440764_10026.JPEG"), is_picture("labels.csv")
    (True, False)
    """
    return os.path.splitext(name)[1].lower() in ENDINGS  # noqa: PTH122


def left_out(others: int) -> tuple[str, ...]:
    """Say how many files are no pictures."""
    return (f"{count(others, 'file')} left out, by the ending no picture",) * bool(others)


def check_folder(place: str | os.PathLike[str]) -> Path:
    """Refuse what is no folder."""
    path = Path(place)
    if not path.exists():
        raise InputNotFoundError(f"{path}: no such file or directory", filename=path)
    if not path.is_dir():
        raise InputError(f"{path}: not a folder; want one with the pictures of a data set")
    return path


def naming(things: Sequence[str]) -> str:
    """Name the first few of a list.

    Examples
    --------
    >>> naming(["a.png", "b.png", "c.png", "d.png", "e.png", "f.png"])
    'a.png, b.png, c.png, d.png, and 2 more'
    """
    named = [shortened(thing) for thing in things[:FEW]]
    return ", ".join(named + [f"and {len(things) - FEW:,} more"] * (len(things) > FEW))


def count(number: int, thing: str, plural: str = "") -> str:
    """Say how many there are.

    Examples
    --------
    >>> count(1, "picture"), count(2000, "class", "classes")
    ('1 picture', '2,000 classes')
    """
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot read the folder: {error.strerror}") from error
