"""NumPy's .npy: the shape is in the file; bfloat16 is stored as unsigned words."""

from __future__ import annotations

import io
import math
import warnings
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.golden.dtypes import WORDS
from refnet.golden.formats.tensor_file import (
    BLOCK,
    Format,
    Heading,
    OutputFile,
    StoredWords,
    TensorFile,
    blocks,
    read_into,
)

MAX_HEADER = 1 << 14
MAX_RANK = 16

_HEADERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    (3, 0): npy_format.read_array_header_2_0,
}

# What numpy raises for headers that are not its own.
_BROKEN = (
    ValueError,
    SyntaxError,
    TokenError,
    TypeError,
    KeyError,
    OverflowError,
    RecursionError,
    MemoryError,
    OSError,
)


def _write(file: OutputFile, words: Array, heading: Heading) -> None:
    dtype = WORDS[heading.dtype] if heading.dtype == "bfloat16" else np.dtype(heading.dtype).newbyteorder("<")
    header = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": words.shape}
    npy_format.write_array_header_1_0(file, header)
    for block in blocks(words, BLOCK):
        file.write(block.view(np.uint8).data)


def _read(opened: TensorFile) -> StoredWords:
    begin = opened.file.read(min(opened.size, MAX_HEADER))
    shape, fortran, stored, start = _header(opened, begin)
    count = math.prod(shape)
    if start + count * stored.itemsize != opened.size:
        raise opened.unreadable(
            f"{opened.size} bytes, where {stored.name} {list(shape)} needs {start + count * stored.itemsize}; "
            "it is cut short or damaged, so record it again"
        )
    opened.check_count(count, stored.itemsize)
    words = np.empty(count, f"{stored.byteorder.replace('|', '=')}u{stored.itemsize}")
    read_into(opened, words, begin[start:])
    words = words.astype(words.dtype.newbyteorder("<"), copy=False)
    if fortran:
        words = np.ascontiguousarray(words.reshape(shape[::-1]).T)
    dtype = opened.known_dtype(stored.itemsize, "bfloat16") if stored.kind == "u" else stored.name
    return StoredWords(words.reshape(shape), dtype, shape)


def _header(opened: TensorFile, begin: bytes) -> tuple[Shape, bool, np.dtype[Any], int]:
    """Shape, whether the first axis varies fastest, dtype, and where the numbers begin."""
    head = io.BytesIO(begin)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            version = npy_format.read_magic(head)
            shape, fortran, stored = _HEADERS[version](head)
        if len(shape) > MAX_RANK or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("a shape that no tensor has")
    except _BROKEN as error:
        raise opened.unreadable(f"not a .npy file that can be read: {error!s:.200}") from None
    if stored.fields or stored.subdtype or stored.name not in (*_OWN_NAMES, *_WORD_NAMES):
        raise opened.unreadable(f"holds {stored!s:.80}; want {', '.join(_OWN_NAMES)}, or bfloat16 as uint16")
    return shape, fortran, stored, head.tell()


_OWN_NAMES = [name for name in WORDS if name != "bfloat16"]
_WORD_NAMES = {dtype.name for dtype in WORDS.values()}

NPY = Format(".npy", _write, _read)
