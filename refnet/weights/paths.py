"""Where weight files are, and how to get those that are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from refnet.architecture.scaling import coefficients
from refnet.errors import InputError, WeightsNotFoundError
from refnet.files.shipped import DATA
from refnet.files.user_cache import user_cache
from refnet.weights import releases
from refnet.weights.releases import Release

VARIABLE = "REFNET_WEIGHTS"
CACHE_VARIABLE = "REFNET_CACHE"

SHIPPED = "lite0@lite"  # the release that the package carries, as lite0.h5


def find(name: str) -> Path:
    """Find the weight file of a published model on this machine.

    The file of ``b1`` is ``b1.h5``, in the directory that the environment variable ``REFNET_WEIGHTS`` names, in the
    installed package, or in ``weights/`` of a source checkout; the first one wins. Without one, ``b1`` is its default
    release. The file of a release is ``b1@timm-tf+aa.h5``, in the directory that ``REFNET_WEIGHTS`` names or in the
    cache; the package carries one, as ``lite0.h5``. Whether it holds what the name says, ``read_named`` finds out.

    Examples
    --------
    >>> find("lite0").name
    'lite0.h5'
    """
    searched = []
    for path in _candidates(name):
        if is_here(path):
            return path
        searched.append(path)
    files = {path.name: [other.parent for other in searched if other.name == path.name] for path in searched}
    nowhere = " and ".join(f"no {file} in {', '.join(map(str, where))}" for file, where in files.items())
    raise WeightsNotFoundError(f"no weights of {name} on this machine: {nowhere}; {how_to_get(name)}")


def _candidates(name: str) -> Iterator[Path]:
    """The list of what is published is read only where it is needed."""
    if "@" not in name:
        coefficients(name)
        yield from (place / f"{name}.h5" for place in weight_folders())
    release = releases.find(name)
    yield from (place / _file_name(release) for place in _own())
    if "@" in name and release.name == SHIPPED:
        yield from (place / f"{release.model}.h5" for place in _shipped())
    cache = _cache()
    if cache is not None:
        yield cache / _file_name(release)


def is_here(path: Path) -> bool:
    """Whether there is a file, as far as one can see: not where nobody may look, nor under a name too long."""
    try:
        return path.is_file()
    except OSError:
        return False


def weight_folders() -> list[Path]:
    """List the directories in which the weight files of variants are looked for, first to last."""
    return [*_own(), *_shipped()]


def _own() -> list[Path]:
    own = os.environ.get(VARIABLE)
    return [_directory(own)] if own else []


def _shipped() -> list[Path]:
    beside = DATA.parents[1]
    # Beside a source checkout is its folder of weights; beside an installed package are other people's files.
    return [DATA, *([beside / "weights"] if is_here(beside / "pyproject.toml") else [])]


def _directory(stated: str) -> Path:
    """A directory that a person named, whatever the shell left of it."""
    path = Path(stated)
    with suppress(RuntimeError):  # somebody whose home is not known
        path = path.expanduser()
    with suppress(OSError):  # the working directory is gone
        path = path.absolute()
    return path


def cache_folder() -> Path:
    """Directory of the weight files that were fetched: ``REFNET_CACHE``, or ``refnet`` among the user's caches."""
    found = _cache()
    if found is None:
        raise InputError(
            "no place for weights that are fetched or converted: HOME is not set, and the system knows no home of "
            f"this user; let {CACHE_VARIABLE} name a folder"
        )
    return found


def _cache() -> Path | None:
    own = os.environ.get(CACHE_VARIABLE)
    return _directory(own) if own else user_cache("refnet")


def cached_file(release: Release) -> Path:
    """Where the weight file of a release is if it was fetched."""
    return cache_folder() / _file_name(release)


def is_cached(path: Path) -> bool:
    """Whether a file lies in the cache."""
    return path.parent == _cache()


def _file_name(release: Release) -> str:
    """What the file of a release is called; not every system allows a colon."""
    return f"{release.name.replace(':', '+')}.h5"


def how_to_get(name: str) -> str:
    """Say what brings the weight file of a published model."""
    model = name.partition("@")[0]
    return (
        f"`refnet fetch {name}` brings it; or put a file of your own into a directory that {VARIABLE} names, "
        f"or take generated weights, `{model}@synthetic`"
    )


def how_to_mend(path: Path) -> str:
    """Say what to do about a weight file that is damaged or not there."""
    if is_here(path) and is_cached(path):
        return f"`refnet fetch {path.stem.replace('+', ':')}` brings it again"
    return "copy it from its source again, or convert it anew"
