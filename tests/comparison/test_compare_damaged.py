"""Damaged goldens and ports, compared: each gives a refusal or a verdict, and a changed number is never equal.

A few examples of each; `tools/attack.py` goes on for as long as somebody likes.
"""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pytest
from helpers import recorded_runs
from helpers.fuzzing import CHANGES, changed, fuzzed
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet import cli
from refnet.comparison import compare
from refnet.errors import InputError
from refnet.golden.read import open_reader

STEPS = ["stem", "block1a.depthwise"]
KINDS = [".npz", ".h5", "npy", "raw", "hex", "txt", "h"]
damage = settings(fuzzed, max_examples=4)

# What JSON may hold where something else is expected.
ODD = st.sampled_from([
    None, True, 0, -1, 1 << 63, 10**39, 0.5, 1e308, "", "x", "\ud800", "x" * 5000, [], {}, [[]], [None], {"a": {}},
    "NHWC",
])  # fmt: skip
ODD_TEXT = st.sampled_from([
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * 990 + "]" * 990, "[" * 100_000, '{"a":1,"a":2}',
    r'"\ud800"', "0.1.2", "'x'",
])  # fmt: skip


@pytest.fixture(scope="module")
def small(b0, tmp_path_factory):
    """A golden of two steps in every kind of container, and a port of the same numbers."""
    from refnet.golden.axes import TensorLayout, axes_of
    from refnet.golden.manifest import Run
    from refnet.golden.write import open_writer
    from refnet.reference.digest import tensor_digest
    from refnet.reference.numerics import NUMERICS_VERSION
    from refnet.weights import synthetic

    place = tmp_path_factory.mktemp("small")
    x = synthetic.picture_tensor(8, 8)
    tensors = {"input": x} | dict(b0.trace(x, STEPS))
    run = Run("b0@synthetic", b0.weights.digest(), (8, 8), "float32", "array x", None, NUMERICS_VERSION, "0")
    for kind in KINDS:
        target = place / (f"golden{kind}" if kind.startswith(".") else f"golden-{kind}")
        how = {} if kind.startswith(".") else {"format": kind}
        with open_writer(target, run, **how) as writer:
            for name, tensor in tensors.items():
                digest = tensor_digest(tensor)
                writer.add(
                    name, axes_of(tensor.shape), tensor, dtype="float32", layout=TensorLayout("NHWC"), digest=digest
                )
    recorded_runs.save(place / "port", tensors)
    return place


def judged(golden, port, **how):
    """What comes of a comparison: its exit code, or that it was refused."""
    try:
        found = compare(golden, port, threads=1, **how)
    except InputError as error:
        assert len(str(error)) < 2000  # noqa: PT017
        return "refused"
    json.dumps(found.to_json(), allow_nan=False)
    return found.exit_code


def numbers(path):
    """The numbers of a recording as they are read, or why they are not."""
    try:
        with open_reader(path) as reader:
            return {name: reader.read(name).array.tobytes() for name in reader.names}
    except InputError:
        return None


def copied(small, tmp_path, name):
    target = tmp_path / name
    if target.is_dir():
        shutil.rmtree(target)
    if (small / name).is_dir():
        shutil.copytree(small / name, target)
    else:
        shutil.copyfile(small / name, target)
    return target


@pytest.mark.parametrize("kind", KINDS)
@damage
@given(changes=CHANGES, which=st.sampled_from(["input", *STEPS]))
def test_damaged_golden(small, tmp_path, kind, changes, which):
    golden = copied(small, tmp_path, f"golden{kind}" if kind.startswith(".") else f"golden-{kind}")
    file = golden if golden.is_file() else next(golden.glob(f"{which}.*"))
    file.write_bytes(changed(file.read_bytes(), changes))
    verdict = judged(golden, small / "port", exact=True)
    found = numbers(golden)
    if found is None or found != numbers(small / golden.name):
        assert verdict != 0


@settings(fuzzed, max_examples=8)
@given(changes=CHANGES, which=st.sampled_from(["input", *STEPS]))
def test_damaged_port(small, tmp_path, changes, which):
    port = copied(small, tmp_path, "port")
    file = port / f"{which}.npy"
    file.write_bytes(changed(file.read_bytes(), changes))
    verdict = judged(small / "golden.npz", port, exact=True)
    try:
        same = np.array_equal(np.load(file), np.load(small / "port" / file.name))
    except Exception:  # whatever NumPy thinks of it
        same = False
    if not same:
        assert verdict != 0 or numbers(port) == numbers(small / "port")


@settings(fuzzed, max_examples=10)
@given(changes=CHANGES)
def test_damaged_manifest(small, tmp_path, changes):
    golden = copied(small, tmp_path, "golden-npy")
    file = golden / "manifest.json"
    file.write_bytes(changed(file.read_bytes(), changes))
    judged(golden, small / "port")


def places(value, path=()):
    """Where something stands in a manifest, of the entries the first alone."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


MANIFEST = [  # of the small golden; the test of its completeness is below
    (), ("format",), ("schema",), ("about",), ("model",), ("weights",), ("size",), ("size", 0), ("dtype",), ("input",),
    ("recipe",), ("numerics",), ("refnet",), ("cases",), ("bn_eps",), ("padding",), ("steps",), ("constants",),
    *(("constants", key) for key in (
        "coefficients", "high", "inverse_ln2", "ln2_high", "ln2_low", "low", "shifter", "sigmoid_bound",
    )),
    ("constants", "coefficients", 0), ("entries",), ("entries", 0),
    *(("entries", 0, key) for key in (
        "name", "axes", "shape", "part", "dtype", "format", "file", "minimum", "maximum", "distinct", "sha256",
        "digest", "order", "tile", "pads", "stored_axes", "stored_shape",
    )),
    ("entries", 0, "shape", 0), ("entries", 0, "pads", 0), ("entries", 0, "stored_shape", 0),
]  # fmt: skip


def test_every_place_is_known(small):
    assert sorted(map(str, places(json.loads((small / "golden-npy" / "manifest.json").read_text())))) == sorted(
        map(str, MANIFEST)
    )


@settings(fuzzed, max_examples=25)
@given(place=st.sampled_from(MANIFEST), value=ODD | ODD_TEXT.map(lambda text: ("text", text)))
def test_odd_values_in_a_manifest(small, tmp_path, place, value):
    golden = copied(small, tmp_path, "golden-npy")
    content = json.loads((golden / "manifest.json").read_text())
    text = value[1] if isinstance(value, tuple) else json.dumps(value)
    (golden / "manifest.json").write_text(replaced(content, place, text))
    judged(golden, small / "port")


def replaced(content, place, text):
    """JSON with a text of it replaced by another."""
    if not place:
        return text
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = "@here@"
    return json.dumps(content).replace('"@here@"', text)


@pytest.mark.parametrize("recipe", ["0", "[]", "{}", "false", '""', '{"name": {}}'])
def test_a_recipe_that_is_none(small, tmp_path, capsys, recipe):
    """Some of these were tracebacks, with the exit code of a port that is wrong."""
    golden = copied(small, tmp_path, "golden-npy")
    content = json.loads((golden / "manifest.json").read_text())
    (golden / "manifest.json").write_text(replaced(content, ("recipe",), recipe))
    assert cli.main(["compare", str(golden), str(small / "port")]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"refnet: error: {golden}: cannot read the manifest: ")
    assert "recipe" in message
    assert message.endswith("; record the golden again\n")


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("name", ["manifest.json", "stem.npy"])
def test_other_compressions(small, tmp_path, packing, name):
    """Damage in them is an error of other libraries: they are not read at all."""
    golden = tmp_path / "golden.npz"
    with zipfile.ZipFile(small / "golden.npz") as whole, zipfile.ZipFile(golden, "w") as archive:
        for member in whole.namelist():
            archive.writestr(member, whole.read(member), packing if member == name else zipfile.ZIP_STORED)
    data = bytearray(golden.read_bytes())
    at = data.find(name.encode()) + len(name) + 12
    data[at : at + 4] = b"\xff\xff\xff\xff"
    golden.write_bytes(data)
    assert judged(golden, small / "port", exact=True) == ("refused" if name == "manifest.json" else 2)
