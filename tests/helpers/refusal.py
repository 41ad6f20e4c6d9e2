"""A file that must be refused: for the right reason, and without filling the memory first."""

import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import pytest

from refnet.errors import CheckpointError

File = TypeVar("File")


def refuse(load: Callable[[File], object], file: File, message: str, memory: int) -> str:
    """Loading fails for this reason, taking no more memory than that; return the whole message."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message) as caught:
            load(file)
        assert tracemalloc.get_traced_memory()[1] < memory
    finally:
        tracemalloc.stop()
    return str(caught.value)
