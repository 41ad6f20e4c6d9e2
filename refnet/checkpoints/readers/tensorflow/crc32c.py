"""CRC-32C (Castagnoli), as TensorFlow guards its checkpoints with it; the standard library has none.

Compiled by Numba, which refnet depends on anyway, eight bytes at a time from eight tables, it checks more than a
gigabyte a second; a checkpoint of B7 has 267 MB of tensors.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.compiler_lock import COMPILER_LOCK

POLYNOMIAL = 0x82F63B78  # bits reversed
LANES = 8
_ALL = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8

Table = npt.NDArray[np.int64]


def crc32c(data: bytes | memoryview) -> int:
    """Checksum of some bytes.

    Examples
    --------
    >>> f"{crc32c(b'123456789'):x}"
    'e3069283'
    """
    loop, tables = prepare()
    return int(loop(_ALL, np.frombuffer(data, np.uint8), tables)) ^ _ALL


def masked_crc32c(data: bytes | memoryview) -> int:
    """Checksum as TensorFlow and LevelDB store it: turned and shifted, so that data with checksums in it has another.

    Examples
    --------
    >>> masked_crc32c(b"") == 0xA282EAD8
    True
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _ALL


@cache
def prepare() -> tuple[Any, Table]:
    """Compile; for those who have something else to do meanwhile."""
    from numba import njit, types

    signature = types.int64(types.int64, types.Array(types.uint8, 1, "C", readonly=True), types.int64[:, ::1])
    with COMPILER_LOCK:
        return njit(signature, nogil=True)(_loop), _tables()


def _tables() -> Table:
    """Table i, row b: what byte b does to the checksum when i more bytes follow it."""
    tables = np.zeros((LANES, 256), np.int64)
    tables[0] = np.arange(256)
    for _ in range(8):
        tables[0] = tables[0] >> 1 ^ np.where(tables[0] & 1, POLYNOMIAL, 0)
    for lane in range(1, LANES):
        tables[lane] = tables[lane - 1] >> 8 ^ tables[0][tables[lane - 1] & 255]
    return tables


def _loop(crc: Any, data: Any, tables: Any) -> Any:
    whole = len(data) // LANES * LANES
    for i in range(0, whole, LANES):
        word = (
            np.int64(data[i]) | np.int64(data[i + 1]) << 8 | np.int64(data[i + 2]) << 16 | np.int64(data[i + 3]) << 24
        )
        word ^= crc
        crc = (
            tables[7, word & 255] ^ tables[6, word >> 8 & 255] ^ tables[5, word >> 16 & 255] ^ tables[4, word >> 24]
            ^ tables[3, data[i + 4]] ^ tables[2, data[i + 5]] ^ tables[1, data[i + 6]] ^ tables[0, data[i + 7]]
        )  # fmt: skip
    for i in range(whole, len(data)):
        crc = crc >> 8 ^ tables[0, (crc ^ data[i]) & 255]
    return crc
