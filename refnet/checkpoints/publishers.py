"""Who published EfficientNet: the names they use, and the rules their weights were trained by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from refnet.architecture.padding import Padding
from refnet.architecture.scaling import TABLE
from refnet.architecture.step import Shape
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import (
    hugging_face,
    keras,
    lukemelas,
    pairing,
    tensorflow,
    timm,
    torch_layout,
    torchvision,
)
from refnet.checkpoints.naming.pairing import Arrays, Pair
from refnet.weights.releases.release import Averaging, publisher_without_set

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
        >>> from refnet.architecture.variants import variant
        >>> PUBLISHERS["timm"].shapes(variant("b0", classes=10))["classifier.weight"]
        (10, 1280)
        """
        return {pair.theirs: pair.their_shape for pair in self.pairs(architecture)}

    def to_ours(self, theirs: Arrays, architecture: Architecture) -> Converted:
        """Rename and reorder the tensors of a checkpoint; bits stay as they are."""
        pairs = self.pairs(architecture)
        spare = self.spare(pairs)
        tensors = pairing.to_ours(theirs, pairs, spare, architecture.name)
        return Converted(tensors, tuple((name, spare[name]) for name in theirs if name in spare))

    def to_theirs(
        self, ours: Arrays, architecture: Architecture, averaging: Averaging = "unknown"
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Undo ``to_ours``; without what it dropped."""
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


# Networks trained by TensorFlow run by its padding and epsilon, whoever publishes them; but torchvision trained B0 to
# B4 in PyTorch and converted B5 to B7, and runs all of them with symmetric padding.
_TF, _TORCH = 1e-3, 1e-5
_TORCHVISION = dict.fromkeys(_B[:5], _TORCH) | dict.fromkeys(_B[5:8], _TF)
_COUNTERS = torch_layout.counters

PUBLISHERS: dict[str, Publisher] = {
    publisher.name: publisher
    for publisher in (
        Publisher("tf", tensorflow.pairs, "same", dict.fromkeys(TABLE, _TF), average=tensorflow.AVERAGE),
        Publisher("keras", keras.pairs, "same", dict.fromkeys(keras.VARIANTS, _TF), spare=keras.spare),
        Publisher("lukemelas", lukemelas.pairs, "same", dict.fromkeys(_B, _TF), spare=_COUNTERS),
        Publisher("lite", lukemelas.pairs, "same", dict.fromkeys(_LITE, _TF), spare=_COUNTERS),
        Publisher("timm-tf", timm.pairs, "same", dict.fromkeys(TABLE, _TF), spare=_COUNTERS),
        Publisher("timm", timm.pairs, "symmetric", dict.fromkeys(TABLE, _TORCH), spare=_COUNTERS),
        Publisher("torchvision", torchvision.pairs, "symmetric", _TORCHVISION, spare=_COUNTERS),
        Publisher("huggingface", hugging_face.pairs, "same", dict.fromkeys(_B[:8], _TF), spare=_COUNTERS),
    )
}


def publisher_of(name: str) -> Publisher | None:
    """Find the publisher of a set of weights, ``timm-tf:ns``; None if there is none of that name.

    Examples
    --------
    >>> publisher_of("timm-tf:ns").padding
    'same'
    """
    return PUBLISHERS.get(publisher_without_set(name))


def has_published_names(architecture: Architecture) -> bool:
    """Whether a network has no more tensors than published ones: layers before the classifier have no usual names."""
    return not (architecture.top.layers or architecture.top.pooling == "gem" or architecture.folded)
