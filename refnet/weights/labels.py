"""Labels: what the classes of a network are called.

A table is plain text, one class a line in the order of the logits: its id, a tab, its text.

    n01440764	tench, Tinca tinca
    n01443537	goldfish, Carassius auratus

ImageNet's ids are WordNet ids, its texts the synonyms of the synset; own classes may have any ids. A table without a
single tab is a list of names, and each name is its own id.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refnet.errors import InputError, input_error
from refnet.files.shipped import shipped

BACKGROUND = "background"
MAX_BYTES = 1 << 20  # of a table; ImageNet's has 32,000


@dataclass(frozen=True)
class Label:
    """One class: its place among the logits, its id and its text."""

    index: int
    wnid: str
    text: str

    @property
    def name(self) -> str:
        """The first of the synonyms.

        Examples
        --------
        >>> Label(0, "n01440764", "tench, Tinca tinca").name
        'tench'
        """
        return self.text.partition(",")[0]


@dataclass(frozen=True)
class Labels:
    """The classes of a network, in the order of its logits.

    Attributes
    ----------
    wnids, texts
        Id and text of each class; the ids are unique.

    Raises
    ------
    InputError
        If there is no class, the two are not of one length, an id comes twice, or an entry is empty or not
        printable.

    Examples
    --------
    >>> labels = Labels(("n01440764", "n01443537"), ("tench, Tinca tinca", "goldfish, Carassius auratus"))
    >>> labels[1]
    Label(index=1, wnid='n01443537', text='goldfish, Carassius auratus')
    >>> labels.index("n01443537")
    1
    """

    wnids: tuple[str, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.wnids or len(self.wnids) != len(self.texts):
            raise InputError(f"{len(self.wnids)} ids and {len(self.texts)} texts; want one of each for every class")
        seen: set[str] = set()
        for index, (wnid, text) in enumerate(zip(self.wnids, self.texts, strict=True)):
            for entry in (wnid, text):
                if not (entry and entry.isprintable()):
                    raise InputError(f"label {index}: {entry!r} is not a line of printable text")
            if wnid in seen:
                raise InputError(f"label {index}: the id {wnid} comes a second time")
            seen.add(wnid)

    def __len__(self) -> int:
        return len(self.wnids)

    def __getitem__(self, index: int) -> Label:
        index = range(len(self))[index]  # a negative index counts from the end, as in a tuple
        return Label(index, self.wnids[index], self.texts[index])

    def __iter__(self) -> Iterator[Label]:
        return (self[index] for index in range(len(self)))

    def index(self, wnid: str) -> int:
        """Place of an id among the logits.

        It is an ``InputError`` if no class has this id.
        """
        try:
            return self.wnids.index(wnid)
        except ValueError:
            raise InputError(f"no class has the id {wnid!r}; the first has {self.wnids[0]!r}") from None


def parse_labels(table: str) -> Labels:
    r"""Read a label table from its text: an id, a tab and a text in every line, or a name in every line.

    Lines end with ``\n`` or ``\r\n``; blanks before that are left out.

    Examples
    --------
    >>> parse_labels("cat\tmy own cat\ndog\tthe neighbour's dog\n")[1]
    Label(index=1, wnid='dog', text="the neighbour's dog")
    >>> parse_labels("daisy\nyellow rose\n")[1]
    Label(index=1, wnid='yellow rose', text='yellow rose')
    """
    lines = [line.rstrip(" \r") for line in table.split("\n")]
    if not lines[-1]:
        lines.pop()
    if "\t" not in table:
        return Labels(tuple(lines), tuple(lines))
    rows = [line.split("\t") for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise InputError(
                f"line {number} of the label table: need an id, one tab and a text, or in all of the table no tab"
            )
    return Labels(tuple(row[0] for row in rows), tuple(row[1] for row in rows))


def read_labels(path: str | Path) -> Labels:
    """Read a label table from a UTF-8 text file, with a byte order mark or without.

    It must be a regular file of at most a mebibyte.
    """
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError("not a regular file; want a label table of UTF-8 text")
        if found.st_size > MAX_BYTES:
            raise InputError(f"{found.st_size} bytes, more than the {MAX_BYTES} of any label table")
        return parse_labels(Path(path).read_text("utf-8-sig"))
    except OSError as error:
        raise input_error(f"{path}: cannot read a label table: {error.strerror or error}", path, error) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot read a label table, it is not UTF-8: {error}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def imagenet_labels() -> Labels:
    """Read the table of the 1,000 classes of ImageNet that comes with refnet.

    Examples
    --------
    >>> imagenet_labels()[388].name
    'giant panda'
    """
    return read_labels(shipped("imagenet_labels.tsv"))


def labels_for(table: Labels, classes: int) -> Labels:
    r"""Fit a table to a network of so many classes: as many, or one more.

    A network trained with TensorFlow's ``include_background_label`` has a class for the background before all others.

    Examples
    --------
    >>> [label.text for label in labels_for(parse_labels("daisy\nrose\n"), 3)]
    ['background', 'daisy', 'rose']
    """
    if classes == len(table):
        return table
    if classes == len(table) + 1:
        return Labels((BACKGROUND, *table.wnids), (BACKGROUND, *table.texts))
    raise InputError(
        f"a label table of {len(table)} classes does not fit a network of {classes}; "
        "want as many, or one less where the network's first class is the background"
    )
