"""Releases: every published file of EfficientNet, by name and by what is in it.

A name is a variant (``b1``), a variant of a publisher (``b1@timm-tf``) or of one set of its weights
(``b1@timm-tf:aa``). The list itself is ``refnet/data/published.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from refnet.errors import InputError, UnknownModelError
from refnet.weights.releases import registry
from refnet.weights.releases.release import RecipeEntry, Release, publisher_without_set

__all__ = ["Evidence", "Match", "RecipeEntry", "Release", "by_file", "find", "published", "publisher_without_set"]

Evidence = Literal["sha256", "prefix", "md5", "name"]
_STRONGEST_FIRST: tuple[Evidence, ...] = ("sha256", "prefix", "md5", "name")


class Match(NamedTuple):
    """A release that a file may be.

    Attributes
    ----------
    release
        The release.
    by
        Why: its ``sha256`` or ``md5`` is the published one; or the first digits of its SHA-256, the ``prefix``, are,
        where no more is published; or its ``name`` is, which is a guess.
    """

    release: Release
    by: Evidence


def published() -> tuple[Release, ...]:
    """List every published file.

    Examples
    --------
    >>> [release.name for release in published() if release.model == "l2"]
    ['l2@tf:noisystudent', 'l2@tf:noisystudent-475', 'l2@timm-tf:ns', 'l2@timm-tf:ns475']
    """
    return _registry().releases


def find(name: str) -> Release:
    """Find the release that a name means.

    A variant means its default release. With ``@`` and a publisher: the first of its sets that has the variant, in the
    publisher's order. With ``@``, a publisher, ``:`` and a set: the one in that set.

    Examples
    --------
    >>> find("b1").name, find("b8@tf").name
    ('b1@timm-tf:aa', 'b8@tf:advprop')
    >>> find("b1@keras").file
    'efficientnetb1.h5'
    """
    known = _registry()
    model, at, asked = name.partition("@")
    if model not in known.defaults:
        raise UnknownModelError(f"unknown model {model!r}; published are {', '.join(known.defaults)}")
    sets = _sets(asked) if at else (known.defaults[model],)
    releases = [release for release in known.releases if release.model == model and release.publisher in sets]
    if not releases:
        has = [release.model for release in known.releases if release.publisher in sets]
        others = [release.publisher for release in known.releases if release.model == model]
        raise UnknownModelError(
            f"{asked} has no {model}; it has {', '.join(dict.fromkeys(has))}, and {model} is in {', '.join(others)}"
        )
    return min(releases, key=lambda release: sets.index(release.publisher))


def by_file(name: str | None = None, *, sha256: str | None = None, md5: str | None = None) -> tuple[Match, ...]:
    """Find the releases that a file may be, from what is known of it.

    Only the matches of the strongest evidence are returned: see ``Match``. A release whose published hash differs
    from the given one is not a match, whatever the file is called. The file may be one of those listed, or the
    checkpoint inside a package. A name is one without directories; a name that does not tell the variant, such as
    ``model.safetensors``, tells nothing.

    Examples
    --------
    >>> by_file("efficientnet_b1-c27df63c.pth")[0].by
    'name'
    >>> [(match.release.name, match.by) for match in by_file(md5="1d254153d4ab51201f1646940f018540")]
    [('b1@keras', 'md5')]
    """
    if name is None and sha256 is None and md5 is None:
        raise InputError("nothing is known of the file; want its name, sha256 or md5")
    for label, digits, value in (("sha256", 64, sha256), ("md5", 32, md5)):
        if value is not None and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
            raise InputError(f"{label}={value!r}: want {digits} hexadecimal digits, a-f in lower case")
    given = _Identity(name, sha256, md5)
    matches = [
        Match(release, by)
        for release in published()
        for identity in _identities(release)
        if (by := _evidence(given, identity, release)) is not None
    ]
    strongest = next((by for by in _STRONGEST_FIRST if any(match.by == by for match in matches)), None)
    return tuple(match for match in matches if match.by == strongest)


def check_publisher(publisher: str) -> None:
    """Refuse what is neither a publisher nor one of its sets, with those that there are.

    Examples
    --------
    >>> check_publisher("timm-tf:ns")
    """
    if not isinstance(publisher, str):
        raise UnknownModelError(f"a publisher cannot be {publisher!r}; want a name, such as timm-tf or timm-tf:ns")
    _sets(publisher)


class _Identity(NamedTuple):
    """What tells a file from others."""

    name: str | None
    sha256: str | None
    md5: str | None


def _identities(release: Release) -> Iterator[_Identity]:
    """The file of a release, and the checkpoint inside it."""
    yield _Identity(release.file, release.sha256, release.md5)
    if release.member is not None:
        yield _Identity(PurePosixPath(release.member).name, release.member_sha256, None)


def _evidence(given: _Identity, known: _Identity, release: Release) -> Evidence | None:
    """Why the one may be the other. Where both have a hash, it decides."""
    if given.sha256 in release.hub_sha256:
        return "sha256"
    if given.sha256 and known.sha256:
        if given.sha256 == known.sha256:
            return "sha256"
        return "prefix" if given.sha256[:8] == known.sha256 else None
    if given.md5 and known.md5:
        return "md5" if given.md5 == known.md5 else None
    return "name" if given.name == known.name and release.model in str(known.name) else None


def _sets(asked: str) -> tuple[str, ...]:
    """Sets that a publisher, or a publisher and a set, stand for; the first that has a variant counts."""
    publishers = _registry().publishers
    if asked in publishers:
        return publishers[asked]
    publisher = publisher_without_set(asked)
    if publisher not in publishers:
        raise UnknownModelError(f"unknown publisher {publisher!r}; known are {', '.join(publishers)}")
    if asked not in publishers[publisher]:
        raise UnknownModelError(f"unknown set {asked!r}; {publisher} has {', '.join(publishers[publisher])}")
    return (asked,)


@cache
def _registry() -> registry.Registry:
    return registry.read(registry.locate())
