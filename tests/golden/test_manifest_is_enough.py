"""The manifest is enough: a reader that knows nothing else gets every number back, as somebody's port would."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import refnet
from refnet.golden.axes import activation_layout, kernel_layout
from refnet.golden.dtypes import decode, encode
from refnet.golden.record import record
from refnet.weights.synthetic import picture_tensor

BITS = {"float32": 32, "float64": 64, "float16": 16, "bfloat16": 16}


def words(path, entry):
    """Numbers of a file in stored order, by ``format`` and ``dtype``."""
    word, kind = f"<u{BITS[entry['dtype']] // 8}", entry["format"]
    if kind == "raw":
        return np.fromfile(path, word)
    if kind == "npy":
        return np.load(path).view(word)
    text = path.read_text()
    text = text[text.find({"h": "{", "coe": "vector="}.get(kind, "")) :]
    lines = (line for line in text.splitlines()[kind in ("h", "coe") :] if not line.startswith(("//", "@", "#")))
    return np.array([int(number, 16) for line in lines for number in line.strip(" ;}").split(",") if number], word)


def tensor(path, entry):
    """The tensor itself, by ``stored_axes``, ``stored_shape`` and ``pads``."""
    stored = words(path, entry)
    if entry["dtype"] == "bfloat16":
        stored = stored.astype("<u4") << 16
    stored = stored.view(f"<f{stored.itemsize}").reshape(entry["stored_shape"])
    axes, lengths = list(entry["stored_axes"]), dict(zip(entry["axes"], entry["shape"], strict=True))
    for inner in [axis for axis in axes if axis.islower()]:
        stored = np.moveaxis(stored, axes.index(inner), axes.index(inner.upper()) + 1)
        axes.remove(inner)
        outer = axes.index(inner.upper())
        stored = stored.reshape(*stored.shape[:outer], -1, *stored.shape[outer + 2 :])
    begin = {"H": entry["pads"][0], "W": entry["pads"][2]}
    stored = stored[tuple(slice(begin.get(axis, 0), begin.get(axis, 0) + lengths.get(axis, 1)) for axis in axes)]
    extra = [i for i, axis in enumerate(axes) if axis not in lengths]
    return stored.transpose([axes.index(axis) for axis in entry["axes"] if axis in axes] + extra).reshape(
        entry["shape"]
    )


@pytest.mark.parametrize("kind", ["raw", "npy", "hex", "mem", "coe", "h"])
@pytest.mark.parametrize("dtype", BITS)
def test_every_number_is_found(tmp_path, kind, dtype):
    network, x = refnet.load("b0@synthetic"), picture_tensor(33, 35)
    how = {"layout": activation_layout("CHW", "H:5,C:7"), "kernel_layout": kernel_layout("KRSC", "K:8")}
    steps = ["stem", "block1a.*", "logits"]
    record(network, tmp_path / "g", x=x, steps=steps, weights=True, padded=True, dtype=dtype, format=kind, **how)
    expected = {"input": x} | dict(network.trace(x)) | dict(network.weights.tensors)
    for entry in json.loads((tmp_path / "g" / "manifest.json").read_text())["entries"]:
        path = tmp_path / "g" / entry["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        rounded = decode(encode(expected[entry["name"]], dtype), dtype)
        assert (tensor(path, entry) == rounded).all()
