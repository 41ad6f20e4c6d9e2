"""Whose checkpoint a file is: publisher, set of weights, variant, number of classes, and the recipe that goes with it.

The names of the tensors narrow down the publisher, their shapes settle the variant. What they cannot tell (timm's two
families share their names, AdvProp differs in its recipe alone), the published hash of the file decides, then the
file's name; and else the caller must.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from refnet.architecture.scaling import TABLE
from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.architecture.variants import Architecture
from refnet.checkpoints.cards.card import NO_PICTURES, Pictures
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.names_and_shapes import publishers_by_names, variant_by_shapes
from refnet.checkpoints.other_networks import looks_like
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.state_dict import StateDict
from refnet.errors import CheckpointError, UnknownModelError, first_few
from refnet.weights import releases
from refnet.weights.releases import Match, Release

_EVIDENCE = {
    "sha256": "the published SHA-256",
    "prefix": "the first 8 digits of its SHA-256, which are published",
    "md5": "the published MD5",
    "name": "the file's name",
}


MOST_WAYS, LONGEST_WAY = 5, 140  # that a refusal names, and letters of one


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
        Whether it is the published file itself, by its hash or where it was fetched from.
    """

    publisher: str
    architecture: Architecture
    release: Release
    by: str
    is_release: bool

    @property
    def base(self) -> str:
        """The publisher without the set."""
        return releases.publisher_without_set(self.publisher)


def identify(
    file: Fingerprint,
    state: StateDict,
    *,
    publisher: str | None = None,
    model: str | None = None,
    release: Release | None = None,
    top: Top = PUBLISHED_TOP,
    pictures: Pictures = NO_PICTURES,
) -> Identity:
    """Find out whose checkpoint it is, or say what it may be and what differs between these.

    ``publisher`` is the caller's word, with a set or without, where the file does not tell or is not trusted to;
    ``model`` the variant it must be; ``release`` the published file that it is known to be; ``top`` what follows the
    last convolution; ``pictures`` what is known of how they are made, whoever published it.
    """
    shapes = {name: tensor.shape for name, tensor in state.tensors.items()}
    if publisher is not None:
        releases.check_publisher(publisher)
    bases = (releases.publisher_without_set(publisher),) if publisher else publishers_by_names(shapes)
    if not bases:
        raise CheckpointError(looks_like(shapes) or _unknown_names(list(shapes)), details=shapes)
    architecture = variant_by_shapes(shapes, PUBLISHERS[bases[0]], top)
    if model is not None and architecture.name != model:
        raise CheckpointError(f"the tensors are those of {architecture.name}, not of {model}")
    if release is not None:
        return _identity(release.publisher, architecture, release, "where it was fetched from", is_release=True)
    matches = [match for match in _matches(file) if _fits(match.release, architecture)]
    by_hash = [match for match in matches if match.by != "name"]
    if by_hash:
        return _identity_by_hash(file, by_hash[0], publisher, architecture)
    matches = [match for match in matches if _base(match.release) in bases]
    named = [each.release for each in releases.by_file(file.name) if _fits(each.release, architecture)]
    remark = _remark_on_hash(named) if not matches else ""
    if publisher is not None:
        return _identity_by_use(
            _published(publisher, architecture), publisher, architecture, "the caller's word", remark, pictures
        )
    if matches:
        candidates = [match.release for match in matches]
        publisher = candidates[0].publisher if len(named) == 1 else None
        return _identity_by_use(named, publisher, architecture, "the file's name", pictures=pictures)
    every = [release for base in bases for release in _published(base, architecture)]
    return _identity_by_use(every, None, architecture, "the tensors' names", remark, pictures)


def identity_by_use(publishers: Iterable[str], stated: str | None, architecture: Architecture, by: str) -> Identity:
    """Choose the one way in which what these published wants to be used, or say what differs between them."""
    every = [release for publisher in publishers for release in _published(publisher, architecture)]
    return _identity_by_use(every, stated, architecture, by)


def _identity_by_hash(file: Fingerprint, match: Match, stated: str | None, architecture: Architecture) -> Identity:
    """What a hash says; the caller may not say otherwise. Eight digits alone make no published file."""
    release = match.release
    if stated not in (None, _base(release), release.publisher):
        raise CheckpointError(f"by {_EVIDENCE[match.by]} this is {release.name}, not of {stated}")
    is_release = match.by != "prefix" or file.name == release.file
    return _identity(release.publisher, architecture, release, _EVIDENCE[match.by], is_release=is_release)


def _identity_by_use(
    candidates: list[Release],
    stated: str | None,
    architecture: Architecture,
    by: str,
    remark: str = "",
    pictures: Pictures = NO_PICTURES,
) -> Identity:
    """Choose the one way in which all candidates want to be used, if it is one."""
    ways: dict[tuple[str, ...], list[str]] = {}
    for release in candidates:
        ways.setdefault(_use(release, architecture, pictures), []).append(release.publisher)
    if len(ways) == 1:
        by = "; ".join(filter(None, (by, remark, _likeness(candidates[0]))))
        return _identity(stated or _base(candidates[0]), architecture, candidates[0], by)
    alike = set.intersection(*map(set, ways))
    choices = [
        f"{', '.join(publishers)}: {', '.join(words for words in use if words not in alike)}"
        for use, publishers in ways.items()
    ]
    raise CheckpointError(
        f"{remark}{remark and '; '}the tensors are those of {architecture.name}, but do not tell how they want to be "
        f"used; say which with --publisher. {first_few(choices, MOST_WAYS, longest=LONGEST_WAY)}",
        details=choices,
        options=[f"--publisher {publishers[0]}" for publishers in ways.values()],
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


def _fits(release: Release, architecture: Architecture) -> bool:
    """Whether a file may be that release, by its tensors."""
    return (release.model, release.classes) == (architecture.name, architecture.classes)


def _likeness(release: Release) -> str:
    """Which network's pictures are taken for a network that was never published; nothing for one that was."""
    published = [each for each in releases.published() if each.url == release.url]
    return "" if release in published else f"never published, so pictures as for {published[0].name}"


def _base(release: Release) -> str:
    return releases.publisher_without_set(release.publisher)


def _use(release: Release, architecture: Architecture, pictures: Pictures) -> tuple[str, ...]:
    """How weights want to be used, in words; the same words for the same use."""
    publisher = PUBLISHERS[_base(release)]
    recipe = release.recipe
    crop, amount = pictures.crop or (recipe.crop, recipe.amount)
    return (
        f"padding {publisher.padding}",
        f"eps {publisher.bn_eps[architecture.name]:g}",
        f"{pictures.size or release.size} pixels",
        f"{crop} {amount:g}",
        pictures.resize or recipe.resize,
        recipe.normalise if pictures.normalise is None else "normalised as the file says",
    )


def _remark_on_hash(named: list[Release]) -> str:
    """A remark on a file that has a published name, but not the hash published with it."""
    hashed = [release for release in named if release.sha256 or release.md5]
    if not hashed:
        return ""
    return f"the file has the name of {hashed[0].name}, but not its hash: it was packed again, changed or damaged"


def _unknown_names(names: list[str]) -> str:
    if any(name.startswith("onnx::") for name in names):
        return (
            "batch norms are folded into the convolutions here, and the names are gone; "
            "convert the checkpoint that this graph was made of"
        )
    return (
        f"no network that refnet knows: the first names are {first_few([repr(name) for name in names], by=', ')}; "
        f"names are known of {', '.join(PUBLISHERS)}: with `--publisher timm`, say, what is missing is named"
    )
