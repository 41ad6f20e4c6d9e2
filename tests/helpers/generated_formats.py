"""One tensor to and from the text or bytes of a format."""

from __future__ import annotations

import io

import numpy as np
import pytest

from refnet.errors import InputError
from refnet.golden.dtypes import WORDS
from refnet.golden.formats import FORMATS, WITH_TEXT
from refnet.golden.formats.tensor_file import Heading, TensorFile


def bytes_of(kind, dtype, words, shape=None):
    """Write words under the name a.b."""
    file = io.BytesIO()
    shape = shape or (1, len(words))
    form = WITH_TEXT["h"] if kind == "text" else FORMATS[kind]
    form.write(file, np.array(words, WORDS[dtype]).reshape(shape), Heading("a.b", "NC", shape, dtype))
    return file.getvalue()


def text_of(kind, dtype, words):
    """Write words under the name a.b, and look at the text."""
    return bytes_of(kind, dtype, words).decode()


def back(kind, data, dtype=None, expected=None):
    """Read words: a list of them, dtype, shape."""
    data = data.encode() if isinstance(data, str) else data
    read = FORMATS[kind].read(TensorFile("here", dtype, expected, file=io.BytesIO(data), size=len(data)))
    assert read.words.dtype == WORDS[read.dtype]
    return read.words.ravel().tolist(), read.dtype, read.shape


def refused(kind, data, dtype=None, expected=None):
    """Say why this is not read."""
    with pytest.raises(InputError) as caught:
        back(kind, data, dtype, expected)
    return str(caught.value)
