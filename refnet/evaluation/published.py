"""What the publisher of some weights says of their accuracy, and what an evaluation says to that."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from refnet.evaluation.metrics import Share
from refnet.network import Network
from refnet.weights import releases
from refnet.weights.labels import BACKGROUND, Labels, imagenet_labels
from refnet.weights.releases.recipes import of_release
from refnet.weights.releases.release import Release
from refnet.weights.weights import Weights

VALIDATION, EACH = 50_000, 50  # pictures of ImageNet's validation set, and of each of its classes


class Published(NamedTuple):
    """A publisher's own figures.

    Attributes
    ----------
    release
        Name of the release.
    top1, top5
        Accuracy on ImageNet's 50,000 validation pictures, in percent; None where it does not say.
    measured
        Who says so.
    otherwise
        In what the network is run otherwise than it was measured; empty if in nothing.
    """

    release: str
    top1: float
    top5: float | None
    measured: str
    otherwise: tuple[str, ...] = ()


def published(network: Network) -> Published | None:
    """Find what is published about a network's weights, or None if there is nothing.

    Examples
    --------
    >>> import refnet
    >>> published(refnet.load("lite0"))[:3]
    ('lite0@lite', 75.1, None)
    """
    release = _release(network.weights)
    if release is None or release.top1 is None:
        return None
    otherwise = []
    if network.recipe != of_release(release):
        otherwise.append(f"recipe {network.recipe.name}")
    if (network.plan.height, network.plan.width) != (release.size, release.size):
        otherwise.append(f"{network.plan.height}x{network.plan.width} pixels, not {release.size}")
    if network.dtype == np.int8:
        otherwise.append(f"arithmetic {network.arithmetic}")
    return Published(release.name, release.top1, release.top5, release.measured or "", tuple(otherwise))


def _release(weights: Weights) -> Release | None:
    """The release that weights were read from: by its SHA-256, or by its file's name and its publisher."""
    origin = weights.provenance
    if not origin.source_sha256:
        return None
    for release, by in releases.by_file(origin.source or None, sha256=origin.source_sha256):
        if release.model == weights.architecture.name and (by != "name" or release.publisher == origin.publisher):
            return release
    return None


def is_validation(truth: npt.NDArray[np.int32], labels: Labels | None) -> bool:
    """Whether pictures are as ImageNet's validation set is: 50 of each of its 1,000 classes."""
    known = imagenet_labels()
    if len(truth) != VALIDATION or labels is None:
        return False
    first = int(labels.texts[0] == BACKGROUND)
    if labels.wnids[first:] != known.wnids:
        return False
    counts = np.bincount(truth, minlength=first + len(known))[first:]
    return bool((counts == EACH).all())


def verdict(what: str, found: Share, says: float, whole: bool) -> str:
    """Say how far a share is from the publisher's, and whether its interval holds that.

    ``whole`` is whether it is of the same pictures.

    Examples
    --------
    >>> verdict("top-1", Share(37_600, 50_000), 75.1, whole=True)
    "top-1 is 0.10 points above the publisher's 75.1%, which its interval, 74.82 to 75.58%, holds"
    >>> verdict("top-1", Share(148, 200), 75.1, whole=False).partition("; ")[2]
    "but the publisher's is of ImageNet's 50,000 validation pictures, and these are others"
    """
    low, high = (100 * bound for bound in found.interval)
    apart = 100 * found.share - says
    holds = "holds" if low <= says <= high else "does not hold"
    others = "; but the publisher's is of ImageNet's 50,000 validation pictures, and these are others"
    return (
        f"{what} is {abs(apart):.2f} points {'below' if apart < 0 else 'above'} the publisher's {says:g}%, which its "
        f"interval, {low:.2f} to {high:.2f}%, {holds}{'' if whole else others}"
    )
