"""Goldens for tests: tensors of any kind, written into any container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from refnet.architecture.padding import NO_PADS, Pads
from refnet.golden.axes import TensorLayout
from refnet.golden.dtypes import WORDS, decode, encode
from refnet.golden.formats import FORMATS
from refnet.golden.manifest import Run
from refnet.golden.write import open_writer

RUN = Run("b0@synthetic", "d" * 64, (32, 48), "float32", "stimulus codes", None, 1, "0.1")
NHWC = TensorLayout("NHWC")
X = np.random.default_rng(5).standard_normal((1, 4, 5, 7), np.float32)
KINDS = [*FORMATS, "text", ".h5", ".npz"]  # formats in a directory; "text" is a C header of numbers

LENGTHS = st.integers(1, 4)
PADS = st.builds(Pads, *[st.integers(0, 2)] * 4)
SPECIAL = {"float32": [0x7F800000, 0xFFC00000, 1 << 31], "float64": [0x7FF << 52, 0xFFF8 << 48, 1 << 63]}


def names():
    """Names of steps, parts and weights."""
    return iter(["stem", "stem.conv", "stem/kernel"])


def words(dtype, count):
    """Any bits, special numbers among them."""
    word = st.integers(0, (1 << 8 * WORDS[dtype].itemsize) - 1) | st.sampled_from(SPECIAL.get(dtype, [0, 1]))
    return st.lists(word, min_size=count, max_size=count).map(lambda bits: np.array(bits, WORDS[dtype]))


@st.composite
def tensors(draw):
    """Axes, tensor, dtype and layout of an activation, a vector or a weight."""
    axes = draw(st.sampled_from(["NHWC", "NC", "RSCK", "RSK", "CK", "K"]))
    is_weight = not set(axes) <= set("NHWC")
    order = "".join(draw(st.permutations("RSCK" if is_weight else "NHWC")))
    tiled = draw(st.sets(st.sampled_from(order)))
    tile = tuple((axis, draw(LENGTHS)) for axis in order if axis in tiled)
    dtype = draw(st.sampled_from(list(WORDS)))
    shape = tuple(draw(LENGTHS) for _ in axes)
    bits = draw(words(dtype, 4)).tolist()
    tensor = decode(np.resize(np.array(bits, WORDS[dtype]), shape), dtype)
    return axes, tensor, dtype, TensorLayout(order, tile, NO_PADS if is_weight else draw(PADS))


def write(place: Path, kind: str, named, name="golden") -> Path:
    """Write tensors, each with name, axes, dtype and layout, and say where."""
    in_one_file = kind.startswith(".")
    target = place / (name + kind if in_one_file else name)
    how = {} if in_one_file else {"format": "h", "text": True} if kind == "text" else {"format": kind}
    with open_writer(target, RUN, **how) as writer:
        for tensor_name, axes, tensor, dtype, layout in named:
            writer.add(tensor_name, axes, tensor, dtype=dtype, layout=layout)
    return target


def same(one, other, dtype, exactly=True):
    """Equal bits; text keeps of a NaN no more than its sign."""
    if not exactly and one.dtype.kind == "f":
        one, other = (np.where(np.isnan(x), np.copysign(x.dtype.type(np.nan), x), x) for x in (one, other))
    return bool((encode(one, dtype) == encode(other, dtype)).all())
