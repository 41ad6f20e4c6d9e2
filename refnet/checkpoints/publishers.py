"""Who published EfficientNet: the names they use, and the rules their weights were trained by.

A checkpoint says neither who wrote it nor which variant it is. The names of its tensors narrow down the
publisher (:func:`recognise`), their shapes settle the variant and the number of classes (:func:`variant_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from refnet import names
from refnet.architecture import CLASSES, Architecture, variant
from refnet.checkpoints.naming import keras, lukemelas, pairing, tensorflow, timm, torch_layout, torchvision
from refnet.checkpoints.naming.pairing import Arrays, Pair
from refnet.errors import CheckpointError
from refnet.padding import Padding
from refnet.plan import Shape
from refnet.scaling import TABLE
from refnet.store.weights import Averaging

_B = tuple(name for name, coefs in TABLE.items() if not coefs.lite)
_LITE = tuple(name for name, coefs in TABLE.items() if coefs.lite)


def _none(_: tuple[Pair, ...]) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Publisher:
    """A publisher's names and rules.

    Attributes
    ----------
    name
        What refnet calls it.
    pairs
        Both names of every tensor of an architecture.
    padding
        Rule its weights run by.
    bn_eps
        What its batch norms add to the variance, for each variant that it has.
    spare
        Name and reason for each tensor that may come on top of an architecture's pairs and is left out.
    average
        What the publisher appends to the name of a variable for that of its moving average.
    """

    name: str
    pairs: Callable[[Architecture], tuple[Pair, ...]]
    padding: Padding
    bn_eps: Mapping[str, float] = field(hash=False)
    spare: Callable[[tuple[Pair, ...]], Mapping[str, str]] = _none
    average: str = ""

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants it has.

        Examples
        --------
        >>> PUBLISHERS["lite"].variants
        ('lite0', 'lite1', 'lite2', 'lite3', 'lite4')
        """
        return tuple(self.bn_eps)

    def shapes(self, architecture: Architecture) -> dict[str, Shape]:
        """Name and shape of every tensor that a checkpoint of this architecture must have; spare ones may be there too.

        Examples
        --------
        >>> PUBLISHERS["timm"].shapes(variant("b0", classes=10))["classifier.weight"]
        (10, 1280)
        """
        return {pair.theirs: pair.their_shape for pair in self.pairs(architecture)}

    def to_ours(self, theirs: Arrays, architecture: Architecture) -> Converted:
        """Rename and reorder the tensors of a checkpoint; bits stay as they are.

        Parameters
        ----------
        theirs
            Name to f32[...], in the publisher's order of axes; no moving averages (see ``tf_variables.py``).
        architecture
            The network it belongs to, with as many classes as the file has.

        Raises
        ------
        CheckpointError
            If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
        """
        pairs = self.pairs(architecture)
        spare = self.spare(pairs)
        tensors = pairing.to_ours(theirs, pairs, spare, architecture.name)
        return Converted(tensors, tuple((name, spare[name]) for name in theirs if name in spare))

    def to_theirs(
        self, ours: Arrays, architecture: Architecture, averaging: Averaging = "unknown"
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Undo :meth:`to_ours`; without what it dropped.

        Parameters
        ----------
        ours
            Key to f32[...] for each weight of the plan: kernels HWIO, depthwise HWC, dense CK.
        architecture
            The network it belongs to.
        averaging
            With ``ema``, tensors get the publisher's names of moving averages, if it has any.

        Raises
        ------
        CheckpointError
            If a tensor is missing, unknown, of another shape or not float32: all of them in one message.
        """
        theirs = pairing.to_theirs(ours, self.pairs(architecture), architecture.name)
        suffix = self.average if averaging == "ema" else ""
        return {name + suffix: array for name, array in theirs.items()}


@dataclass(frozen=True)
class Converted:
    """What a checkpoint holds, in our terms.

    Attributes
    ----------
    tensors
        Key to f32[...] for each weight of the plan, in its order, C-contiguous.
    dropped
        Name and reason for each tensor that was left out.
    """

    tensors: dict[str, npt.NDArray[np.float32]]
    dropped: tuple[tuple[str, str], ...]


PUBLISHERS: dict[str, Publisher] = {
    publisher.name: publisher
    for publisher in (
        Publisher(
            "tf",
            tensorflow.pairs,
            tensorflow.PADDING,
            dict.fromkeys(TABLE, tensorflow.BN_EPS),
            average=tensorflow.AVERAGE,
        ),
        Publisher(
            "keras",
            keras.pairs,
            keras.PADDING,
            dict.fromkeys(keras.VARIANTS, keras.BN_EPS),
            keras.spare,
        ),
        Publisher(
            "lukemelas",
            lukemelas.pairs,
            lukemelas.PADDING,
            dict.fromkeys(_B, lukemelas.BN_EPS),
            torch_layout.counters,
        ),
        Publisher(
            "lite",
            lukemelas.pairs,
            lukemelas.PADDING,
            dict.fromkeys(_LITE, lukemelas.BN_EPS),
            torch_layout.counters,
        ),
        Publisher(
            "timm-tf",
            timm.pairs,
            timm.TF_PADDING,
            dict.fromkeys(TABLE, timm.TF_BN_EPS),
            torch_layout.counters,
        ),
        Publisher(
            "timm",
            timm.pairs,
            timm.PADDING,
            dict.fromkeys(TABLE, timm.BN_EPS),
            torch_layout.counters,
        ),
        Publisher(
            "torchvision",
            torchvision.pairs,
            torchvision.PADDING,
            torchvision.BN_EPS,
            torch_layout.counters,
        ),
    )
}


def publisher_of(name: str) -> Publisher | None:
    """Find the publisher of a set of weights, ``timm-tf:ns``; None if there is none of that name.

    Examples
    --------
    >>> publisher_of("timm-tf:ns").padding
    'same'
    """
    return PUBLISHERS.get(name.partition(":")[0])


def recognise(tensors: Collection[str]) -> tuple[str, ...]:
    """Find the publishers whose names these are.

    A file with a few tensors too many or too few is still somebody's: :func:`variant_of` says which.

    Parameters
    ----------
    tensors
        Names of the tensors of a checkpoint, in any order.

    Returns
    -------
    tuple of str
        Keys of :data:`PUBLISHERS`: those who share the most names with it, in one variant or another, if at least
        half of all names are shared. Two where names do not tell them apart; none for a stranger.

    Examples
    --------
    >>> recognise(PUBLISHERS["timm"].shapes(variant("b1")))
    ('timm-tf', 'timm')
    >>> recognise(["conv1.weight", "fc.bias"])
    ()
    """
    found = set(tensors)
    shared = {
        publisher.name: max(len(found & known) / len((found - spare) | known) for known, spare in _names_of(publisher))
        for publisher in PUBLISHERS.values()
    }
    most = max(shared.values())
    return tuple(name for name, part in shared.items() if part == most >= 0.5)


def variant_of(theirs: Mapping[str, Shape], publisher: Publisher) -> Architecture:
    """Find the variant whose tensors these are, and its number of classes.

    Parameters
    ----------
    theirs
        Name to shape of every tensor of a checkpoint, in any order.
    publisher
        Whose names they have.

    Returns
    -------
    Architecture
        With as many classes as the classifier has; with none if there is no classifier.

    Raises
    ------
    CheckpointError
        If no variant has exactly these tensors: the nearest one, and all that is missing, unknown or of another
        shape.

    Examples
    --------
    >>> fine_tuned = PUBLISHERS["timm"].shapes(variant("b1", classes=37))
    >>> found = variant_of(fine_tuned, PUBLISHERS["timm"])
    >>> found.name, found.classes
    ('b1', 37)
    """
    found = {name: str(list(shape)) for name, shape in theirs.items()}
    wrong: dict[str, list[str]] = {}
    for name in publisher.variants:
        architecture = variant(name, classes=_classes(theirs, publisher.pairs(variant(name))))
        pairs = publisher.pairs(architecture)
        wanted = {pair.theirs: str(list(pair.their_shape)) for pair in pairs}
        wrong[name] = pairing.differences(found, wanted, publisher.spare(pairs))
        if not wrong[name]:
            return architecture
    nearest = min(wrong, key=lambda name: len(wrong[name]))
    raise CheckpointError(
        f"no variant of {publisher.name} has these tensors; nearest is {nearest}: {'; '.join(wrong[nearest])}"
    )


@cache
def _names_of(publisher: Publisher) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Names of the tensors of each variant, and of those that may come on top."""
    pairs_of_each = [publisher.pairs(variant(name)) for name in publisher.variants]
    return tuple(
        (frozenset(pair.theirs for pair in pairs), frozenset(publisher.spare(pairs))) for pairs in pairs_of_each
    )


def _classes(theirs: Mapping[str, Shape], pairs: tuple[Pair, ...]) -> int:
    """Number of classes by the shape of the classifier: 0 if nothing of it is there, the usual one if it is none."""
    classifier = {pair.ours: pair for pair in pairs if pair.ours.startswith(names.weight_key(names.LOGITS, ""))}
    if not any(pair.theirs in theirs for pair in classifier.values()):
        return 0
    kernel = classifier[names.weight_key(names.LOGITS, "kernel")]
    shape = theirs.get(kernel.theirs, ())
    return shape[kernel.axes[1]] if len(shape) == 2 and min(shape) > 0 else CLASSES
