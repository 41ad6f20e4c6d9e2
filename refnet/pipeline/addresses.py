"""Addresses: pictures that are no files here, such as ``s3://bucket/photos``, by way of fsspec."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, TypeGuard

from refnet.errors import ImageError, ImageNotFoundError, InputError
from refnet.pipeline.folder import ENDINGS
from refnet.preprocessing.read_image import MAX_BYTES

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")


def is_address(place: object) -> TypeGuard[str]:
    """Whether this names something by a protocol.

    Examples
    --------
    >>> is_address("s3://bucket/cat.jpg"), is_address("C:/cat.jpg"), is_address("zip://*.jpg::photos.zip")
    (True, False, True)
    """
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def file_system(address: str) -> tuple[Any, str]:
    """Find what reads an address, and what it calls it; a protocol that is not installed is an `InputError`."""
    try:
        import fsspec
    except ImportError:
        raise InputError(f"{address}: want fsspec to read it; `pip install fsspec` brings it") from None
    try:
        found: tuple[Any, str] = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise InputError(f"{address}: {error}") from None
    return found


def find(address: str, *, recursive: bool = False, patterns: bool = True) -> Iterator[tuple[str, str | ImageError]]:
    """Name the pictures that an address leads to, sorted: itself, those of a folder or what a pattern matches.

    Without ``patterns`` the address is taken as it is, whatever pattern it looks like.

    Examples
    --------
    >>> [(name, _)] = find("file://refnet/data/*.png")
    >>> name.startswith("file:///"), name.endswith("refnet/data/chelsea.png")
    (True, True)
    """
    system, path = file_system(address)
    patterns = patterns and glob.has_magic(path)
    if not patterns and _is_picture(path):
        yield address, address
        return
    try:
        found = _found(system, path, recursive, patterns)
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


def fetch(address: str) -> bytes:
    """Read all bytes of a picture; whatever keeps them away is an `ImageError`."""
    system, path = file_system(address)
    try:
        content: bytes = system.cat_file(path)
    except Exception as error:
        raise _unreadable(address, error) from error
    if len(content) > MAX_BYTES:
        raise ImageError(f"{address}: {len(content)} bytes; want at most {MAX_BYTES}", filename=address)
    return content


def _unreadable(address: str, error: Exception) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageNotFoundError(f"{address}: cannot read the picture: there is no such file", filename=address)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ImageError(f"{address}: cannot read the picture: {reason}", filename=address)
