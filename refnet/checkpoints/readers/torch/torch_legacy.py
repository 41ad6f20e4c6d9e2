"""PyTorch's ``.pth`` files of before version 1.6 to arrays, without PyTorch, executing nothing.

A legacy file is, one after the other: pickles of a magic number, of the protocol version, of facts about the
machine that wrote it, of the state dict, and of a list of storage keys; then for each key in that list its
element count (int64, little-endian) and its elements.
"""

from __future__ import annotations

import io
from typing import Any

from refnet.checkpoints.readers.torch import pickle_machine
from refnet.checkpoints.readers.torch.tensors import Storages
from refnet.errors import CheckpointError
from refnet.files import zip_archive

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def load(data: bytes) -> dict[str, Any]:
    """Read a whole checkpoint from the bytes of a file: state dicts among other plain data."""
    if data.startswith(zip_archive.SIGNATURE):
        raise CheckpointError("in the zip format of PyTorch 1.6 and later, which `torch_zip` reads")
    stream = io.BytesIO(data)
    if pickle_machine.load(stream, {}) != MAGIC:
        raise CheckpointError("not a PyTorch checkpoint: it does not begin with PyTorch's magic number")
    if pickle_machine.load(stream, {}) != PROTOCOL:
        raise CheckpointError(f"not PyTorch's protocol {PROTOCOL}, the only one there is")
    system = pickle_machine.load(stream, {})
    if not (isinstance(system, dict) and system.get("little_endian") is True):
        raise CheckpointError("the checkpoint does not say that its numbers are little-endian")
    storages = Storages()
    state = storages.load(stream)
    keys = pickle_machine.load(stream, {})
    _fill(storages, keys, memoryview(data)[stream.tell() :])
    return storages.content(state)


def _fill(storages: Storages, keys: object, data: memoryview) -> None:
    """Give each storage its part of the bytes that follow the pickles."""
    if not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        raise CheckpointError("the list of storages is not a list of texts")
    if sorted(keys) != sorted(storages.found):
        raise CheckpointError("the list of storages is not that of the tensors, each once")
    for key in keys:
        storage = storages.found[key]
        count = int.from_bytes(data[:8], "little", signed=True)
        end = 8 + storage.nbytes
        if count != storage.count or end > len(data):
            raise CheckpointError(
                f"storage {key[:40]!r} of {storage.count} elements: the file states {count} "
                f"and has {len(data)} of {end} bytes left; it is cut short or damaged"
            )
        storage.data, data = data[8:end], data[end:]
    if data:
        raise CheckpointError(f"{len(data)} bytes follow the last storage")
