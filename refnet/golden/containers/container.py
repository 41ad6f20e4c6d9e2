"""What all containers share: a sink that takes tensors one by one, and a source that gives them."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.golden.formats.tensor_file import StoredWords
from refnet.golden.manifest import TensorEntry

MAX_MANIFEST = 1 << 24  # bytes
MAX_NAME = 200

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)


class ContainerWriter(Protocol):
    """A container being written, inside a ``with`` block: it appears at the end, unless an error came."""

    def put(self, entry: TensorEntry, words: Array) -> TensorEntry:
        """Store a tensor's words, in stored shape; return the entry with format, file and sha256 filled in."""
        ...

    def finish(self, manifest: str) -> None:
        """Add the manifest, after the last tensor."""
        ...


class TensorRequest(NamedTuple):
    """What is known of a tensor before its file is opened.

    Attributes
    ----------
    name
        In the container.
    entry
        What the manifest says of it, or None.
    dtype
        Where the file cannot tell.
    expected
        Elements to expect, or None.
    """

    name: str
    entry: TensorEntry | None = None
    dtype: str | None = None
    expected: int | None = None


class ContainerReader(Protocol):
    """A container open for reading."""

    names: tuple[str, ...]
    manifest: str | None

    def read(self, wanted: TensorRequest) -> StoredWords:
        """Read one tensor."""
        ...

    def sha256(self, wanted: TensorRequest) -> str:
        """Compute what the manifest should say of a tensor's bytes."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...


def check_name(name: str) -> str:
    """Check that a tensor's name may become a file's name: words joined by dots, and by slashes for weights.

    Examples
    --------
    >>> check_name("block1a/expand/kernel")
    'block1a/expand/kernel'
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or ".." in name or name == "manifest":
        raise InputError(f"name {name!r:.80}: want letters, digits, _ - and dots, or slashes between such words")
    return name
