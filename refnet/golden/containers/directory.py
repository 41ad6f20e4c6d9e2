"""A directory: a file for each tensor, and manifest.json where refnet wrote it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.files import opening
from refnet.files.whole import whole_directory
from refnet.golden.containers.container import MAX_MANIFEST, TensorRequest
from refnet.golden.formats import FORMATS, SUFFIXES
from refnet.golden.formats.tensor_file import (
    ALWAYS_READ,
    BLOCK,
    LONGER,
    Format,
    Heading,
    StoredWords,
    TensorFile,
    UnreadableError,
    sliced_name,
)
from refnet.golden.manifest import FILE_NAME, MAX_ENTRIES, TensorEntry
from refnet.golden.manifest_parser import parse_manifest

MAX_LETTERS = 128  # that a number takes in a text, with what is around it


class DirectoryWriter:
    """Writes a file for each tensor."""

    def __init__(self, place: Path, format_: str, written: Format) -> None:
        self.place = place
        self.format, self.written = format_, written

    def put(self, entry: TensorEntry, words: Array) -> TensorEntry:
        """Write a file; its name is the tensor's, with dots for slashes, and says of a piece which it is."""
        piece = sliced_name(entry.name.replace("/", "."), entry.part, "-")  # some disks do not take colons
        name = piece + self.written.suffix
        with (self.place / name).open("xb") as file:
            hashing = HashingFile(file)
            self.written.write(hashing, words, Heading.of(entry))
        return replace(entry, format=self.format, file=name, sha256=hashing.sha256.hexdigest())

    def finish(self, manifest: str) -> None:
        """Write the manifest."""
        (self.place / FILE_NAME).write_text(manifest, encoding="utf-8")


@contextmanager
def write_directory(target: Path, format_: str, written: Format) -> Iterator[DirectoryWriter]:
    """Write a directory, in place of an empty one or of an older golden."""
    with whole_directory(target, _check_replaceable) as place:
        yield DirectoryWriter(place, format_, written)


class HashingFile:
    """A file being written, and the SHA-256 of what went into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        """Write, and hash."""
        self.sha256.update(data)
        return self.file.write(data)


def _check_replaceable(target: Path, but: Path | None) -> None:
    """Refuse a directory that holds anything else than a golden."""
    if not target.is_dir():
        raise InputError(f"{target} is a file; want a new directory, or a name that ends in .h5 or .npz")
    there = [path for path in target.iterdir() if path != but]
    known: set[str] = set()
    if any(path.name == FILE_NAME for path in there):
        try:
            entries = parse_manifest(_read_manifest(target) or "", str(target / FILE_NAME)).entries
        except InputError:
            raise InputError(
                f"{target} holds a {FILE_NAME} that cannot be read, so what else is a golden's cannot be told; remove "
                "the directory, or want another one"
            ) from None
        known = {FILE_NAME} | {entry.file for entry in entries}
    others = sorted(path.name for path in there if path.name not in known or (path.is_dir() and not path.is_symlink()))
    if others:
        listed = ", ".join(others[:3])
        raise InputError(
            f"{target} holds files that do not belong to a golden ({listed}); want a new or empty directory"
        )


def _read_manifest(root: Path) -> str | None:
    path = root / FILE_NAME
    try:
        return opening.read_text(path, MAX_MANIFEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; record the golden again") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8; record the golden again") from None


class DirectoryReader:
    """Reads the files of a directory, or a single one."""

    def __init__(self, path: Path) -> None:
        self.files: dict[str, Path] = {}
        self.manifest: str | None = None
        if path.is_dir():
            self.root = path
            self.manifest = _read_manifest(path)
            if self.manifest is None:
                self._list()
        else:
            self.root = path.resolve().parent
            self.files = {path.stem: path.resolve()}
        self.names = tuple(sorted(self.files))

    def _list(self) -> None:
        for path in self.root.iterdir():
            if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                continue
            if path.stem in self.files:
                raise InputError(f"{path} and {self.files[path.stem].name} are one tensor twice; leave one")
            if len(self.files) == MAX_ENTRIES:
                raise InputError(f"{self.root} holds more than {MAX_ENTRIES} tensors")
            self.files[path.stem] = path

    def read(self, wanted: TensorRequest) -> StoredWords:
        """Read a file in its format."""
        path, format_ = self._file(wanted)
        try:
            with opening.open_file(path) as file:
                size = path.stat().st_size
                return format_.read(TensorFile(str(path), wanted.dtype, wanted.expected, file=file, size=size))
        except OSError as error:
            raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None

    def sha256(self, wanted: TensorRequest) -> str:
        """Hash a file's bytes."""
        path, _ = self._file(wanted)
        digest = hashlib.sha256()
        try:
            with opening.open_file(path) as file:
                while block := file.read(BLOCK):
                    digest.update(block)
        except OSError as error:
            raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None
        return digest.hexdigest()

    def close(self) -> None:
        """Do nothing: each file is closed once it is read."""

    def _file(self, wanted: TensorRequest) -> tuple[Path, Format]:
        """Find a tensor's file: inside the directory, and truly a file."""
        entry = wanted.entry
        if entry is None:
            path, format_ = self.files[wanted.name], SUFFIXES[self.files[wanted.name].suffix.lower()]
        else:
            if entry.format not in FORMATS or not _is_plain(entry.file):
                raise UnreadableError(
                    f"{self.root / FILE_NAME}: {wanted.name} is in {entry.file!r:.80} as {entry.format!r:.80}; "
                    f"want a file beside the manifest, as one of {', '.join(FORMATS)}"
                )
            path, format_ = self.root / entry.file, FORMATS[entry.format]
        with suppress(OSError, RuntimeError):
            if path.is_file() and path.resolve().is_relative_to(self.root.resolve()):
                _check_size(path, wanted)
                return path, format_
        raise UnreadableError(f"{path} is missing, or no file inside that directory")


def _check_size(path: Path, wanted: TensorRequest) -> None:
    """Refuse, before it is read or hashed, a file that is larger than its tensor in any format."""
    elements = wanted.expected and LONGER * wanted.expected
    if wanted.entry is not None:
        elements = math.prod(Heading.of(wanted.entry).shape)
    size = path.stat().st_size
    if elements is not None and size > ALWAYS_READ * MAX_LETTERS + elements * MAX_LETTERS:
        raise UnreadableError(f"{path}: {size} bytes, far more than {elements} elements take; record it again")


def _is_plain(name: str) -> bool:
    return 0 < len(name) < 256 and name.isprintable() and not name.startswith(".") and set(name).isdisjoint("/\\:")
