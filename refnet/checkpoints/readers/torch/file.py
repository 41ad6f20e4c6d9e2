"""PyTorch's checkpoint files of any age: the zip format since version 1.6, or the legacy one before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refnet.checkpoints.readers import files
from refnet.checkpoints.readers.torch import legacy
from refnet.checkpoints.readers.torch import zip as torch_zip


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint from a ``.pth``, ``.pt`` or ``.bin`` file.

    Returns
    -------
    dict
        What the file holds, as it is nested there: containers, numbers, texts, None, and for each tensor an
        array; shape and dtype as published, C-contiguous. ``refnet.checkpoints.state_dict.pick`` finds the
        state dict in it.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or ``load`` refuses it.
    """
    return files.read(path, load)


def load(data: bytes) -> dict[str, Any]:
    """Read a checkpoint from the bytes of a file.

    Raises
    ------
    CheckpointError
        If it is in neither of PyTorch's formats, is damaged, or holds anything but tensors and plain data.
    """
    return torch_zip.load(data) if data.startswith(legacy.ZIP) else legacy.load(data)
