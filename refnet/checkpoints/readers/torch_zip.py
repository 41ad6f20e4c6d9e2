"""PyTorch's ``.pth`` files since version 1.6 to arrays, without PyTorch, executing nothing.

Such a file is a zip archive of one folder of any name, its members stored as they are, never compressed:

======================  ==============================================================
member                  content
======================  ==============================================================
``data.pkl``            a pickle: plain data and the tensors, which name their storages
``data/KEY``            the elements of the storage KEY
``version``             of the format, a number
``byteorder``           ``little`` or ``big``; PyTorch 1 did not write it, always little
``.format_version`` …   hidden members about the writing; nothing depends on them
======================  ==============================================================

All sizes and places are checked before anything is read through them. The storages are never copied as a
whole: a tensor is copied out of the file's own bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

from refnet.checkpoints.readers.torch_tensors import Storages
from refnet.errors import CheckpointError

MAX_MEMBERS = 1 << 15  # a checkpoint of B7 with its moving average and an optimizer has about 4,000
MAX_DIRECTORY = 1 << 23
VERSIONS = range(1, 11)  # what PyTorch itself accepts; it has written 3 since 1.6

_ENCRYPTED = 0x2041  # flag bits: encrypted, strongly encrypted, with its header encrypted
_HEADER = struct.Struct("<4s22xHH")  # a member's own header: signature, …, length of the name, of the extra field
# What zipfile raises for damaged archives.
_BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, OverflowError, struct.error)


def load(data: bytes) -> dict[str, Any]:
    """Read a whole checkpoint from the bytes of a file.

    Returns
    -------
    dict
        What the file holds, as it is nested there: containers, numbers, texts, None, and for each tensor an
        array; shape and dtype as published, C-contiguous.

    Raises
    ------
    CheckpointError
        If it is no zip archive as PyTorch writes them, is damaged, holds anything but tensors and plain data,
        or a tensor reaches outside its storage.
    """
    members = _in_folder(_members(data))
    _check_facts(members)
    storages = Storages()
    stream = io.BytesIO(members["data.pkl"])
    state = storages.load(stream)
    if stream.read(1):
        raise CheckpointError("data.pkl goes on after its pickle")
    _fill(storages, {name[5:]: member for name, member in members.items() if name.startswith("data/")})
    return storages.content(state)


def _members(data: bytes) -> dict[str, memoryview]:
    """Find the bytes of every member by its name."""
    try:
        with zipfile.ZipFile(_Guarded(data)) as archive:
            listed, limit = archive.infolist(), archive.start_dir
    except _BROKEN as error:
        raise CheckpointError(f"not a zip archive that can be read, cut short or damaged: {error}") from None
    if len(listed) > MAX_MEMBERS:
        raise CheckpointError(f"the archive has {len(listed)} members, more than any checkpoint")
    if len({info.filename for info in listed}) < len(listed):
        raise CheckpointError("the archive has two members of one name")
    places = {info.filename: _place(data, info) for info in listed}
    end = 0
    for info in sorted(listed, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise CheckpointError(f"member {info.filename[:80]!r} overlaps the one before it")
        end = places[info.filename].stop
    if end > limit:
        raise CheckpointError("a member overlaps the archive's directory, or the file is cut short")
    members = {name: memoryview(data)[place] for name, place in places.items()}
    for info in listed:
        # PyTorch can leave the checksums out, and then writes 0.
        if info.CRC and zlib.crc32(members[info.filename]) != info.CRC:
            raise CheckpointError(f"member {info.filename[:80]!r} is damaged: its checksum disagrees")
    return members


def _place(data: bytes, info: zipfile.ZipInfo) -> slice:
    """Say where a member's bytes are; the caller checks where they end."""
    name = repr(info.filename[:80])
    if info.flag_bits & _ENCRYPTED:
        raise CheckpointError(f"member {name} is encrypted")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise CheckpointError(f"member {name} is compressed; PyTorch stores members as they are")
    if not 0 <= info.header_offset <= len(data) - _HEADER.size:
        raise CheckpointError(f"member {name} begins outside the file")
    signature, name_length, extra_length = _HEADER.unpack_from(data, info.header_offset)
    start = info.header_offset + _HEADER.size
    encoded = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    if signature != b"PK\x03\x04" or data[start : start + name_length] != encoded:
        raise CheckpointError(f"member {name} is not where the archive's directory says")
    start += name_length + extra_length
    return slice(start, start + info.file_size)


class _Guarded(io.BytesIO):
    """A file that does not let zipfile take a directory larger than any checkpoint's into memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY:
            raise CheckpointError(f"the archive's directory has {size} bytes, more than any checkpoint's")
        return super().read(size)


def _in_folder(members: dict[str, memoryview]) -> dict[str, memoryview]:
    """Take the one folder's name off."""
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError(f"not a PyTorch checkpoint: the archive has {len(pickles)} FOLDER/data.pkl, not one")
    folder = pickles[0].removesuffix("data.pkl")
    outside = [name[:80] for name in members if not name.startswith(folder)]
    if outside:
        raise CheckpointError(f"members outside the folder {folder[:80]!r}: {outside!r:.1000}")
    return {name.removeprefix(folder): member for name, member in members.items()}


def _check_facts(members: dict[str, memoryview]) -> None:
    """Check all that is beside the pickle and the storages."""
    if "constants.pkl" in members:
        raise CheckpointError("a TorchScript archive, which is a program; save the model's state_dict() instead")
    known = ("data.pkl", "version", "byteorder")
    others = [name[:80] for name in members if name not in known and not name.startswith(("data/", "."))]
    if others:
        raise CheckpointError(f"members that no checkpoint has: {others!r:.1000}")
    byteorder = bytes(members.get("byteorder", b"little")[:20])
    if byteorder != b"little":
        raise CheckpointError(f"the checkpoint's numbers are {byteorder!r}-endian; only little-endian ones are read")
    version = bytes(members.get("version", b"")[:20])
    if version.strip() not in [b"%d" % known for known in VERSIONS]:
        raise CheckpointError(f"version {version!r} of the format, where PyTorch writes 3")


def _fill(storages: Storages, members: dict[str, memoryview]) -> None:
    """Give each storage its member."""
    unlike = sorted(members.keys() ^ storages.found.keys())
    if unlike:
        raise CheckpointError(f"storages without a member, or members without a storage: {unlike!r:.1000}")
    for key, storage in storages.found.items():
        if len(members[key]) != storage.nbytes:
            raise CheckpointError(
                f"storage {key[:40]!r} of {storage.count} elements takes {storage.nbytes} bytes, "
                f"its member has {len(members[key])}"
            )
        storage.data = members[key]
