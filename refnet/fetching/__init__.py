"""Fetching: the weight file of a published model, downloaded and converted if it is not on this machine.

A weight file that was fetched stays in the cache, which :mod:`refnet.store.places` finds. It becomes visible there when
it is complete: until then everything is in a working folder beside it.
"""

from __future__ import annotations

import logging
import os
import shlex
from contextlib import suppress
from pathlib import Path

from refnet import releases
from refnet.errors import UnknownModelError, WeightsError, WeightsNotFoundError
from refnet.fetching.folder import working_folder
from refnet.releases import Release
from refnet.store import find, places

OFFLINE = "REFNET_OFFLINE"
ORIGINALS = "originals"

_log = logging.getLogger("refnet")


def fetch(name: str, *, keep: bool = False) -> Path:
    """Find the weight file of a published model; bring it if it is not here. :func:`refnet.fetch` says how."""
    if not isinstance(name, str):
        raise UnknownModelError(f"a model cannot be {type(name).__name__}; want a name, such as b1 or b1@timm-tf")
    with suppress(WeightsNotFoundError):
        return find(name)
    return fetch_release(releases.find(name), keep=keep)


def fetch_release(release: Release, *, keep: bool = False) -> Path:
    """Get the weight file of a release: from the cache, or made of the published file.

    Raises
    ------
    WeightsNotFoundError
        If the published file cannot be had: with the reason, and how to bring it by hand.
    WeightsError
        If the cache cannot be written, or a package does not hold the published file.
    CheckpointError
        If the published file cannot be converted.
    """
    target = places.in_cache(release)
    if target.is_file():
        return target
    with suppress(OSError):  # an error below names a command that writes there
        target.parent.mkdir(parents=True, exist_ok=True)
    if release.package is None:
        _check_permitted(release, target)
    try:
        with working_folder(target.parent) as folder:
            original = _original(release, folder, target)
            made = folder / target.name
            _convert(original, release, made)
            if keep and release.package is None:
                _keep(original, target)
            _move(made, target)
    except OSError as error:
        raise WeightsError(
            f"{release.name} not fetched: cannot write in {target.parent}: {error.strerror or error}; "
            f"{places.CACHE_VARIABLE} can name another folder"
        ) from None
    return target


def _is_forbidden() -> bool:
    """Whether the environment forbids downloads."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def _check_permitted(release: Release, target: Path) -> None:
    if not release.available:
        raise WeightsNotFoundError(
            f"{release.name} cannot be fetched: the host that had it is closed; {_by_hand(release, target)}"
        )
    if _is_forbidden():
        raise WeightsNotFoundError(
            f"no weights of {release.name} on this machine, and {OFFLINE} forbids to fetch them; "
            f"{_by_hand(release, target)}"
        )


def _original(release: Release, folder: Path, target: Path) -> Path:
    """The published file, checked: from the package that is installed, or else downloaded."""
    if release.package is not None:
        from refnet.fetching.package import member

        return member(release)
    from refnet.fetching.download import DownloadError, download

    size = "" if release.bytes is None else f" ({release.bytes / 1e6:.1f} MB)"
    _log.warning(
        "fetching %s: %s from %s%s into %s", release.name, release.file, release.url, size, os.fspath(target.parent)
    )
    try:
        return download(release, folder)
    except DownloadError as error:
        raise WeightsNotFoundError(f"{release.name} not fetched: {error}; {_by_hand(release, target)}") from None


def _convert(original: Path, release: Release, out: Path) -> None:
    from refnet.checkpoints import conversion

    _log.info("converting %s", original.name)
    conversion.convert(original, model=release.model, publisher=release.publisher, out=out)


def _keep(original: Path, target: Path) -> None:
    place = target.parent / ORIGINALS / target.stem
    place.mkdir(parents=True, exist_ok=True)
    original.replace(place / original.name)
    _log.info("%s is kept in %s", original.name, os.fspath(place))


def _move(made: Path, target: Path) -> None:
    """The certificate first: where there is a weight file in the cache, its certificate is there as well."""
    from refnet.checkpoints import certificate

    certificate.beside(made).replace(certificate.beside(target))
    made.replace(target)


def _by_hand(release: Release, target: Path) -> str:
    """How to bring the file where it cannot be downloaded."""
    if release.sha256 is not None:
        known, hint = f"SHA-256 {release.sha256}{'' if len(release.sha256) == 64 else '…'}", ""
    elif release.md5 is not None:
        known, hint = f"MD5 {release.md5}", ""
    else:  # nothing but the caller's word tells whose it is
        known, hint = "no hash of it is published", f" --publisher {release.publisher}"
    size = "" if release.bytes is None else f"{release.bytes:,} bytes, "
    command = f"refnet convert {release.file}{hint} -o {shlex.quote(os.fspath(target))}"
    return f"to bring it by hand: {release.file} ({size}{known}) from {release.url}, then `{command}`"
