"""Tables that say the class of each picture: CSV, columns, or a class in every line for pictures in their order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from refnet.errors import InputError
from refnet.evaluation.columns import INDEX_HEADS, Table, read_lines, split
from refnet.evaluation.data_set import DataSet, count, naming

_ENDINGS = (".csv", ".tsv", ".txt")
_NUMBER = re.compile(r"\d{1,9}")
_WNID = re.compile(r"n\d{8}")
_VALIDATION = re.compile(r"ILSVRC2012_val_(\d{8})\.")
_BOXES = re.compile(r"(n\d{8})(( -?\d+){4})( n\d{8}( -?\d+){4})*\s*")  # Kaggle's: a wnid and its boxes


def is_table(path: Path) -> bool:
    """Whether a file's ending is one of a table.

    Examples
    --------
    >>> is_table(Path("val.csv")), is_table(Path("cat.png"))
    (True, False)
    """
    return path.suffix.lower() in _ENDINGS


def read_table(
    path: Path,
    folder: Path | None = None,
    pictures: Sequence[str] = (),
    notes: tuple[str, ...] = (),
    *,
    synsets: str | os.PathLike[str] | None = None,
) -> DataSet:
    """Read a data set from its table; ``pictures`` are those in ``folder``, where there is one."""
    lines = read_lines(path)
    try:
        table = split(lines)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if table is None:
        if folder is None:
            raise InputError(f"{path}: no line names a picture; want a file and its class in every line")
        files, given = _in_order(path, lines, pictures)
        head = ""
    else:
        files, more = _files(table, path, folder, pictures)
        notes += more
        given, head = table.classes, table.class_head
    given = [match[1] if (match := _BOXES.fullmatch(each)) else each for each in given]
    _check_filled(path, given)
    if folders := [os.path.relpath(name, folder or path.parent) for name in files if os.path.isdir(name)]:  # noqa: PTH112
        raise InputError(f"{path}: {naming(folders)} is a folder; want a picture and its class in every line")
    numbers = ""
    if all(map(_NUMBER.fullmatch, given)):
        if synsets is not None:
            wnids = read_synsets(Path(synsets))
            given = [_wnid(number, wnids, Path(synsets)) for number in given]
        elif _counts_from_one(path, [int(number) for number in given], listed=table is None):
            raise InputError(
                f"{path}: numbers from 1, and it is not clear what they count: the ids of ILSVRC's development kit are "
                "in another order than the wnids; want --synsets FILE, a table of wnid and number such as its "
                "map_clsloc.txt, or a list of wnids"
            )
        else:
            numbers = "index" if head in INDEX_HEADS else "unclear"
    elif synsets is not None:
        raise InputError(f"{path}: it has names, for which --synsets has no use; want numbers, or leave --synsets out")
    name = str(path if folder is None else folder)
    return DataSet(name, tuple(files), tuple(given), tuple(sorted(set(given))), path.name, numbers, notes)


def _in_order(path: Path, lines: Sequence[str], pictures: Sequence[str]) -> tuple[list[str], list[str]]:
    """A class in every line: of the picture with that number in its name, or else of that place."""
    numbered = [_VALIDATION.match(PurePath(name).name) for name in pictures]
    if pictures and all(numbered):
        places = [int(match[1]) - 1 for match in numbered if match]
        if max(places) >= len(lines) or min(places) < 0:
            raise InputError(f"{path}: {len(lines)} lines; {pictures[places.index(max(places))]} is beyond them")
        return list(pictures), [lines[place] for place in places]
    if len(lines) != len(pictures):
        raise InputError(
            f"{path}: {len(lines)} lines for {len(pictures)} pictures; want a class for each, in the order of their "
            "names, or in every line a file and its class"
        )
    return list(pictures), list(lines)


def _files(table: Table, path: Path, folder: Path | None, pictures: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The paths that a table means, and how many pictures of the folder it does not name."""
    if len(set(table.files)) < len(table.files):
        seen: set[str] = set()
        twice = [name for name in table.files if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
        raise InputError(f"{path}: {naming(twice)} more than once; want each picture once")
    if folder is None:
        return [str(path.parent / name) for name in table.files], ()
    known = {os.path.relpath(picture, folder): picture for picture in pictures}
    by_stem: dict[str, list[str]] = {}
    for picture in pictures:
        for short in {PurePath(picture).name, PurePath(picture).stem}:
            by_stem.setdefault(short, []).append(picture)
    found = []
    for name in table.files:
        near = by_stem.get(PurePath(name).name, [])
        if name not in known and len(near) > 1:
            near = [os.path.relpath(picture, folder) for picture in near]
            raise InputError(f"{path}: {name} may be {naming(near)}; want its path below {folder}")
        found.append(known.get(name) or (near[0] if near else str(folder / name)))
    unnamed = sorted(set(pictures) - set(found))
    names = [os.path.relpath(picture, folder) for picture in unnamed[:5]] + unnamed[5:]
    note = f"{count(len(unnamed), 'picture')} left out, not in {path.name}: {naming(names)}"
    return found, (note,) * bool(unnamed)


def _check_filled(path: Path, given: Sequence[str]) -> None:
    if not given:
        raise InputError(f"{path}: no picture is in it")
    if "" in given:
        raise InputError(f"{path}: picture {list(given).index('') + 1} has no class")


def _counts_from_one(path: Path, numbers: Sequence[int], *, listed: bool) -> bool:
    """Whether numbers may well be those of the development kit: no 0 where one would be."""
    if 0 in numbers:
        return False
    return listed or "ground_truth" in path.name or len(numbers) >= 5 * max(numbers)


def read_synsets(path: Path) -> dict[int, str]:
    r"""Read what numbers mean: in every line a wnid and its number, whatever else.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "map_clsloc.txt")
    >>> _ = file.write_text("n02119789 1 kit_fox\nn02100735 2 English_setter\n")
    >>> read_synsets(file)
    {1: 'n02119789', 2: 'n02100735'}
    """
    found: dict[int, str] = {}
    wnids: set[str] = set()
    for place, line in enumerate(read_lines(path), 1):
        cells = re.split(r"[\s,;]+", line.strip())
        wnid = next((cell for cell in cells if _WNID.fullmatch(cell)), None)
        number = next((int(cell) for cell in cells if _NUMBER.fullmatch(cell)), None)
        if wnid is None or number is None:
            raise InputError(f"{path}, line {place}: want a wnid and its number, such as: n02119789 1 kit_fox")
        if number in found or wnid in wnids:
            raise InputError(f"{path}, line {place}: {number} or {wnid} comes a second time")
        found[number] = wnid
        wnids.add(wnid)
    return found


def _wnid(number: str, wnids: dict[int, str], path: Path) -> str:
    try:
        return wnids[int(number)]
    except KeyError:
        raise InputError(f"{path}: it has no number {number}; want a wnid for every number of the table") from None
