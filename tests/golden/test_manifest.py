"""Manifests: written, read back, and refused where they are not what they say."""

from __future__ import annotations

import json

import pytest

from refnet.errors import InputError
from refnet.golden.layout import Layout
from refnet.golden.manifest import Entry, Manifest, Run
from refnet.padding import Pads

RUN = Run("b0@synthetic", "d" * 64, (32, 48), "float32", "stimulus codes", "", 1, "0.1")
ENTRY = Entry(
    "stem", "NHWC", (1, 16, 8, 32), ((0, 1), (0, 16), (8, 16), (0, 32)), "float16",
    Layout("NCHW", (("C", 16),), Pads(0, 1, 0, 1)), "hex", "stem.hex", -1.5, 2.25, 77, "a" * 64, "b" * 64,
)  # fmt: skip
MANIFEST = Manifest(RUN, (ENTRY,))


def test_read_back():
    assert Manifest.from_json(MANIFEST.to_json(), "here") == MANIFEST


def test_entry_is_one_line():
    assert sum('"stem.hex"' in line for line in MANIFEST.to_json().splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", [1, 16, 8]), ("shape", [1, 1 << 23, 1 << 23, 32]), ("shape", [1, 16, True, 32]), ("shape", "1"),
        ("dtype", "int4"), ("order", "NCHWW"), ("order", "N/HW"), ("order", 4), ("tile", {"Z": 2}), ("tile", {"C": 0}),
        ("pads", [0, 0, 0]), ("pads", [-1, 0, 0, 0]), ("part", [[0, 1]]), ("part", [[0, 1], [0, 16], [8, 17], [0, 32]]),
        ("minimum", "0"), ("distinct", 1.5), ("name", None), ("file", ["x"]),
    ],
)  # fmt: skip
def test_refused_entry(key, value):
    content = json.loads(MANIFEST.to_json())
    content["entries"][0][key] = value
    with pytest.raises(InputError, match=rf"^here: cannot read the manifest: .*{key}"):
        Manifest.from_json(json.dumps(content), "here")


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", "[" * 100_000, '{"format": NaN}'])
def test_refused_text(text):
    with pytest.raises(InputError, match=r"^here: cannot read the manifest"):
        Manifest.from_json(text, "here")


def test_other_schema():
    with pytest.raises(InputError, match=r"here is no golden of schema 1: .*'refnet golden', 2"):
        Manifest.from_json(MANIFEST.to_json().replace('"schema": 1', '"schema": 2'), "here")
