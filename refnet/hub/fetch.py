"""Fetching: the weight file of a published model, downloaded and converted if it is not on this machine.

A weight file that was fetched stays in the cache, which ``refnet.weights.paths`` finds. It becomes visible there
when it is complete: until then everything is in a working folder beside it.
"""

from __future__ import annotations

import logging
import os
import shlex
from contextlib import suppress
from pathlib import Path

from refnet.errors import CheckpointError, RefnetError, UnknownModelError, WeightsError, WeightsNotFoundError
from refnet.files.workplace import workplace
from refnet.hub import proof
from refnet.hub.aliases import CHECKPOINTS, shortened
from refnet.hub.failure import DownloadError, warn
from refnet.weights import paths, releases
from refnet.weights.paths import find
from refnet.weights.reader import read, read_named
from refnet.weights.releases import Release

OFFLINE = "REFNET_OFFLINE"
ORIGINALS = "originals"

_log = logging.getLogger("refnet")


def fetch(name: str, *, keep: bool = False) -> Path:
    """Find the weight file of a published model; bring it if it is not here. ``refnet.fetch`` says how."""
    name = checked_name(name)
    try:
        path = find(name)
    except WeightsNotFoundError:
        return fetch_release(releases.find(name), keep=keep)
    release = releases.find(name)
    if paths.is_cached(path) and path == paths.cached_file(release):
        return fetch_release(release, keep=keep)
    read_named(name, path)
    if keep:
        _say_nothing_is_kept(name, path)
    return path


def checked_name(name: object) -> str:
    """Turn what a person names into a name of something published; what is not is refused before anything is done.

    Examples
    --------
    >>> checked_name("EfficientNet-B1@timm-tf")
    'b1@timm-tf'
    """
    if not isinstance(name, str):
        raise UnknownModelError(f"a model cannot be {type(name).__name__}; want a name, such as b1 or b1@timm-tf")
    known = shortened(name)
    if name.lower().endswith((".h5", *CHECKPOINTS)):
        raise UnknownModelError(f"{name} is a file's name; a file is not fetched, but named as the model itself")
    releases.find(known)
    return known


def fetch_release(release: Release, *, keep: bool = False) -> Path:
    """Get the weight file of a release: from the cache if it is sound there, or made of the published file."""
    target = paths.cached_file(release)
    if paths.is_here(target) and _is_sound(release, target):
        if keep:
            _say_nothing_is_kept(release.name, target)
        return target
    _check_no_folder_in_the_way(release, target, keep=keep)
    with suppress(OSError):  # an error below names a command that writes there
        target.parent.mkdir(parents=True, exist_ok=True)
    if release.package is None:
        _check_permitted(release, target)
    try:
        with suppress(FileExistsError):
            target.parent.mkdir(parents=True, exist_ok=True)
        with workplace(target.parent) as folder:
            _make(release, folder, target, keep=keep)
    except RefnetError:
        raise
    except OSError as error:
        raise WeightsError(
            f"{release.name} not fetched: cannot write in {target.parent}: {error.strerror or error}; "
            f"{paths.CACHE_VARIABLE} can name another folder"
        ) from None
    return target


def _check_no_folder_in_the_way(release: Release, target: Path, *, keep: bool) -> None:
    """Refuse folders that are in the way of files: they are somebody's, and not for us to remove."""
    ways = [target, _certificate(target)]
    if keep and release.package is None:
        ways.append(_kept_file(target, release.file))
    for path in ways:
        if path.is_dir():
            raise WeightsError(
                f"{release.name} not fetched: {path} is a folder, in the way of a file; remove it or rename it"
            )


def _make(release: Release, folder: Path, target: Path, *, keep: bool) -> None:
    """All the work, in a folder that another process may take away."""
    try:
        original = _original(release, folder, target)
        made = folder / target.name
        _convert_or_explain(original, release, made, target)
        if keep and release.package is None:
            _keep(original, target)
        elif keep:
            _say_nothing_is_kept(release.name, original)
        if proof.doubt(made):  # as much as where it goes
            proof.note(read(made), target)
        _move(made, target)
    except (OSError, WeightsError, CheckpointError):
        if folder.is_dir():
            raise
        raise WeightsError(f"{release.name} not fetched: {folder} was removed meanwhile; try again") from None


def _is_sound(release: Release, target: Path) -> bool:
    """Whether what is in the cache is what its name says."""
    try:
        weights = read_named(release.name, target)
    except (WeightsError, WeightsNotFoundError) as error:
        warn(f"{error}; trying that now")
        return False
    if not proof.doubt(target) or proof.is_proven(weights, target):
        return True
    warn(f"{target} may be another user's work, for {proof.doubt(target)}; it is fetched again")
    return False


def _say_nothing_is_kept(name: str, path: Path) -> None:
    warn(f"{name} is here already, in {path}: nothing was downloaded, so there is nothing to keep")


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
        from refnet.hub.package import installed_checkpoint

        return installed_checkpoint(release)
    from refnet.hub.download import download

    size = "" if release.bytes is None else f" ({release.bytes / 1e6:.1f} MB)"
    warn(f"fetching {release.name}: {release.file} from {release.url}{size} into {target.parent}")
    try:
        return download(release, folder)
    except DownloadError as error:
        raise WeightsNotFoundError(f"{release.name} not fetched: {error}; {_by_hand(release, target)}") from None


def _convert_or_explain(original: Path, release: Release, made: Path, target: Path) -> None:
    """Convert; an error names what people know: neither the working folder nor what was in it is there any more."""
    try:
        _convert(original, release, made)
    except (CheckpointError, WeightsError) as error:
        if isinstance(error.__cause__, OSError):  # the disk is full
            raise error.__cause__ from None
        reason = str(error).replace(f"{made.parent}{os.sep}", "")
        if release.package is not None:
            raise error.saying(f"{release.name} not fetched: {reason}") from None
        raise error.saying(
            f"{release.name} not fetched: what came from {release.url} cannot be converted: {reason}; "
            f"{_by_hand(release, target)}"
        ) from None


def _convert(original: Path, release: Release, out: Path) -> None:
    from refnet.checkpoints import conversion
    from refnet.checkpoints.stated import Stated

    _log.info("converting %s", original.name)
    conversion.convert(original, Stated(model=release.model, publisher=release.publisher), out=out, release=release)


def _keep(original: Path, target: Path) -> None:
    place = _kept_file(target, original.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    original.replace(place)
    _log.info("%s is kept in %s", original.name, os.fspath(place.parent))


def _kept_file(target: Path, file: str) -> Path:
    return target.parent / ORIGINALS / target.stem / file


def _move(made: Path, target: Path) -> None:
    """The certificate first: no fetch leaves a weight file without one.

    It may be removed later, and nothing depends on it: the digests in the weight file prove that by themselves.
    """
    _certificate(made).replace(_certificate(target))
    try:
        made.replace(target)
    except OSError:
        if not paths.is_here(target):
            _certificate(target).unlink(missing_ok=True)
        raise


def _certificate(path: Path) -> Path:
    from refnet.checkpoints import certificate

    return certificate.beside(path)


def _by_hand(release: Release, target: Path) -> str:
    """How to bring the file where it cannot be downloaded."""
    if release.sha256 is not None:
        known = f"SHA-256 {release.sha256}{'' if len(release.sha256) == 64 else '…'}"
    elif release.md5 is not None:
        known = f"MD5 {release.md5}"
    else:
        known = "no hash of it is published"
    size = "" if release.bytes is None else f"{release.bytes:,} bytes, "
    whose = f"-m {release.model} --publisher {release.publisher}"
    command = f"refnet convert {release.file} {whose} -o {shlex.quote(os.fspath(target))}"
    return f"to bring it by hand: {release.file} ({size}{known}) from {release.url}, then `{command}`"
