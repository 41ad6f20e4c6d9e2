"""Whose checkpoint a file is: publisher, set of weights, variant, number of classes, and the recipe that goes with it.

The names of the tensors narrow down the publisher, their shapes settle the variant. What they cannot tell (timm's two
families share their names, AdvProp differs in its recipe alone), the published hash of the file decides, then the
file's name; and else the caller must.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from refnet import releases
from refnet.architecture import Architecture
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.recognition import recognise, variant_of
from refnet.checkpoints.source import Fingerprint
from refnet.checkpoints.state_dict import StateDict
from refnet.errors import CheckpointError, UnknownModelError
from refnet.releases import Match, Release
from refnet.scaling import TABLE

_EVIDENCE = {
    "sha256": "the published SHA-256",
    "prefix": "the file's name and the first 8 digits of its SHA-256, which are published in it",
    "md5": "the published MD5",
    "name": "the file's name",
}


@dataclass(frozen=True)
class Identity:
    """What a checkpoint was found to be.

    Attributes
    ----------
    publisher
        ``timm-tf:ns``; without a set where the tensors do not tell and it makes no difference.
    architecture
        With the file's number of classes, and the resolution it was published for.
    release
        Tells how the weights want to be used: the published file itself, or the one it was made like.
    by
        What it was recognised by.
    is_release
        Whether it is the published file itself: by its hash or, where none is known, a name that no other has.
    """

    publisher: str
    architecture: Architecture
    release: Release
    by: str
    is_release: bool

    @property
    def base(self) -> str:
        """The publisher without the set."""
        return self.publisher.partition(":")[0]


def identify(
    file: Fingerprint, state: StateDict, *, publisher: str | None = None, model: str | None = None
) -> Identity:
    """Find out whose checkpoint it is.

    Parameters
    ----------
    file, state
        What it is called, its hashes, and its tensors.
    publisher
        ``timm-tf`` or ``timm-tf:ns``: the caller's word, where the file does not tell or is not trusted to.
    model
        The variant it must be.

    Raises
    ------
    CheckpointError
        If the tensors are no publisher's or not those of one variant, or it cannot be told what they are: with the
        candidates, and what differs between them.
    UnknownModelError
        If there is no such publisher or set.
    """
    shapes = {name: tensor.shape for name, tensor in state.tensors.items()}
    stated = publisher and publisher.partition(":")[0]
    if publisher is not None:
        releases.check_publisher(publisher)
    bases = (stated,) if stated else recognise(shapes)
    if not bases:
        raise CheckpointError(_strangers(list(shapes)))
    architecture = variant_of(shapes, PUBLISHERS[bases[0]])
    if model is not None and architecture.name != model:
        raise CheckpointError(f"the tensors are those of {architecture.name}, not of {model}")
    matches = [match for match in _matches(file) if _fits(match.release, architecture, bases, publisher)]
    if len(matches) == 1 and (publisher == matches[0].release.publisher or not _shared_name(file, matches[0])):
        ((release, evidence),) = matches
        return _identity(release.publisher, architecture, release, _EVIDENCE[evidence], is_release=True)
    if publisher is not None:
        return _by_use(_published(publisher, architecture), publisher, architecture, "the caller's word")
    named = [each.release for each in releases.by_file(file.name) if each.release.model == architecture.name]
    if matches and named:
        return _by_use(named, None, architecture, "the file's name")
    every = [release for base in bases for release in _published(base, architecture)]
    return _by_use(every, None, architecture, "the tensors' names", _changed(file, named))


def _by_use(
    candidates: list[Release], stated: str | None, architecture: Architecture, by: str, told: str = ""
) -> Identity:
    """Choose the one way in which all candidates want to be used, if it is one."""
    ways: dict[str, list[str]] = {}
    for release in candidates:
        ways.setdefault(_use(release, architecture), []).append(release.publisher)
    if len(ways) == 1:
        return _identity(stated or _base(candidates[0]), architecture, candidates[0], by + _likeness(candidates[0]))
    options = "; ".join(f"{', '.join(publishers)}: {use}" for use, publishers in ways.items())
    raise CheckpointError(
        f"{told}the tensors are those of {architecture.name}, but do not tell how they want to be used; "
        f"say which with --publisher. {options}"
    )


def _published(publisher: str, architecture: Architecture) -> list[Release]:
    """The releases of a variant by a publisher or in one of its sets, the one that the name alone means first.

    Many train what was never published: then it is used as the publisher's smallest network, at the variant's own size.
    """
    kin = [name for name, coefficients in TABLE.items() if coefficients.lite == architecture.coefficients.lite]
    for name in (architecture.name, *kin):
        with suppress(UnknownModelError):
            meant = releases.find(f"{name}@{publisher}")
            break
    else:
        raise CheckpointError(f"nothing like {architecture.name} was published as {publisher}")
    if meant.model != architecture.name:
        return [replace(meant, model=architecture.name, size=architecture.resolution)]
    every = [release for release in releases.published() if release.model == meant.model]
    return [meant, *(each for each in every if publisher in (_base(each), each.publisher) and each != meant)]


def _identity(
    publisher: str, architecture: Architecture, release: Release, by: str, *, is_release: bool = False
) -> Identity:
    coefficients = replace(architecture.coefficients, resolution=release.size)
    return Identity(publisher, replace(architecture, coefficients=coefficients), release, by, is_release)


def _matches(file: Fingerprint) -> tuple[Match, ...]:
    return releases.by_file(file.name, sha256=file.sha256, md5=file.md5)


def _fits(release: Release, architecture: Architecture, bases: Iterable[str], publisher: str | None) -> bool:
    """Whether a file may be that release, by its tensors and the caller's word."""
    base = _base(release)
    return (
        base in bases
        and (release.model, release.classes) == (architecture.name, architecture.classes)
        and publisher in (None, base, release.publisher)
    )


def _likeness(release: Release) -> str:
    """Which network's pictures are taken for a network that was never published; nothing for one that was."""
    published = [each for each in releases.published() if each.url == release.url]
    return "" if release in published else f"; never published, so pictures as for {published[0].name}"


def _base(release: Release) -> str:
    return release.publisher.partition(":")[0]


def _use(release: Release, architecture: Architecture) -> str:
    """How weights want to be used, in words; the same words for the same use."""
    publisher = PUBLISHERS[_base(release)]
    recipe = release.recipe
    return (
        f"padding {publisher.padding}, eps {publisher.bn_eps[architecture.name]:g}, {release.size} pixels, "
        f"{recipe.crop} {recipe.amount:g}, {recipe.resize}, {recipe.normalise}"
    )


def _shared_name(file: Fingerprint, match: Match) -> bool:
    """Whether nothing but a name speaks for a release, and others have that name too."""
    return match.by == "name" and len(releases.by_file(file.name)) > 1


def _changed(file: Fingerprint, named: list[Release]) -> str:
    """A remark on a file that has a published name, but not the hash published with it."""
    if not named:
        return ""
    return f"the file has the name of {named[0].name}, but not its hash: it was packed again, changed or damaged; "


def _strangers(names: list[str]) -> str:
    if any(name.startswith("onnx::") for name in names):
        return (
            "batch norms are folded into the convolutions here, and the names are gone; "
            "convert the checkpoint that this graph was made of"
        )
    return (
        f"the names are no publisher's that is known here ({', '.join(PUBLISHERS)}): {', '.join(names[:5])!r:.400}; "
        "name one with --publisher to see all that is missing and unknown"
    )
