"""PyTorch's ``.pth`` files since version 1.6 to arrays, without PyTorch, executing nothing.

Such a file is a zip archive of one folder of any name, its members stored as they are, never compressed;
``torch_script`` says what a program has besides:

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
from typing import Any

from refnet.checkpoints.readers.torch import torch_script
from refnet.checkpoints.readers.torch.tensors import Storages
from refnet.errors import CheckpointError
from refnet.files import zip_archive

VERSIONS = range(1, 11)  # what PyTorch itself accepts; it has written 3 since 1.6


def load(data: bytes) -> dict[str, Any]:
    """Read a whole checkpoint from the bytes of a file."""
    script = torch_script.is_program(zip_archive.names(io.BytesIO(data)))
    members = _in_folder(zip_archive.members(data, torch_script.is_unread) if script else zip_archive.members(data))
    _check_facts(members)
    storages = Storages()
    stream = io.BytesIO(members["data.pkl"])
    state = storages.load(stream)
    if stream.read(1):
        raise CheckpointError("data.pkl goes on after its pickle")
    _fill(storages, {name[5:]: member for name, member in members.items() if name.startswith("data/")})
    return storages.content(torch_script.content(state) if script else state)


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
