"""Raw numbers: little-endian, in stored order, nothing else."""

from __future__ import annotations

import numpy as np

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


def _write(file: OutputFile, words: Array, heading: Heading) -> None:
    for block in blocks(words, BLOCK):
        file.write(block.view(np.uint8).data)


def _read(opened: TensorFile) -> StoredWords:
    dtype = opened.dtype or _by_width(opened)
    itemsize = WORDS[dtype].itemsize
    if opened.size % itemsize:
        raise opened.unreadable(f"{opened.size} bytes are no whole number of {dtype}")
    opened.check_count(opened.size // itemsize, itemsize)
    words = np.empty(opened.size // itemsize, WORDS[dtype])
    read_into(opened, words)
    return StoredWords(words, dtype, None, opened.dtype is not None)


def _by_width(opened: TensorFile) -> str:
    """What the numbers are if as many are there as expected; float32 otherwise."""
    itemsize, rest = divmod(opened.size, opened.expected or opened.size + 1)
    fits = not rest and itemsize in {words.itemsize for words in WORDS.values()}
    return opened.known_dtype(itemsize) if fits else "float32"


RAW = Format(".bin", _write, _read)
