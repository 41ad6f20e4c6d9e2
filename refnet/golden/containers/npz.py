"""NumPy's .npz: a zip archive with an .npy for each tensor, and manifest.json where refnet wrote it."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from refnet.arrays import Array
from refnet.errors import CheckpointError, InputError, RefnetError
from refnet.files import opening
from refnet.files.whole import check_file_target, whole_file
from refnet.files.zip_archive import BROKEN, MAX_MEMBERS, Guarded
from refnet.golden.containers.container import MAX_MANIFEST, TensorRequest
from refnet.golden.formats import FORMATS
from refnet.golden.formats.tensor_file import Heading, StoredWords, TensorFile, UnreadableError, sha256_of
from refnet.golden.manifest import FILE_NAME, TensorEntry

SUFFIX = ".npy"
MAX_UNPACKED = 1 << 28  # bytes of a compressed tensor of which nobody says how long it should be
_LARGE = 1 << 30
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what others do to damaged bytes is theirs to know
_DATE = (1980, 1, 1, 0, 0, 0)  # the same tensors give the same bytes

_DAMAGE = (*BROKEN, RuntimeError, zlib.error)


class NpzWriter:
    """Writes the archive member by member, uncompressed."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def put(self, entry: TensorEntry, words: Array) -> TensorEntry:
        """Write a member."""
        member = zipfile.ZipInfo(entry.name + SUFFIX, _DATE)
        with self._archive.open(member, "w", force_zip64=words.nbytes > _LARGE) as file:
            FORMATS["npy"].write(file, words, Heading.of(entry))
        return replace(entry, sha256=sha256_of(words))

    def finish(self, manifest: str) -> None:
        """Add the manifest."""
        self._archive.writestr(zipfile.ZipInfo(FILE_NAME, _DATE), manifest)
        self._archive.close()


@contextmanager
def write_npz(target: Path) -> Iterator[NpzWriter]:
    """Write an archive, in place of an older one."""
    with whole_file(check_file_target(target)) as unfinished:
        archive = zipfile.ZipFile(unfinished, "w")
        try:
            yield NpzWriter(archive)
        finally:
            with suppress(OSError, ValueError):  # after an error; what is finished is closed
                archive.close()


class NpzReader:
    """Reads members one by one; compressed ones too, but none beyond its declared and expected size."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = opening.open_file(path)
        try:
            self._archive = zipfile.ZipFile(cast(IO[bytes], Guarded(self._file)))
            self._members = self._list()
            self.manifest = self._read_manifest()
        except InputError:
            self._file.close()
            raise
        except (*_DAMAGE, CheckpointError) as error:
            self._file.close()
            raise InputError(f"{path}: not an .npz file that can be read: {error!s:.200}") from None
        self.names = tuple(sorted(name.removesuffix(SUFFIX) for name in self._members if name.endswith(SUFFIX)))

    def _list(self) -> dict[str, zipfile.ZipInfo]:
        listed = self._archive.infolist()
        members = {member.filename: member for member in listed}
        if len(listed) > MAX_MEMBERS or len(members) < len(listed):
            raise InputError(
                f"{self.path}: {len(listed)} members, two of one name or too many; want one of each tensor"
            )
        return members

    def _read_manifest(self) -> str | None:
        member = self._members.get(FILE_NAME)
        if member is None:
            return None
        if member.file_size > MAX_MANIFEST:
            raise InputError(f"{self.path}: {FILE_NAME} has more than {MAX_MANIFEST} bytes; record the golden again")
        if member.compress_type not in _READ:
            raise InputError(
                f"{self.path}: {FILE_NAME} is compressed in a way that is not read; record the golden again"
            )
        with self._archive.open(member) as file:
            return file.read(MAX_MANIFEST + 1).decode()

    def read(self, wanted: TensorRequest) -> StoredWords:
        """Read a member."""
        where = f"{self.path}: {wanted.name}"
        member = self._members.get(wanted.name + SUFFIX)
        if member is None:
            raise UnreadableError(f"{where} is missing, though the manifest names it")
        compressed = member.compress_type != zipfile.ZIP_STORED
        if compressed and wanted.expected is None and member.file_size > MAX_UNPACKED:
            raise UnreadableError(f"{where} unpacks to {member.file_size} bytes; save it uncompressed, by np.savez")
        if member.compress_type not in _READ:
            raise UnreadableError(f"{where} is compressed in a way that is not read; save it by np.savez")
        try:
            with self._archive.open(member) as file:
                read = FORMATS["npy"].read(
                    TensorFile(where, wanted.dtype, wanted.expected, file=file, size=member.file_size)
                )
                file.read(1)  # the end, where the checksum is compared
        except RefnetError:
            raise
        except _DAMAGE as error:
            raise UnreadableError(f"{where} is damaged: {error!s:.200}; record it again") from None
        return read

    def sha256(self, wanted: TensorRequest) -> str:
        """Hash a member's elements."""
        return sha256_of(self.read(wanted).words)

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()
        self._file.close()
