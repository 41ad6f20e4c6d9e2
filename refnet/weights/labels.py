"""Labels: what the classes of a network are called.

A table is plain text, one class a line in the order of the logits: its id, a tab, its text.

    n01440764	tench, Tinca tinca
    n01443537	goldfish, Carassius auratus

ImageNet's ids are WordNet ids, its texts the synonyms of the synset; own classes may have any ids. In a table without
ids each name is its own. What else people have, JSON, CSV and lists of names, is read as what it is: ``label_table``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refnet.errors import InputError, input_error
from refnet.files import opening
from refnet.files.shipped import shipped
from refnet.weights.label_table import parse_table

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
        Id and text of each class. Ids are unique; where there are none, each text is its own id and may come twice.

    Raises
    ------
    InputError
        If there is no class, the two are not of one length, an id other than a text comes twice, or an entry is empty
        or not printable.

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
            if wnid in seen and self.wnids != self.texts:
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

        It is an ``InputError`` if no class has this id, or several have it.
        """
        places = [place for place, known in enumerate(self.wnids) if known == wnid]
        if len(places) == 1:
            return places[0]
        if places:
            raise InputError(f"{len(places)} classes are called {wnid!r}: {', '.join(map(str, places))}")
        raise InputError(f"no class has the id {wnid!r}; the first has {self.wnids[0]!r}")


def parse_labels(table: str) -> Labels:
    r"""Read a label table from its text, as what it is.

    - An id, a tab and a text in every line, or a WordNet id, a blank and a text.
    - JSON: a list of names; ``id2label``, alone or in a model's ``config.json``; ``class_indices``, as Keras and
      torchvision give them; Keras' ``imagenet_class_index.json``.
    - CSV: a number and a name in every line, or a first line that names the columns.
    - A name in every line, with its number or without.

    Numbers must count the classes from 0. Lines end with ``\n`` or ``\r\n``; blanks before that are left out. Names
    may come twice, ids may not.

    Parameters
    ----------
    table
        The text.

    Returns
    -------
    Labels
        In the order of the network's outputs.

    Raises
    ------
    InputError
        If it is none of these, or only some lines are; it says which line.

    Examples
    --------
    >>> parse_labels("cat\tmy own cat\ndog\tthe neighbour's dog\n")[1]
    Label(index=1, wnid='dog', text="the neighbour's dog")
    >>> parse_labels("daisy\nyellow rose\n")[1]
    Label(index=1, wnid='yellow rose', text='yellow rose')
    >>> parse_labels('{"0": "daisy", "1": "yellow rose"}') == parse_labels("0,daisy\n1,yellow rose\n")
    True
    """
    ids, texts = parse_table(table)
    return Labels(texts if ids is None else ids, texts)


def read_labels(path: str | Path) -> Labels:
    """Read a label table from a UTF-8 text file, with a byte order mark or without.

    It must be a regular file of at most a mebibyte.
    """
    try:
        return parse_labels(opening.read_text(path, MAX_BYTES))
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
    r"""Fit a table to a network of so many classes: one name for each, in the order of the network's outputs.

    One table may be a class short, ImageNet's: networks trained with TensorFlow's ``include_background_label`` have a
    class before its 1,000, which then is called ``background``. Any other count is an error.

    Parameters
    ----------
    table
        The names.
    classes
        How many outputs the network has.

    Returns
    -------
    Labels
        The table, or ImageNet's with the background before it.

    Raises
    ------
    InputError
        If the table is of another count.

    Examples
    --------
    >>> labels_for(imagenet_labels(), 1001)[0].text
    'background'
    >>> labels_for(parse_labels("daisy\nrose\n"), 3)
    Traceback (most recent call last):
        ...
    refnet.errors.InputError: 2 names do not fit a network of 3 classes: the first is 'daisy', the last 'rose'; ...
    """
    if classes == len(table):
        return table
    if classes == len(table) + 1 and _is_imagenet(table):
        return Labels((BACKGROUND, *table.wnids), (BACKGROUND, *table.texts))
    if classes == 1:
        want = "a network of one output says how much it is one thing: want the name of that alone"
    else:
        want = "want one for each output, in their order; if one of them is a background, name it too"
    noun = "class" if classes == 1 else "classes"
    raise InputError(
        f"{len(table)} names do not fit a network of {classes} {noun}: the first is {table[0].text!r:.60}, "
        f"the last {table[-1].text!r:.60}; {want}"
    )


def _is_imagenet(table: Labels) -> bool:
    """Whether each class is ImageNet's: by its id, or by a name that is one of the synonyms."""
    known = imagenet_labels()
    if len(table) != len(known):
        return False
    return table.wnids == known.wnids or all(
        _first(given.text) in {_first(synonym) for synonym in label.text.split(",")}
        for given, label in zip(table, known, strict=True)
    )


def _first(text: str) -> str:
    """The first of the synonyms, however blanks and capitals are written."""
    return text.partition(",")[0].replace("_", " ").strip().casefold()
