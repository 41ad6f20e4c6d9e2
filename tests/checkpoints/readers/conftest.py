"""Fixtures of the tests by fuzzing."""

from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from refnet.checkpoints.readers.tensorflow import crc32c, sstable, tar
from refnet.files import zip_archive


@pytest.fixture(scope="module")
def good_checksums() -> Iterator[None]:
    """Every checksum agrees with whatever a file states."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (sstable, crc32c):
            patch.setattr(module, "masked_crc32c", lambda data: ANY)
        patch.setattr(tar, "sum", lambda data: ANY, raising=False)
        patch.setattr(zip_archive, "zlib", SimpleNamespace(crc32=lambda data: ANY))
        yield
