"""A weight file that was found by a name, and must hold what the name says."""

from __future__ import annotations

from pathlib import Path

from refnet.errors import WeightsError
from refnet.weights import places, releases
from refnet.weights.reader import read
from refnet.weights.releases import Release
from refnet.weights.weights import Weights


def read_named(name: str, path: Path) -> Weights:
    """Read the weight file that ``refnet.weights.find`` found for a name.

    What is found as ``b1.h5`` may be anybody's B1, of any number of classes. What is found under the name of a release
    is of that publisher and set, with the classes of that release.

    Raises
    ------
    WeightsError
        If it is damaged, or holds something else.

    Examples
    --------
    >>> read_named("lite0", places.find("lite0")).provenance.publisher
    'lite'
    >>> read_named("b1", places.find("lite0"))
    Traceback (most recent call last):
        ...
    refnet.errors.WeightsError: ...lite0.h5 holds lite0 of lite with 1000 classes, but was found as b1; ...
    """
    weights = read(path)
    held = weights.architecture.name
    if "@" in name or "@" in path.stem:
        release = releases.find(name)
        wanted = f"{release.name} with {release.classes} classes"
        fits = (held, weights.provenance.publisher, weights.architecture.classes) == (
            release.model,
            release.publisher,
            release.classes,
        )
        if fits and not _may_be_of(weights.provenance.source_sha256, release):
            raise WeightsError(
                f"{path} was made of {weights.provenance.source or 'no file'}, "
                f"which has not the hash of {release.name}; {_remedy(name, path)}"
            )
    else:
        wanted = name
        fits = held == name
    if fits:
        return weights
    content = f"{held} of {weights.provenance.publisher or 'nobody known'} with {weights.architecture.classes} classes"
    raise WeightsError(f"{path} holds {content}, but was found as {wanted}; {_remedy(name, path)}")


def _may_be_of(sha256: str, release: Release) -> bool:
    """Whether a file of this hash may be the published one, as far as its hash is published."""
    known = (release.sha256, release.member_sha256, *release.hub_sha256)
    return not any(known) or any(each and sha256.startswith(each) for each in known)


def _remedy(name: str, path: Path) -> str:
    if path.parent == places.cache():
        return places.mend(path)
    return f"load it by its path instead, and move it away so that `refnet fetch {name}` can bring {name}"
