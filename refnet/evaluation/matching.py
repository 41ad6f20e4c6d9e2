"""Matching: from what a data set calls its classes to a network's outputs; refused where there are two ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from refnet.errors import InputError
from refnet.evaluation.data_set import DataSet, count, naming
from refnet.weights.labels import BACKGROUND, Labels, imagenet_labels, labels_for
from refnet.weights.weights import Weights

By = Literal["wnid", "label", "number", "order"]
WAYS: tuple[By, ...] = ("wnid", "label", "number", "order")
IMAGENET = (1000, 1001)  # classes, without and with the background

_WNID = re.compile(r"(n\d{8})([-_. ].*)?")  # Stanford's dogs are in n02085620-Chihuahua
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, eq=False)
class Truth:
    """The right class of each picture, i32[N], by number of the network's outputs, and how that was found."""

    classes: npt.NDArray[np.int32]
    told: str
    labels: Labels | None


def find_truth(data: DataSet, weights: Weights, by: By | None = None) -> Truth:
    """Find which output of a network each picture's class is.

    Names are taken by wnid, or whatever ids the network's labels have, or else by label. Folders of a network without
    labels are taken in their sorted order if there are as many as outputs, as torchvision's ``ImageFolder`` does.
    Numbers count the outputs from 0.

    Parameters
    ----------
    data
        The pictures.
    weights
        Of the network.
    by
        Take them this way and no other: ``wnid``, ``label``, ``number`` or ``order``.

    Raises
    ------
    InputError
        If the network has no class of that name, or there are several ways to match them.

    Examples
    --------
    >>> import refnet
    >>> data = DataSet("cats", ("a.jpg", "b.jpg"), ("tabby", "lynx"), ("lynx", "tabby"), "folders")
    >>> truth = find_truth(data, refnet.load("lite0").weights)
    >>> truth.classes.tolist(), truth.told
    ([281, 287], '2 classes matched by label')
    """
    classes, labels = weights.architecture.classes, weights.labels
    if classes < 2:
        raise InputError(
            f"{weights.architecture.name} has {classes or 'no'} classes; want a network that tells some apart"
        )
    assumed = ""
    if labels is None and classes in IMAGENET and all(map(_WNID.fullmatch, _used(data))):
        labels = labels_for(imagenet_labels(), classes)
        assumed = "; the weights have no labels: ImageNet's order is assumed"
    found, way = _match(data, labels, classes, by)
    indices = np.array([found[name] for name in data.given], np.int32)
    return Truth(indices, f"{count(len(found), 'class', 'classes')} matched by {way}{assumed}", labels)


def match_answers(name: str, classes: Sequence[str], weights: Weights, by: By | None = None) -> Mapping[str, int]:
    """Find which outputs of a network the classes of somebody's answers are; numbers are those of its outputs.

    Examples
    --------
    >>> import refnet
    >>> match_answers("theirs.csv", ["282", "0"], refnet.load("lite0").weights)
    {'282': 282, '0': 0}
    """
    labels = weights.labels
    if labels is None and weights.architecture.classes in IMAGENET and all(map(_WNID.fullmatch, classes)):
        labels = labels_for(imagenet_labels(), weights.architecture.classes)
    numbers = by is None and all(map(_NUMBER.fullmatch, classes)) and not (labels and _are_labels(classes, labels))
    data = DataSet(name, (name,) * len(classes), tuple(classes), tuple(classes), name)
    if numbers:
        return _numbers(data, weights.architecture.classes)
    return _match(data, labels, weights.architecture.classes, by)[0]


def _match(data: DataSet, labels: Labels | None, classes: int, by: By | None) -> tuple[Mapping[str, int], str]:
    if by == "order":
        return _by_order(data, labels, classes)
    used = replace(data, classes=_used(data))  # a folder without a picture may be called anything
    if by is not None:
        return _FORCED[by](used, labels, classes)
    if data.numbers:
        _check_not_labels(used, labels)
        return _by_number(used, labels, classes)
    numbered = all(map(_NUMBER.fullmatch, data.classes))
    if labels is not None:
        if _are_ids(used.classes, labels):
            return _by_wnid(used, labels, classes)
        if not numbered or _are_labels(used.classes, labels):
            return _by_label(used, labels, classes)
    return _by_number_or_order(data, labels, classes) if numbered else _by_order(data, labels, classes)


def _check_not_labels(data: DataSet, labels: Labels | None) -> None:
    """Refuse numbers that are labels too, of other classes than those that they count."""
    if labels is None or not _are_labels(data.classes, labels):
        return
    if any(name not in labels.texts[int(name) : int(name) + 1] for name in data.classes):
        raise InputError(
            f"{data.name}: {naming(data.classes)} are labels of the network, and numbers of other classes; want "
            "--by label or --by number"
        )


def _used(data: DataSet) -> tuple[str, ...]:
    """The classes of which there are pictures."""
    return tuple(sorted(set(data.given)))


def _are_ids(names: Sequence[str], labels: Labels) -> bool:
    """Whether names are ids of classes, or most are wnids, so that one that is none is a mistake."""
    if labels.wnids == labels.texts:  # names that stand for ids, and may come twice
        return False
    return set(names) <= set(labels.wnids) or 2 * sum(map(bool, map(_WNID.fullmatch, names))) > len(names)


def _by_wnid(data: DataSet, labels: Labels | None, classes: int) -> tuple[dict[str, int], str]:
    places = {} if labels is None else {wnid: index for index, wnid in enumerate(labels.wnids)}
    wnids = {
        name: name if name in places or not (match := _WNID.fullmatch(name)) else match[1] for name in data.classes
    }
    unknown = [name for name, wnid in wnids.items() if wnid not in places]
    if unknown:
        raise _unknown(data, unknown, labels, "wnid")
    return {name: places[wnid] for name, wnid in wnids.items()}, "wnid"


def _are_labels(names: Sequence[str], labels: Labels) -> bool:
    return set(names) <= set(labels.texts)


def _by_label(data: DataSet, labels: Labels | None, classes: int) -> tuple[dict[str, int], str]:
    if labels is None:
        raise InputError(f"{data.name}: the network's weights have no labels to match by; want --by order")
    whole = _places((text, index) for index, text in enumerate(labels.texts))
    words = _places((word, index) for index, text in enumerate(labels.texts) for word in (text, *text.split(",")))
    places = whole if all(_plain(name) in whole for name in data.classes) else words
    unknown = [name for name in data.classes if _plain(name) not in places]
    if unknown:
        raise _unknown(data, unknown, labels, "label")
    for name in data.classes:
        if len(several := places[_plain(name)]) > 1:
            named = ", ".join(f"{index} ({labels[index].text})" for index in sorted(several))
            raise InputError(f"{data.name}: {name!r} may be the classes {named}; want wnids")
    return {name: next(iter(places[_plain(name)])) for name in data.classes}, "label"


def _places(pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for text, index in pairs:
        found.setdefault(_plain(text), set()).add(index)
    return found


def _plain(text: str) -> str:
    """A name however blanks and capitals are written."""
    return " ".join(text.replace("_", " ").split()).casefold()


def _by_number(data: DataSet, labels: Labels | None, classes: int) -> tuple[dict[str, int], str]:
    if not all(map(_NUMBER.fullmatch, data.classes)):
        raise InputError(f"{data.name}: {data.classes[0]!r} is no number; want --by wnid, label or order")
    if labels is not None and labels.texts[0] == BACKGROUND:
        raise InputError(
            f"{data.name}: numbers do not say whether they count the network's class 0, the background; want wnids"
        )
    return _numbers(data, classes), "number: they count the network's outputs from 0"


def _numbers(data: DataSet, classes: int) -> dict[str, int]:
    numbers = {name: int(name) for name in data.classes}
    if (largest := max(numbers.values())) >= classes:
        raise InputError(
            f"{data.name}: the class {largest} is none of the network's 0..{classes - 1}; numbers count its outputs "
            "from 0, in their order"
        )
    return numbers


def _by_order(data: DataSet, labels: Labels | None, classes: int) -> tuple[dict[str, int], str]:
    if data.said_by != "folders":
        raise InputError(f"{data.name}: {data.said_by} need not name every class, so that their order says nothing")
    if len(data.classes) != classes:
        raise InputError(
            f"{data.name}: {count(len(data.classes), 'folder')} and a network of {classes} classes; to be matched by "
            f"their order they must be as many{'' if labels is not None else ', as the weights have no labels'}"
        )
    return {name: index for index, name in enumerate(data.classes)}, "the sorted order of the folders"


def _by_number_or_order(data: DataSet, labels: Labels | None, classes: int) -> tuple[dict[str, int], str]:
    """Folders called 0, 1, 2, …, 10 sort as texts: 0, 1, 10, 2; torchvision counts them so, others do not."""
    in_order = [int(name) for name in data.classes] == list(range(len(data.classes)))
    if not in_order and len(data.classes) > 1:
        raise InputError(
            f"{data.name}: folders called by numbers are in another order as texts ({naming(data.classes)}); want "
            "--by number if they count the network's outputs from 0, or --by order if it was trained on folders like "
            "these by torchvision's ImageFolder or Keras, which sort texts"
        )
    return _by_number(data, labels, classes)


def _unknown(data: DataSet, unknown: Sequence[str], labels: Labels | None, what: str) -> InputError:
    has = "the weights have no labels" if labels is None else f"its first is {labels[0].wnid!r}, {labels[0].text!r}"
    how = "; --by order takes folders in their sorted order" if data.said_by == "folders" else ""
    return InputError(
        f"{data.name}: {len(unknown)} of {len(data.classes)} classes are no {what} of the network: {naming(unknown)}; "
        f"{has}{how}",
        details=unknown,
    )


_FORCED = {"wnid": _by_wnid, "label": _by_label, "number": _by_number}
