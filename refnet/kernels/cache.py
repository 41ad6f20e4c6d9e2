"""Where compiled kernels are kept: files of object code, each with what it was compiled for.

They are read also where none can be written: a container image is made by one user and run by another, or on a
read-only disk.

A file is machine code that this process will run. So it is read only where nobody else could have put it
(``files/owners``), and only as it was written: a digest covers it all.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from refnet import kernels
from refnet.errors import RefnetError
from refnet.files import opening, strict_json
from refnet.files.owners import check_file, why_not_trusted
from refnet.files.user_cache import user_cache
from refnet.kernels.object_code import KNOWN, ObjectCode

_log = logging.getLogger("refnet")

_FORMAT = b"refnet kernels 1\n"
_MAX_SIZE = 1 << 26
_SUBDIRECTORY = "refnet"
_HEADER = strict_json.fields(
    {
        "key": strict_json.table(strict_json.TEXT),
        "entry": strict_json.TEXT,
        "calls": strict_json.items(strict_json.TEXT),
    }
)
_told: set[Path] = set()  # places that are not trusted, and that this was said of


class Place(NamedTuple):
    """A folder for kernels; whoever can change what is above ``below`` can change refnet itself."""

    folder: Path
    below: Path | None = None


class KernelCache:
    """The cache of one function: loads its object code, or saves it when it is new.

    The places are those where Numba keeps what it compiles: ``NUMBA_CACHE_DIR``, ``__pycache__`` beside the source, the
    user's cache directory, up to the first that can be written; a ``directory`` takes the place of all. A damaged file
    is removed. Whatever goes wrong is no error, only a ``problem``, unless saving is ``required``: then it is one
    before compiling. ``place`` is where the code was loaded from or saved in.
    """

    def __init__(self, key: Mapping[str, str], directory: Path | None = None, *, required: bool = False) -> None:
        self.place: Path | None = None
        self.problem = "no directory for it"
        self._key = dict(key)
        digest = hashlib.sha256(json.dumps(self._key, sort_keys=True).encode()).hexdigest()
        self._name = f"{key['name']}-{digest[:24]}.kernels"
        self._required = required
        self._directory = directory  # what a person named
        self._places = _places() if directory is None else iter([Place(directory / _SUBDIRECTORY)])
        self._writable: Path | None = None
        self._refused: dict[Path, str] = {}  # places, and why they are not trusted

    def load(self) -> ObjectCode | None:
        """Return the object code from the first place that has it, or None; after ``discard``, from the next ones."""
        found = None if self._writable else self._find()
        self._tell(self.place or self._writable)
        if found is None and self._required and self._writable is None:
            raise RefnetError(f"compiled kernels cannot be kept: {self.problem}; want a directory that can be written")
        return found

    def _find(self) -> ObjectCode | None:
        for place in self._places:
            folder = place.folder
            if not self._trusts(place):
                continue
            found = self._read(folder / self._name)
            if found is not None:
                self.place, self.problem = folder, ""
                return found
            if self._can_write(folder) and self._trusts(place):  # it may be new, and somebody else's
                self._writable = folder
                break
        return None

    def _can_write(self, folder: Path) -> bool:
        try:
            _check_writable(folder)
        except OSError as reason:
            self.problem = f"{self._directory or folder}: {reason.strerror or reason}"
            return False
        return True

    def _tell(self, instead: Path | None) -> None:
        """Say once of each place that is not trusted that it is passed over, and what takes its place."""
        for place, reason in self._refused.items():
            if place not in _told:
                _told.add(place)
                kept = f"; they are kept in {instead}" if instead else ""
                _log.warning("compiled kernels are neither looked for nor kept in %s: %s%s", place, reason, kept)

    def _trusts(self, place: Place) -> bool:
        reason = why_not_trusted(*place)
        if reason:
            self._refused[place.folder] = reason
            self.problem = f"{place.folder}: {reason}"
        return not reason

    def _read(self, path: Path) -> ObjectCode | None:
        try:
            with opening.open_file(path) as file:
                check_file(os.fstat(file.fileno()))
                content = file.read(_MAX_SIZE)
        except FileNotFoundError:
            return None
        except OSError as reason:
            _log.warning("%s is not used: %s", path, reason.strerror or reason)
            return None
        try:
            return _parse(content, self._key)
        except ValueError:
            _log.warning("%s is damaged; the kernels are compiled anew", path)
            with suppress(OSError):
                path.unlink()
            return None

    def discard(self) -> None:
        """Remove code that was loaded and computes other bits than it should."""
        assert self.place is not None
        path = self.place / self._name
        _log.warning("%s computes wrong numbers on this CPU and is not used", path)
        with suppress(OSError):
            path.unlink()
        self._writable = self.place if self._can_write(self.place) else None
        self.place = None

    def save(self, compiled: ObjectCode) -> None:
        """Keep newly compiled code for the next process, or note why it cannot be kept."""
        unknown = set(compiled.calls) - KNOWN
        if unknown:
            self.problem = f"the code calls {', '.join(sorted(unknown))}"
        elif self._writable is not None:
            try:
                _write(self._writable / self._name, _serialise(compiled, self._key))
            except OSError as reason:
                self.problem = reason.strerror or str(reason)
            else:
                self.place, self.problem = self._writable, ""


def _serialise(compiled: ObjectCode, key: Mapping[str, str]) -> bytes:
    header = {"key": dict(key), "entry": compiled.entry, "calls": compiled.calls}
    rest = json.dumps(header, sort_keys=True).encode() + b"\n" + compiled.code
    return _FORMAT + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _parse(content: bytes, key: Mapping[str, str]) -> ObjectCode:
    if not content.startswith(_FORMAT):
        raise ValueError("another format")
    digest, _, rest = content[len(_FORMAT) :].partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        raise ValueError("another digest")
    line, _, code = rest.partition(b"\n")
    header = strict_json.read(line, _HEADER)
    if header["key"] != key:
        raise ValueError("another key")
    return ObjectCode(header["entry"], tuple(header["calls"]), code)


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can change, whole or not at all."""
    from refnet.files.whole import whole_file

    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
        unfinished.chmod(0o644)


def _places() -> Iterator[Place]:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Place(Path(chosen) / _SUBDIRECTORY)
    for source in kernels.__path__:
        if Path(source).is_dir():  # not in an archive
            yield Place(Path(source).absolute() / "__pycache__", Path(source).absolute())
    own = user_cache("numba", author=False)
    if own is not None:
        yield Place(own / _SUBDIRECTORY)


def _check_writable(place: Path) -> None:
    import tempfile  # slow to import, and not needed where the kernels are found

    for folder in (*reversed(place.parents), place):
        if not folder.exists():
            folder.mkdir(mode=0o755, exist_ok=True)
    tempfile.TemporaryFile(dir=place).close()
