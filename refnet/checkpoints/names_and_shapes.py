"""Whose tensors these are, and of which variant.

A checkpoint says neither who wrote it nor which variant it is. The names of its tensors narrow down the publisher,
their shapes settle the variant and the number of classes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache

from refnet.architecture import names
from refnet.architecture.step import Shape
from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.architecture.variants import CLASSES, IMAGE_CHANNELS, Architecture, variant
from refnet.checkpoints.naming import pairing
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.other_networks import looks_like
from refnet.checkpoints.publishers import PUBLISHERS, Publisher
from refnet.errors import CheckpointError

MANY = 20  # shapes that differ: more than a head of one's own


def publishers_by_names(tensors: Collection[str]) -> tuple[str, ...]:
    """Find the publishers that share the most names with a checkpoint, if at least half of all names are shared.

    Two where names do not tell them apart, none for a stranger.

    A file with a few tensors too many or too few is still somebody's: ``variant_by_shapes`` says which.

    Examples
    --------
    >>> publishers_by_names(PUBLISHERS["timm"].shapes(variant("b1")))
    ('timm-tf', 'timm')
    >>> publishers_by_names(["conv1.weight", "fc.bias"])
    ()
    """
    found = set(tensors)
    shared = {
        publisher.name: max(len(found & known) / len((found - spare) | known) for known, spare in names_of(publisher))
        for publisher in PUBLISHERS.values()
    }
    most = max(shared.values())
    return tuple(name for name, part in shared.items() if part == most >= 0.5)


def variant_by_shapes(theirs: Mapping[str, Shape], publisher: Publisher, top: Top = PUBLISHED_TOP) -> Architecture:
    """Find the variant whose tensors these are, with as many classes as the classifier has, 0 if there is none.

    ``top`` is what is known to follow its last convolution.

    Where no variant has exactly these, the error names the nearest; what is missing, unknown or of another shape is in
    its details.

    Examples
    --------
    >>> fine_tuned = PUBLISHERS["timm"].shapes(variant("b1", classes=37))
    >>> found = variant_by_shapes(fine_tuned, PUBLISHERS["timm"])
    >>> found.name, found.classes
    ('b1', 37)
    """
    found = {name: str(list(shape)) for name, shape in theirs.items()}
    wrong: dict[str, list[str]] = {}
    for name in publisher.variants:
        usual = publisher.pairs(variant(name))
        classes, channels = _classes(theirs, usual), _channels(theirs, usual)
        architecture = replace(variant(name, classes=classes), channels=channels, top=top)
        pairs = publisher.pairs(architecture)
        wanted = {pair.theirs: str(list(pair.their_shape)) for pair in pairs}
        wrong[name] = pairing.differences(found, wanted, publisher.spare(pairs))
        if not wrong[name]:
            return architecture
    nearest = min(wrong, key=lambda name: len(wrong[name]))
    differing = sum(" is [" in text for text in wrong[nearest])
    hint = " (widths or depths of its own, as of a pruned network or TinyNet)" if differing >= MANY else ""
    raise CheckpointError(
        looks_like(theirs)
        or f"no variant of {publisher.name} has these tensors{hint}; nearest is {nearest}: "
        f"{pairing.in_short(wrong[nearest])}",
        details=wrong[nearest],
    )


@cache
def names_of(publisher: Publisher) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Names of the tensors of each variant, and of those that may come on top."""
    pairs_of_each = [publisher.pairs(variant(name)) for name in publisher.variants]
    return tuple(
        (frozenset(pair.theirs for pair in pairs), frozenset(publisher.spare(pairs))) for pairs in pairs_of_each
    )


def _channels(theirs: Mapping[str, Shape], pairs: tuple[Pair, ...]) -> int:
    """Channels of the input by the shape of the stem's kernel: the usual ones if that is none."""
    stem = next(pair for pair in pairs if pair.ours == names.weight_key(names.STEM, "kernel"))
    shape = theirs.get(stem.theirs, ())
    return shape[stem.axes[2]] if len(shape) == 4 and min(shape) > 0 else IMAGE_CHANNELS


def _classes(theirs: Mapping[str, Shape], pairs: tuple[Pair, ...]) -> int:
    """Number of classes by the shape of the classifier: 0 if nothing of it is there, the usual one if it is none."""
    classifier = {pair.ours: pair for pair in pairs if pair.ours.startswith(names.weight_key(names.LOGITS, ""))}
    if not any(pair.theirs in theirs for pair in classifier.values()):
        return 0
    kernel = classifier[names.weight_key(names.LOGITS, "kernel")]
    shape = theirs.get(kernel.theirs, ())
    return shape[kernel.axes[1]] if len(shape) == 2 and min(shape) > 0 else CLASSES
