"""Addresses: pictures that are no files here, such as ``s3://bucket/photos``, by way of fsspec."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from refnet.errors import ImageError, ImageNotFoundError, InputError, input_error
from refnet.preprocessing.decode import Reading, read
from refnet.preprocessing.image_like import ENDINGS, ImageLike, is_address, names_a_picture
from refnet.preprocessing.loaders import Loader
from refnet.preprocessing.read_image import MAX_BYTES, read_as, read_file

_PACKAGES = {
    "http": "fsspec[http]",
    "https": "fsspec[http]",
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
}


def file_system(address: str) -> tuple[Any, str]:
    """Find what reads an address, and what it calls it; whatever is wrong with it is an `InputError`."""
    try:
        return _file_system(address)
    except InputError:
        raise
    except Exception as error:  # whatever a protocol makes of it
        raise input_error(f"{address}: {_reason(error)}", address, error) from error


def _file_system(address: str) -> tuple[Any, str]:
    """Do so, but of a place that is known and cannot be reached, such as an archive, hand on what the system says."""
    try:
        import fsspec
    except ImportError:
        raise InputError(f"{address}: want fsspec to read it; `pip install fsspec` brings it") from None
    try:
        found: tuple[Any, str] = fsspec.url_to_fs(address)
    except ImportError as error:
        raise InputError(f"{address}: {error}{_how_to_get(address)}") from None
    except ValueError as error:
        raise InputError(f"{address}: {error}") from None
    return found


def _how_to_get(address: str) -> str:
    """The commands that bring what reads an address.

    Examples
    --------
    >>> _how_to_get("zip://a.png::https://host/photos.zip")
    "; `pip install 'fsspec[http]'` brings it"
    """
    protocols = [link.partition("://")[0].lower() for link in address.split("::")]
    packages = dict.fromkeys(_PACKAGES[protocol] for protocol in protocols if protocol in _PACKAGES)
    quoted = " ".join(f"'{package}'" if "[" in package else package for package in packages)
    return f"; `pip install {quoted}` brings it" if packages else ""


def find(address: str, *, recursive: bool = False, patterns: bool = True) -> Iterator[tuple[str, str | ImageError]]:
    """Name the pictures that an address leads to, sorted: itself, those of a folder or what a pattern matches.

    Without ``patterns`` the address is taken as it is, whatever pattern it looks like.

    Examples
    --------
    >>> [(name, _)] = find("file://refnet/data/*.png")
    >>> name.startswith("file:///"), name.endswith("refnet/data/chelsea.png")
    (True, True)
    """
    try:
        system, path = _file_system(address)
        one = names_a_picture(address, patterns=patterns)
        found = None if one else _found(system, path, recursive, patterns and glob.has_magic(path))
    except InputError:
        raise
    except Exception as error:  # whatever a protocol makes of a bad answer
        yield address, _unreadable(address, error)
        return
    behind = "".join(f"::{outer}" for outer in address.split("::")[1:])
    for each in [address] if found is None else sorted(f"{system.unstrip_protocol(each)}{behind}" for each in found):
        yield each, each
    if found == []:
        yield address, ImageNotFoundError(f"{address}: there are no pictures", filename=address)


def _found(system: Any, path: str, recursive: bool, patterns: bool) -> list[str] | None:
    if patterns:
        return [each for each, info in system.glob(path, detail=True).items() if info["type"] == "file"]
    if not system.isdir(path):
        return None
    hidden = len(PurePosixPath(path).parts)
    return [
        each
        for each in system.find(path, maxdepth=None if recursive else 1)
        if _is_picture(each) and not any(part.startswith(".") for part in PurePosixPath(each).parts[hidden:])
    ]


def _is_picture(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in ENDINGS


def read_anywhere(image: ImageLike, loader: Loader, *, as_published: bool = False) -> Reading:
    """Do as ``read_as``, also with the picture at an address."""
    if is_address(image):
        return read(fetch(image), image, loader, as_published=as_published)
    return read_as(image, loader, as_published=as_published)


def fetch(address: str) -> bytes:
    """Read all bytes of a picture; whatever keeps them away is an `ImageError`."""
    try:
        system, path = _file_system(address)
        content: bytes = read_file(path) if "local" in system.protocol else system.cat_file(path)
    except (InputError, ImageError):
        raise
    except Exception as error:
        raise _unreadable(address, error) from error
    if len(content) > MAX_BYTES:
        raise ImageError(f"{address}: {len(content)} bytes; want at most {MAX_BYTES}", filename=address)
    return content


def _unreadable(address: str, error: Exception) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageNotFoundError(f"{address}: cannot read the picture: there is no such file", filename=address)
    return ImageError(f"{address}: cannot read the picture: {_reason(error)}", filename=address)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
