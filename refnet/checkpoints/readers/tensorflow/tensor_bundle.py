"""TensorFlow's V2 checkpoints to arrays, without TensorFlow: as files, or in the archive they are published in.

A checkpoint ``PREFIX`` is an index, ``PREFIX.index`` (``bundle_index.py`` tells what it says), and shards of plain
bytes, ``PREFIX.data-00000-of-00001`` and so on: little-endian, in C order. Every checksum in it is proven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import file_bytes, protobuf
from refnet.checkpoints.readers.tensorflow import bundle_index, crc32c, sstable, tar
from refnet.checkpoints.readers.tensorflow.bundle_index import READABLE, IndexEntry
from refnet.checkpoints.readers.tensorflow.file_range import FileRange
from refnet.errors import CheckpointError
from refnet.files import opening

INDEX = ".index"
PROGRAM = "saved_model.pb"  # of a SavedModel, whose numbers are a checkpoint
CRC = 4  # bytes of a checksum
Ranges = Callable[[str], FileRange]  # of a checkpoint by suffix


def prefix_of_shard(name: str) -> str | None:
    """The prefix that a file's name has if it is a shard's.

    Examples
    --------
    >>> prefix_of_shard("variables.data-00000-of-00001"), prefix_of_shard("weights.h5")
    ('variables', None)
    """
    found = re.fullmatch(r"(.+)\.data-\d{5}-of-\d{5}", name)
    return found[1] if found else None


class Bundle:
    """An open checkpoint; ``opened`` makes one.

    Attributes
    ----------
    entries
        What the index says of each tensor, by name, in ascending byte order of names.
    """

    def __init__(self, label: str, entries: dict[str, IndexEntry], shards: tuple[FileRange, ...]) -> None:
        self.label = label
        self.entries = entries
        self._shards = shards

    def read(self, names: Iterable[str]) -> dict[str, Array]:
        """Read some of the tensors."""
        return {name: self._read(name) for name in names}

    def text(self, name: str) -> bytes:
        """Read a tensor that is one text: its length, a checksum of that, and the bytes."""
        entry = self.entries.get(name)
        if entry is None or entry.dtype != "string" or entry.shape or entry.sliced:
            raise CheckpointError(f"{self.label}: there is no text {name!r}")
        data = self._shards[entry.shard].read(entry.offset, entry.size)
        size, start = protobuf.varint(data, 0)
        size_crc, value = data[start : start + CRC], data[start + CRC :]
        # Checksums are of the length as a number of fixed size.
        fixed = size.to_bytes(4 if size < 1 << 32 else 8, "little")
        sums = (crc32c.masked_crc32c(fixed), crc32c.masked_crc32c(fixed + size_crc + value))
        if sums != (int.from_bytes(size_crc, "little"), entry.crc) or size != len(value):
            raise CheckpointError(f"{self.label}: {name!r} does not have its checksum; the file is damaged")
        return value

    def _read(self, name: str) -> Array:
        entry = self.entries.get(name)
        if entry is None:
            raise CheckpointError(f"{self.label}: there is no tensor {name!r}")
        if entry.sliced or entry.dtype not in READABLE:
            kind = "was saved in slices" if entry.sliced else f"is of the dtype {entry.dtype}"
            raise CheckpointError(f"{self.label}: {name!r} {kind}; such tensors are not read")
        try:
            data = self._shards[entry.shard].read(entry.offset, entry.size)
        except (OSError, CheckpointError) as error:
            raise CheckpointError(f"{self.label}: {name!r}: {error}") from None
        if crc32c.masked_crc32c(data) != entry.crc:
            raise CheckpointError(f"{self.label}: {name!r} does not have its checksum; the file is damaged")
        dtype = np.dtype(entry.dtype)
        return np.frombuffer(data, dtype.newbyteorder("<")).reshape(entry.shape).astype(dtype)


@contextmanager
def opened(path: str | Path) -> Iterator[Bundle]:
    """Open a checkpoint: ``PREFIX``, ``PREFIX.index``, or an archive that holds one.

    An archive is a tar, or a tar compressed by gzip, whatever its suffix; the latter is decompressed to a temporary
    file first. The index is read and judged whole; tensors are read when they are asked for.

    Examples
    --------
    >>> with opened("tests/data/tf/small.ckpt") as bundle:
    ...     bundle.entries["global_step"].dtype, bundle.entries["matrix"].shape
    ...     bundle.read(["global_step"])
    ('int64', (2, 3))
    {'global_step': array(218949)}
    """
    with ExitStack() as stack:
        try:
            bundle = _open(Path(path), stack)
        except (OSError, CheckpointError) as error:
            raise file_bytes.with_path(path, error) from None
        yield bundle


def _open(path: Path, stack: ExitStack) -> Bundle:
    if path.is_file():
        file: IO[bytes] = stack.enter_context(opening.open_file(path))
        head = file.read(tar.BLOCK)
        file.seek(0)
        if tar.is_archive(head):
            if head.startswith(tar.GZIP):
                with ThreadPoolExecutor(1) as meanwhile:
                    meanwhile.submit(crc32c.prepare)
                    file = stack.enter_context(tar.decompressed(file, path.stat().st_size))
                file.seek(0)
                if not tar.begins_like_tar(file):
                    raise CheckpointError("gzip of something that is no tar archive; decompress it with gunzip")
            return _read_index(str(path), _in_archive(tar.members(file)))
        path = path.with_suffix("") if path.suffix == INDEX else path
    if not Path(f"{path}{INDEX}").is_file():
        raise CheckpointError(f"neither an archive nor the prefix of a checkpoint: there is no {path.name}{INDEX}")

    def beside(suffix: str) -> FileRange:
        place = Path(f"{path}{suffix}")
        if not place.is_file():
            raise CheckpointError(f"there is no {place.name}")
        file = stack.enter_context(opening.open_file(place))
        return FileRange(file, 0, file.seek(0, 2))

    return _read_index(str(path), beside)


def _in_archive(parts: dict[str, FileRange]) -> Ranges:
    """Find files of the one checkpoint in an archive, by suffix."""
    if any(name.rpartition("/")[2] == PROGRAM for name in parts):
        raise CheckpointError("an archive of a SavedModel; unpack it (tar -xf), and convert its folder")
    # A name that begins with a dot is what some systems add to archives to keep a file's other properties.
    indexes = [name for name in parts if name.endswith(INDEX) and not name.rpartition("/")[2].startswith(".")]
    if len(indexes) != 1:
        raise CheckpointError(f"want one checkpoint in the archive, found {indexes!r:.500} among {list(parts)!r:.500}")
    prefix = indexes[0].removesuffix(INDEX)

    def inside(suffix: str) -> FileRange:
        if prefix + suffix not in parts:
            raise CheckpointError(f"the archive has no {prefix}{suffix}")
        return parts[prefix + suffix]

    return inside


def _read_index(label: str, parts: Ranges) -> Bundle:
    index = parts(INDEX)
    if index.size > sstable.MAX_TABLE:
        raise CheckpointError(f"an index of {index.size} bytes, more than {sstable.MAX_TABLE}")
    table = bundle_index.parse(index.read(0, index.size))
    count = bundle_index.shard_count(table)
    shards = tuple(parts(f".data-{number:05d}-of-{count:05d}") for number in range(count))
    return Bundle(label, bundle_index.entries(table, [shard.size for shard in shards]), shards)
