"""Who published EfficientNet for PyTorch: the names they use, and the rules their weights were trained by.

A checkpoint says neither who wrote it nor which variant it is. The names of its tensors narrow down the
publisher (:func:`recognise`), their shapes settle the variant and the number of classes (:func:`variant_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache

from refnet import names
from refnet.architecture import CLASSES, Architecture, variant
from refnet.checkpoints import lukemelas, timm, torch_layout, torchvision
from refnet.checkpoints.torch_layout import COUNTER, Modules
from refnet.errors import CheckpointError
from refnet.padding import Padding
from refnet.plan import Shape
from refnet.scaling import TABLE

_B = tuple(name for name, coefs in TABLE.items() if not coefs.lite)
_LITE = tuple(name for name, coefs in TABLE.items() if coefs.lite)


@dataclass(frozen=True)
class Publisher:
    """A publisher's names and rules.

    Attributes
    ----------
    name
        What refnet calls it.
    modules
        Name of the modules behind each step of an architecture.
    padding
        Rule its weights run by.
    bn_eps
        What its batch norms add to the variance, for each variant that it has.
    """

    name: str
    modules: Callable[[Architecture], dict[str, Modules]]
    padding: Padding
    bn_eps: Mapping[str, float] = field(hash=False)

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
        """Name and shape of every tensor that a checkpoint of this architecture must have; counters may come on top.

        Examples
        --------
        >>> PUBLISHERS["timm"].shapes(variant("b0", classes=10))["classifier.weight"]
        (10, 1280)
        """
        every = torch_layout.pairs(architecture, self.modules(architecture))
        return {pair.theirs: pair.their_shape for pair in every}


PUBLISHERS: dict[str, Publisher] = {
    publisher.name: publisher
    for publisher in (
        Publisher("lukemelas", lukemelas.modules, lukemelas.PADDING, dict.fromkeys(_B, lukemelas.BN_EPS)),
        Publisher("lite", lukemelas.modules, lukemelas.PADDING, dict.fromkeys(_LITE, lukemelas.BN_EPS)),
        Publisher("timm-tf", timm.modules, timm.TF_PADDING, dict.fromkeys(TABLE, timm.TF_BN_EPS)),
        Publisher("timm", timm.modules, timm.PADDING, dict.fromkeys(TABLE, timm.BN_EPS)),
        Publisher("torchvision", torchvision.modules, torchvision.PADDING, torchvision.BN_EPS),
    )
}


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
    found = {name for name in tensors if not name.endswith(COUNTER)}
    shared = {
        publisher.name: max(len(found & known) / len(found | known) for known in _names_of(publisher))
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
        With as many classes as the classifier has.

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
    wrong: dict[str, list[str]] = {}
    for name in publisher.variants:
        architecture = variant(name, classes=_classes(theirs, publisher.modules(variant(name))))
        wrong[name] = _differences(theirs, publisher.shapes(architecture))
        if not wrong[name]:
            return architecture
    nearest = min(wrong, key=lambda name: len(wrong[name]))
    raise CheckpointError(
        f"no variant of {publisher.name} has these tensors; nearest is {nearest}: {'; '.join(wrong[nearest])}"
    )


@cache
def _names_of(publisher: Publisher) -> tuple[frozenset[str], ...]:
    """Names of the tensors of each variant."""
    return tuple(frozenset(publisher.shapes(variant(name))) for name in publisher.variants)


def _classes(theirs: Mapping[str, Shape], modules: Mapping[str, Modules]) -> int:
    """Number of classes by the shape (K, C) of the classifier; the usual one if there is none to be seen."""
    match theirs.get(f"{modules[names.LOGITS].layer}.weight"):
        case (int(K), _) if K >= 1:
            return K
    return CLASSES


def _differences(theirs: Mapping[str, Shape], wanted: Mapping[str, Shape]) -> list[str]:
    """All that keeps tensors from being the wanted ones, in words."""
    counters = {name.removesuffix("running_var") + COUNTER for name in wanted if name.endswith(".running_var")}
    wrong = [f"{name} is missing" for name in wanted if name not in theirs]
    for name, shape in theirs.items():
        if name in wanted and shape != wanted[name]:
            wrong.append(f"{name} is {list(shape)}, not {list(wanted[name])}")
        elif name not in wanted and name not in counters:
            wrong.append(f"{name!r} is unknown")
    return wrong
