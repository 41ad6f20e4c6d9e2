"""The C99 program: built by three compilers for two architectures, it makes refnet's bits and notices others."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.programs import need
from helpers.tops import TOPS, weights_with

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.errors import InputError, WeightsError
from refnet.export.c99 import render
from refnet.export.c99.tables import plan_header, plan_table
from refnet.hub.models import find_weights
from refnet.network import Network
from refnet.preprocessing.recipe import LITE
from refnet.reference import ops
from refnet.reference.digest import tensor_digest
from refnet.weights import synthetic
from refnet.weights.synthetic import picture_tensor
from refnet.weights.weights import Provenance, Weights

EXACT = ["-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SOURCES = ["main.c", "plan.c", "refnet.c", "sha256.c"]
DIGESTS = {"float32": "digests.txt", "float64": "digests64.txt"}

AARCH64 = "aarch64-linux-gnu-gcc"
BUILDS = [
    *[[compiler, *flags] for compiler in ("gcc", "clang") for flags in (["-O0"], ["-O3"], ["-O3", "-march=native"])],
    [AARCH64, "-static", "-O0"],
    [AARCH64, "-static", "-O3"],
    ["gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
]


def tiny(classes):
    """Weights of a small network with squeeze-excite, and the padding and epsilon of PyTorch's publishers."""
    architecture = efficientnet(Coefficients(0.1, 0.1, 32), name='tiny */ "x', classes=classes)
    tensors = synthetic.tensors(architecture)
    return Weights(architecture, "symmetric", 1e-5, LITE, tensors, None, Provenance(publisher="a test"))


MODELS = {
    "lite0": (lambda: find_weights("lite0"), (33, 47)),
    "b0": (lambda: find_weights("b0@synthetic"), (33, 47)),
    "b0 symmetric": (lambda: replace(find_weights("b0@synthetic"), padding="symmetric"), (46, 31)),
    "tiny without classifier": (lambda: tiny(classes=0), (1, 19)),
}
UNUSUAL = {
    "folded, zeros of one size": partial(weights_with, folded=True, padding="same@40"),
    **{name: partial(weights_with, top) for name, top in TOPS.items()},
}


@pytest.fixture(scope="module", params=MODELS)
def rendered(request, tmp_path_factory):
    """Directory of a program, in turn of each model."""
    find, size = MODELS[request.param]
    target = tmp_path_factory.mktemp("c99") / "program"
    render(find(), picture_tensor(*size), target)
    return target


@pytest.fixture
def program(tmp_path):
    """Directory of a small program, to be damaged."""
    render(tiny(classes=5), picture_tensor(32, 21), tmp_path / "program")
    return tmp_path / "program"


def build(directory, target, command, dtype="float32"):
    double = ["-DDOUBLE"] if dtype == "float64" else []
    subprocess.run([*command, *EXACT, *double, "-o", target, *SOURCES, "-lm"], cwd=directory, check=True)
    return ["qemu-aarch64", target] if command[0] == AARCH64 else [target]


def run(command, directory, *arguments):
    arguments = arguments or ("weights.bin", "input.bin")
    return subprocess.run([*command, *arguments], cwd=directory, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("dtype", DIGESTS)
@pytest.mark.parametrize("command", BUILDS, ids=" ".join)
def test_every_digest(rendered, command, dtype, tmp_path):
    need(command[0], *["qemu-aarch64"] * (command[0] == AARCH64))
    found = run(build(rendered, tmp_path / "refnet", command, dtype), rendered)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == (rendered / DIGESTS[dtype]).read_text()


@pytest.mark.parametrize("command", [["gcc", "-O3", "-march=native"], [AARCH64, "-static", "-O1"]], ids=" ".join)
@pytest.mark.parametrize("name", UNUSUAL)
def test_every_digest_of_unusual_networks(name, command, tmp_path):
    need(command[0], *["qemu-aarch64"] * (command[0] == AARCH64))
    render(UNUSUAL[name](), picture_tensor(33, 19), tmp_path / "program")
    for dtype, digests in DIGESTS.items():
        found = run(build(tmp_path / "program", tmp_path / dtype, command, dtype), tmp_path / "program")
        assert (found.returncode, found.stderr) == (0, "")
        assert found.stdout == (tmp_path / "program" / digests).read_text()


def test_check_passes_and_fails(program):
    need("make", "gcc")
    for target in ("check", "check64"):
        subprocess.run(["make", target], cwd=program, check=True, capture_output=True)
    numerics = program / "numerics.h"
    numerics.write_text(numerics.read_text().replace("TAPS_PER_BLOCK 32", "TAPS_PER_BLOCK 64"))
    failed = subprocess.run(["make", "check"], cwd=program, check=False, capture_output=True, text=True)
    assert failed.returncode != 0
    plan = make_plan(tiny(classes=5).architecture, (32, 21), padding="symmetric")
    first = next(s.name for s in plan if s.op in ("convolution", "dense") and s.kernel**2 * s.in_shape[-1] > 32)
    assert re.search("^< (.*) ", failed.stdout, re.MULTILINE)[1] == first


@pytest.mark.parametrize("dtype", DIGESTS)
def test_tensors(program, tmp_path, dtype):
    need("gcc")
    (tmp_path / "tensors").mkdir()
    command = build(program, tmp_path / "refnet", ["gcc", "-O2"], dtype)
    run(command, program, "weights.bin", "input.bin", tmp_path / "tensors")
    x = picture_tensor(32, 21)
    written = {path.name: path.read_bytes() for path in (tmp_path / "tensors").iterdir()}
    steps = dict(Network(tiny(classes=5), dtype=dtype).trace(x))
    assert written == {f"{name}.bin": tensor.tobytes() for name, tensor in {"input": x, **steps}.items()}


@pytest.mark.parametrize("dtype", DIGESTS)
def test_functions(program, tmp_path, dtype):
    """All over the format: each exponent, both signs, subnormals, infinities."""
    need("gcc")
    command = ["gcc", "-O2", *EXACT, "-shared", "-fPIC", *["-DDOUBLE"] * (dtype == "float64")]
    subprocess.run([*command, "-o", tmp_path / "ops.so", "refnet.c", "-lm"], cwd=program, check=True)
    library = ctypes.CDLL(tmp_path / "ops.so")
    word, real = {"float32": (np.uint32, ctypes.c_float), "float64": (np.uint64, ctypes.c_double)}[dtype]
    stride = np.iinfo(word).max // 20_000
    patterns = (np.arange(20_000, dtype=word) * stride).view(dtype)
    x = np.concatenate([patterns, np.linspace(-110, 110, 9_999, dtype=dtype), np.array([0.0, -0.0], dtype)])
    x = x[~np.isnan(x)]
    for name, function in [
        ("exponential", ops.exp), ("sigmoid", ops.sigmoid), ("swish", ops.swish), ("relu6", ops.relu6)
    ]:  # fmt: skip
        in_c = getattr(library, name)
        in_c.argtypes, in_c.restype = [real], real
        found = np.array([in_c(number) for number in x.tolist()], dtype)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(found.view(word), function(x).view(word), err_msg=name)


@pytest.mark.parametrize("name", ["weights.bin", "input.bin"])
@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content + b"\0"])
def test_file_of_another_size(program, tmp_path, name, change):
    need("gcc")
    command = build(program, tmp_path / "refnet", ["gcc", "-O2"])
    size = (program / name).stat().st_size
    (program / name).write_bytes(change((program / name).read_bytes()))
    found = run(command, program)
    assert (found.returncode, found.stderr) == (2, f"refnet: {name}: want {size} bytes for tiny_____x\n")


def test_wrong_calls_of_the_program(program, tmp_path):
    need("gcc")
    command = build(program, tmp_path / "refnet", ["gcc", "-O2"])
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run([*command, "weights.bin", "input.bin"], cwd=program, stdout=full, stderr=-1, check=False)
    assert (found.returncode, found.stderr) == (2, b"refnet: digests: cannot be written\n")
    for arguments, message in [
        (["weights.bin"], "refnet: usage: ./refnet weights.bin input.bin [FOLDER]\n"),
        (["none.bin", "input.bin"], "refnet: none.bin: No such file or directory\n"),
        (["weights.bin", "input.bin", "none"], "refnet: none/input.bin: No such file or directory\n"),
    ]:
        found = run(command, program, *arguments)
        assert (found.returncode, found.stderr) == (2, message)


@pytest.mark.parametrize("flag", ["-ffast-math", "-D__FLT_EVAL_METHOD__=2"])
def test_arithmetic_refused(program, flag):
    need("gcc")
    command = ["gcc", "-std=c99", "-w", flag, "-c", "-o", os.devnull, "refnet.c"]
    assert "#error" in subprocess.run(command, cwd=program, check=False, capture_output=True, text=True).stderr


def test_table():
    weights = tiny(classes=5)
    plan = make_plan(weights.architecture, (32, 21), padding="symmetric")
    rows = plan_table(plan, weights.bn_eps).splitlines()
    assert rows[6] == (
        '    /*   1 */ {"stem", CONVOLUTION, 0, NOTHING, {32, 21, 3}, {16, 11, 8}, 0, 3, 2, {1, 1, 1, 1}, SWISH, 0, '
        "NORM, 216, 0x1.4f8b588e368f1p-17},"
    )
    endless = replace(weights.architecture, name="ab" * 5000)  # a compiler need not take so much in one string
    assert f'#define PLAN_NAME "{"ab" * 32}"\n' in plan_header(weights, make_plan(endless, (32, 21)))


def test_digests_are_of_this_run(program):
    x = picture_tensor(32, 21)
    steps = Network(tiny(classes=5)).trace(x)
    expected = [f"{name} {tensor_digest(tensor)}" for name, tensor in [("input", x), *steps]]
    assert (program / "digests.txt").read_text().splitlines() == expected


def test_same_bytes_again(program, tmp_path):
    (tmp_path / "empty").mkdir()
    render(tiny(classes=5), picture_tensor(32, 21), tmp_path / "empty")
    first, second = ({path.name: path.read_bytes() for path in d.iterdir()} for d in (program, tmp_path / "empty"))
    assert first == second


@pytest.mark.parametrize("name", ["full", "file", "none/below"])
def test_no_place(tmp_path, name):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "work.c").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"{name} not written: "):
        render(tiny(classes=5), picture_tensor(32, 21), tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_wrong_input(tmp_path):
    weights = tiny(classes=5)
    for x in (picture_tensor(8, 8).repeat(2, axis=0), picture_tensor(8, 8).astype(np.float64)):
        with pytest.raises(InputError, match="float32"):
            render(weights, x, tmp_path / "program")
    with pytest.raises(WeightsError, match="is missing"):
        render(replace(weights, tensors={}), picture_tensor(8, 8), tmp_path / "program")
    assert list(tmp_path.iterdir()) == []
