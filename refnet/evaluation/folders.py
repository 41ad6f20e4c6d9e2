"""Data sets that are folders: one for each class, or pictures side by side whose names or whose list say the class."""

from __future__ import annotations

import os
import re
from pathlib import Path

from refnet.errors import InputError
from refnet.evaluation.data_set import DataSet, check_folder, count, is_picture, left_out, naming, pictures_below
from refnet.evaluation.tables import is_table, read_table

_PARTS = {"train", "val", "valid", "validation", "test"}  # of a data set that is all below one folder
_USED = ("val", "valid", "validation")
_WNID = re.compile(r"(n\d{8})[_.-]")  # n01440764_10026.JPEG, as ImageNet calls its training pictures
_VALIDATION = re.compile(r"ILSVRC2012_val_\d{8}\.")
_HOW = (
    "want a folder for each class with its pictures, names that begin with the wnid, such as n01440764_1.JPEG, or a "
    "table that says the classes: --truth FILE"
)


def read_data_set(
    place: str | os.PathLike[str],
    truth: str | os.PathLike[str] | None = None,
    *,
    synsets: str | os.PathLike[str] | None = None,
) -> DataSet:
    """Read what pictures a data set has, and the class of each; no picture is opened.

    Parameters
    ----------
    place
        - A folder with a folder for each class, as ImageNet and torchvision's ``ImageFolder`` have it; also one level
          above, if the folder ``val`` is in it.
        - A folder of pictures whose names begin with a wnid: ``n01440764_10026.JPEG``.
        - A folder of pictures, with ``truth``.
        - A table of file and class, CSV or columns; its paths begin at the table's own folder.
    truth
        A table of file and class, as which Kaggle's ``LOC_val_solution.csv`` is read too; or a class in every line,
        for the pictures in the order of their names, or of the numbers in ``ILSVRC2012_val_00000001.JPEG``.
    synsets
        What the numbers in ``truth`` mean: a table of wnid and number, such as the development kit's
        ``map_clsloc.txt``.

    Returns
    -------
    DataSet
        Pictures sorted by their paths; those of a table in its order.

    Raises
    ------
    InputError
        If there is no picture, or nothing says which class each is of. It is a ``FileNotFoundError`` if nothing is
        there.

    Examples
    --------
    >>> import pathlib, shutil, tempfile
    >>> place = pathlib.Path(tempfile.mkdtemp())
    >>> for wnid in ("n02123045", "n02123159"):
    ...     (place / wnid).mkdir()
    ...     _ = shutil.copy("refnet/data/chelsea.png", place / wnid)
    >>> read_data_set(place).given
    ('n02123045', 'n02123159')
    """
    path = Path(place)
    if path.is_file() and truth is None:
        if not is_table(path):
            raise InputError(
                f"{path}: neither a folder nor a table; want a folder of pictures, or a .csv, .tsv or .txt"
            )
        return read_table(path, synsets=synsets)
    folder, notes = _validation_part(check_folder(path))
    if truth is not None:
        files, others = pictures_below(folder)
        return read_table(Path(truth), folder, files, left_out(others), synsets=synsets)
    if synsets is not None:
        raise InputError("--synsets says what the numbers of a table mean; want --truth FILE with it")
    here = sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208
    classes = [name for name in here if (folder / name).is_dir()]
    return _of_folders(folder, classes, here, notes) if classes else _side_by_side(folder, here, notes)


def _validation_part(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Go down to the validation pictures, if a folder has them beside those for training."""
    inside = {child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")}
    if inside and inside <= _PARTS:
        for name in _USED:
            if name in inside:
                return folder / name, (f"the pictures are those in {folder / name}",)
    return folder, ()


def _of_folders(folder: Path, classes: list[str], here: list[str], notes: tuple[str, ...]) -> DataSet:
    files: list[str] = []
    given: list[str] = []
    others = 0
    for name in classes:
        found, no_pictures = pictures_below(folder / name)
        files += found
        given += [name] * len(found)
        others += no_pictures
    beside = [name for name in here if name not in set(classes) and is_picture(name)]
    if beside:
        notes += (f"{count(len(beside), 'picture')} left out, beside the folders of the classes: {naming(beside)}",)
    empty = [name for name in classes if name not in set(given)]
    if empty and files:
        notes += (f"{count(len(empty), 'folder')} without a picture: {naming(empty)}",)
    return DataSet(str(folder), tuple(files), tuple(given), tuple(classes), "folders", notes=notes + left_out(others))


def _side_by_side(folder: Path, here: list[str], notes: tuple[str, ...]) -> DataSet:
    names = [name for name in here if is_picture(name)]
    wnids = [match[1] if (match := _WNID.match(name)) else "" for name in names]
    if names and not any(wnids):
        if all(map(_VALIDATION.match, names)):
            raise InputError(
                f"{folder}: ImageNet's validation pictures, of which nothing says the classes; want --truth FILE: a "
                "list of wnids, one a line, such as imagenet_2012_validation_synset_labels.txt, Kaggle's "
                "LOC_val_solution.csv, or the development kit's ILSVRC2012_validation_ground_truth.txt with --synsets"
            )
        raise InputError(f"{folder}: nothing says the classes of its {count(len(names), 'picture')}; {_HOW}")
    without = [name for name, wnid in zip(names, wnids, strict=True) if not wnid]
    if without:
        raise InputError(
            f"{folder}: of {len(names)} names {len(without)} do not begin with a wnid: {naming(without)}; {_HOW}"
        )
    files = tuple(str(folder / name) for name in names)
    others = len(here) - len(names)
    return DataSet(
        str(folder), files, tuple(wnids), tuple(sorted(set(wnids))), "names of files", notes=notes + left_out(others)
    )
