"""Manifests: written, read back, and refused where they are not what they say."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from refnet.architecture.padding import Pads
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.errors import InputError
from refnet.golden.axes import TensorLayout
from refnet.golden.manifest import CaseEntry, Manifest, Run, StepEntry, TensorEntry
from refnet.golden.manifest_parser import parse_manifest
from refnet.preprocessing.recipe import LITE
from refnet.reference.digest import tensor_digest
from refnet.reference.numerics import constants_in_hex

RUN = Run("b0@synthetic", "d" * 64, (32, 48), "float32", "image cat.png", LITE, 1, "0.1")
ENTRY = TensorEntry(
    "stem", "NHWC", (1, 16, 8, 32), ((0, 1), (0, 16), (8, 16), (0, 32)), "float16",
    TensorLayout("NCHW", (("C", 16),), Pads(0, 1, 0, 1)), "hex", "stem.hex", -1.5, 2.25, 77, "a" * 64, "b" * 64,
)  # fmt: skip
CASE = CaseEntry("add-c17", "add", {"k": 5, "pads": [0, 1]}, ("x", "y"), (), "output")
STEPS = tuple(StepEntry.of(step, 1e-5) for step in make_plan(variant("b0"), (32, 48), padding="symmetric"))
MANIFEST = Manifest(replace(RUN, padding="symmetric", bn_eps=1e-5), (ENTRY,), (CASE,), STEPS)


def test_read_back():
    assert parse_manifest(MANIFEST.to_json(), "here") == MANIFEST
    plain = Manifest(replace(RUN, recipe=None), ())
    assert parse_manifest(plain.to_json(), "here") == plain


def test_an_older_one_is_read():
    content = json.loads(MANIFEST.to_json())
    for key in ("padding", "bn_eps", "constants", "steps"):
        del content[key]
    assert parse_manifest(json.dumps(content), "here") == Manifest(RUN, (ENTRY,), (CASE,))


def test_what_a_port_needs():
    content = json.loads(MANIFEST.to_json())
    assert (content["padding"], content["bn_eps"], content["constants"]) == (
        "symmetric",
        1e-5,
        constants_in_hex("float32"),
    )
    steps = {step["name"]: step for step in content["steps"]}
    depthwise = steps["block2a.depthwise"]
    assert (depthwise["kernel"], depthwise["stride"], depthwise["pads"], depthwise["eps"]) == (3, 2, [1, 1, 1, 1], 1e-5)
    assert (steps["block1a.gate"]["activation"], steps["block1a.gate"]["eps"]) == ("sigmoid", None)


def test_the_digest_as_it_is_explained():
    """An example of the words in ``about``."""
    tensor = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    assert hashlib.sha256(b"float32 1,1,2,3\n" + tensor.astype("<f4").tobytes()).hexdigest() == tensor_digest(tensor)


def test_each_thing_is_one_line():
    lines = MANIFEST.to_json().splitlines()
    for part in ('"stem.hex"', '"add-c17"', '"size": [32, 48]', '"recipe": {"name": "lite"'):
        assert sum(part in line for line in lines) == 1


def test_what_is_stored_is_said():
    (entry,) = json.loads(MANIFEST.to_json())["entries"]
    assert (entry["stored_axes"], entry["stored_shape"]) == ("NCHWc", [1, 2, 17, 9, 16])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("about", 1), ("recipe", {"name": "lite"}), ("recipe", LITE.to_json()), ("cases", [{}]), ("cases", 3),
        ("parameters", []), ("inputs", "x"), ("weights", [1]), ("output", None),
    ],
)  # fmt: skip
def test_refused_facts_and_cases(key, value):
    content = json.loads(MANIFEST.to_json())
    (content if key in content else content["cases"][0])[key] = value
    with pytest.raises(InputError, match=r"^here: cannot read the manifest"):
        parse_manifest(json.dumps(content), "here")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", [1, 16, 8]), ("shape", [1, 1 << 23, 1 << 23, 32]), ("shape", [1, 16, True, 32]), ("shape", "1"),
        ("dtype", "int4"), ("order", "NCHWW"), ("order", "N/HW"), ("order", 4), ("tile", {"Z": 2}), ("tile", {"C": 0}),
        ("pads", [0, 0, 0]), ("pads", [-1, 0, 0, 0]), ("part", [[0, 1]]), ("part", [[0, 1], [0, 16], [8, 17], [0, 32]]),
        ("minimum", "0"), ("distinct", 1.5), ("name", None), ("file", ["x"]), ("axes", "NHW\u0130"),
        ("order", "NCH\u0130"), ("stored_axes", "NHWC"), ("stored_shape", [1, 2, 16, 8, 16]),
    ],
)  # fmt: skip
def test_refused_entry(key, value):
    content = json.loads(MANIFEST.to_json())
    content["entries"][0][key] = value
    with pytest.raises(InputError, match=rf"^here: cannot read the manifest: .*{key.split('_')[0]}"):
        parse_manifest(json.dumps(content), "here")


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", "[" * 100_000, '{"format": NaN}'])
def test_refused_text(text):
    with pytest.raises(InputError, match=r"^here: cannot read the manifest"):
        parse_manifest(text, "here")


def test_other_schema():
    with pytest.raises(InputError, match=r"here is no golden of schema 1: .*'refnet golden', 2"):
        parse_manifest(MANIFEST.to_json().replace('"schema": 1', '"schema": 2'), "here")
