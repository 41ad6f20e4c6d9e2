"""NumPy's ``.npz`` files of plain numbers to arrays: a zip archive of one ``.npy`` member for each name.

numpy.load reads the header of a member as Python source, and objects by unpickling; here a header has to be, letter for
letter, what NumPy writes for an array of numbers, and arrays are views of the file's bytes.
"""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import file_bytes
from refnet.errors import CheckpointError
from refnet.files import opening, zip_archive

SUFFIX = ".npy"
MAX_HEADER = 1 << 12  # NumPy's has 118 bytes
MAX_RANK = 8
MAX_EMPTY = 1 << 40  # product of the other sides of an array without elements
_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    rb"\{'descr': '([<|])([fiub][1248])', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,15}, ?)*(?:\d{1,15})?)\), \} *\n"
)
_DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


def is_npz_file(path: Path) -> bool:
    """Whether a file is a zip archive of nothing but arrays."""
    with opening.open_file(path) as file:
        if file.read(len(zip_archive.SIGNATURE)) != zip_archive.SIGNATURE:
            return False
        file.seek(0)
        try:
            names = zip_archive.names(file)
        except CheckpointError:
            return False
    return bool(names) and all(name.endswith(SUFFIX) for name in names)


def read(path: str | Path) -> dict[str, Array]:
    """Read an ``.npz`` file."""
    return file_bytes.parse_file(path, load)


def load(data: bytes) -> dict[str, Array]:
    """Read the bytes of an ``.npz`` file: arrays by name, in the order of the archive.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.savez(file, weight=np.float32([[1, 2]]))
    >>> load(file.getvalue())
    {'weight': array([[1., 2.]], dtype=float32)}
    """
    if any(not name.endswith(SUFFIX) for name in zip_archive.names(io.BytesIO(data))):
        raise CheckpointError("an archive of more than .npy members, which numpy.savez does not write")
    members = zip_archive.members(data)
    return {name.removesuffix(SUFFIX): _array(name, member) for name, member in members.items()}


def _array(name: str, member: memoryview) -> Array:
    """Check a member's header against its size; the array shares its bytes where they are aligned."""
    where = f"member {name[:80]!r}"
    version = bytes(member[6:8])
    width = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}.get(version)
    if bytes(member[:6]) != _MAGIC or width is None:
        raise CheckpointError(f"{where} is no array of NumPy")
    start = 8 + width + int.from_bytes(member[8 : 8 + width], "little")
    if not 8 + width <= start <= min(len(member), MAX_HEADER):
        raise CheckpointError(f"{where} is cut short")
    header = _HEADER.fullmatch(bytes(member[8 + width : start]))
    if header is None or header[2].decode() not in _DTYPES:
        raise CheckpointError(f"{where} is no array of plain numbers, little-endian, as numpy.savez writes it")
    dtype = np.dtype(header[2].decode()).newbyteorder("<")
    shape = tuple(int(side) for side in header[4].split(b",") if side.strip())
    sides = math.prod(side or 1 for side in shape)
    if len(shape) > MAX_RANK or sides > MAX_EMPTY or math.prod(shape) * dtype.itemsize != len(member) - start:
        raise CheckpointError(f"{where}: {dtype} {list(shape)[:9]} does not take {len(member) - start} bytes")
    flat = np.frombuffer(member, dtype, math.prod(shape), start)
    array = flat.reshape(shape[::-1]).T if header[3] == b"True" else flat.reshape(shape)
    return np.require(array, requirements=["A", "C"])
