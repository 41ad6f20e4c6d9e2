"""PyTorch's checkpoint files of any age: the zip format since version 1.6, or the legacy one before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.readers.torch import torch_legacy, torch_zip
from refnet.files import zip_archive


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint from a ``.pth``, ``.pt`` or ``.bin`` file."""
    return file_bytes.parse_file(path, load)


def load(data: bytes) -> dict[str, Any]:
    """Read a checkpoint from the bytes of a file: nested as there, with an array for each tensor, C-contiguous."""
    return torch_zip.load(data) if data.startswith(zip_archive.SIGNATURE) else torch_legacy.load(data)
