"""Labels: what the classes of a network are called.

A table is plain text, one class a line in the order of the logits: its id, a tab, its text.

    n01440764	tench, Tinca tinca
    n01443537	goldfish, Carassius auratus

ImageNet's ids are WordNet ids, its texts the synonyms of the synset; own classes may have any ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refnet.errors import InputError


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

        Raises
        ------
        InputError
            If no class has this id.
        """
        try:
            return self.wnids.index(wnid)
        except ValueError:
            raise InputError(f"no class has the id {wnid!r}; the first has {self.wnids[0]!r}") from None


def parse_labels(table: str) -> Labels:
    r"""Read a label table from its text.

    Raises
    ------
    InputError
        If a line is not an id, one tab and a text, or what :class:`Labels` refuses.

    Examples
    --------
    >>> len(parse_labels("cat\tmy own cat\ndog\tthe neighbour's dog\n"))
    2
    """
    rows = [line.split("\t") for line in table.splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise InputError(f"line {number} of the label table: need an id, one tab and a text")
    return Labels(tuple(row[0] for row in rows), tuple(row[1] for row in rows))


def read_labels(path: str | Path) -> Labels:
    """Read a label table from a UTF-8 text file.

    Raises
    ------
    InputError
        If the file cannot be read as text, or what :func:`parse_labels` refuses.
    """
    try:
        return parse_labels(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read a label table: {error}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
