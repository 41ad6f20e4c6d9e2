"""File formats of one tensor: each is written and read back bit for bit."""

from __future__ import annotations

from collections.abc import Mapping

from refnet.golden import FORMAT_NAMES
from refnet.golden.formats.c_header import C_BITS, C_NUMBERS
from refnet.golden.formats.decimals import TXT
from refnet.golden.formats.memory_files import COE, HEX, MEM
from refnet.golden.formats.npy import NPY
from refnet.golden.formats.raw import RAW
from refnet.golden.formats.tensor_file import Format

FORMATS: Mapping[str, Format] = dict(zip(FORMAT_NAMES, (NPY, RAW, HEX, MEM, COE, TXT, C_BITS), strict=True))

#: Those that can hold numbers in place of bits.
WITH_TEXT: Mapping[str, Format] = {"h": C_NUMBERS, "txt": TXT}

SUFFIXES: Mapping[str, Format] = {known.suffix: known for known in FORMATS.values()}
