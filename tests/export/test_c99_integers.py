"""The C99 program of integer networks: no floating point, the definition's bits, on a Cortex-M as well."""

from __future__ import annotations

import ctypes
import re
import subprocess
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from helpers.integer_networks import FOLDER, find, network, picture, pooled
from helpers.integer_variants import fused, loud, powers_of_two, sized
from helpers.programs import need

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.errors import InputError
from refnet.export.c99 import integers
from refnet.export.c99.integers import render_network
from refnet.export.c99.integers.arrays import Constant, header
from refnet.export.c99.integers.memory import ELEMENTWISE, arena
from refnet.export.c99.integers.render import SOURCES
from refnet.export.c99.integers.rows import KINDS
from refnet.reference.digest import tensor_digest
from refnet.reference.integers import policy
from refnet.reference.integers.engine import TFLM, Rescaling, engine, of_one_policy
from refnet.reference.integers.evaluate import accumulate, entry, evaluate
from refnet.reference.integers.fixed_point import multiplier
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import Kind
from refnet.reference.integers.quantisation import Quantisation
from refnet.reference.integers.softmax import argument_multiplier, softmax
from refnet.weights.reader import read_any

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
NETWORK = ["run.c", "plan.c", "refnet.c", "rounding.c", "softmax.c", "sha256.c"]
AARCH64 = "aarch64-linux-gnu-gcc"
NO_FLOATS = "-mgeneral-regs-only"
BUILDS = [
    ["gcc", "-O3", "-march=native"],
    ["gcc", "-O2", NO_FLOATS],
    ["clang", "-O2", NO_FLOATS],
    [AARCH64, "-O1", "-static", NO_FLOATS],
    ["gcc", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
]


SHIFT = Rescaling("power-of-two")
SHIFTS = replace(TFLM, name="shifts", convolution=SHIFT, depthwise=SHIFT, dense=SHIFT, multiply=SHIFT, add=SHIFT.policy)
UNUSUAL = {
    "relu6": (lambda: network("relu6.tflite").network, TFLM),
    **{
        name: (lambda: network("swish.tflite").network, of_one_policy(name))
        for name in ("single", "double-up", "truncate")
    },
    "power-of-two": (lambda: powers_of_two(network("swish.tflite").network), SHIFTS),
    "average pool": (lambda: find(pooled().packed()).network, TFLM),
    "another size": (lambda: sized(network("swish.tflite").network, 77), TFLM),
    "large sums": (lambda: loud(network("relu6.tflite").network), TFLM),
    "swish by table": (lambda: fused(network("swish.tflite").network), TFLM),
}


def render(net, by, x, target):
    render_network(net, by, evaluate(net, by, x), target)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Directory of the program of the network with swish."""
    target = tmp_path_factory.mktemp("c99") / "program"
    render(network("swish.tflite").network, TFLM, picture(0), target)
    return target


@pytest.fixture
def program(tmp_path):
    """Directory of a program, to be damaged."""
    render(network("swish.tflite").network, TFLM, picture(1), tmp_path / "program")
    return tmp_path / "program"


def noise(net):
    """A picture of the network's size, in codes."""
    return np.random.default_rng(4).integers(-128, 128, (1, net.plan.height, net.plan.width, 3)).astype(np.int8)


def build(directory, target, command):
    subprocess.run([*command, *STRICT, "-o", target, "main.c", *NETWORK], cwd=directory, check=True)
    return ["qemu-aarch64", target] if command[0] == AARCH64 else [target]


def run(command, directory, *arguments):
    arguments = arguments or ("input.bin",)
    return subprocess.run([*command, *arguments], cwd=directory, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", BUILDS, ids=" ".join)
def test_every_digest(rendered, command, tmp_path):
    need(command[0], *["qemu-aarch64"] * (command[0] == AARCH64))
    found = run(build(rendered, tmp_path / "refnet", command), rendered)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == (rendered / "digests.txt").read_text()


@pytest.mark.parametrize("name", UNUSUAL)
def test_every_digest_of_unusual_networks(name, tmp_path):
    need("gcc")
    find_network, by = UNUSUAL[name]
    net = find_network()
    render(net, by, noise(net), tmp_path / "program")
    found = run(build(tmp_path / "program", tmp_path / "refnet", ["gcc", "-O1", NO_FLOATS]), tmp_path / "program")
    assert found.stdout == (tmp_path / "program" / "digests.txt").read_text()


def test_every_digest_on_a_cortex_m(rendered):
    need("make", "arm-none-eabi-gcc", "qemu-system-arm")
    subprocess.run(["make", "cortex-m"], cwd=rendered, check=True, capture_output=True)
    sizes = subprocess.run(["make", "-s", "size"], cwd=rendered, check=True, capture_output=True, text=True).stdout
    (constants,) = re.findall(r"flash +([\d,]+) bytes", (rendered / "README.txt").read_text())
    assert int(re.search(r"\.rodata +(\d+)", sizes)[1]) >= int(constants.replace(",", ""))


def test_check_passes_and_fails(program):
    need("make", "gcc")
    subprocess.run(["make", "check"], cwd=program, check=True, capture_output=True)
    table = program / "plan.c"
    table.write_text(table.read_text().replace(".policy = DOUBLE", ".policy = SINGLE", 1))
    failed = subprocess.run(["make", "check"], cwd=program, check=False, capture_output=True, text=True)
    assert failed.returncode != 0
    assert re.search("^< (.*) ", failed.stdout, re.MULTILINE)[1] == "stem.conv"


def test_no_floating_point_and_no_memory_asked_for(rendered):
    for path in [*rendered.glob("*.[ch]"), *rendered.glob("*/*.[ch]")]:
        assert not re.search(r"\b(float|double|malloc|calloc|math)\b|\d\.\d+f", path.read_text()), path


def test_digests_are_the_definition_s(program):
    net, _ = network("swish.tflite")
    found = list(evaluate(net, TFLM, picture(1)))
    best = int(found[-1][1].argmax())
    expected = [*(f"{name} {tensor_digest(codes)}" for name, codes in found), f"top-1 {best}"]
    assert (program / "digests.txt").read_text().splitlines() == expected


def test_tensors_and_sums(program):
    need("make", "gcc")
    subprocess.run(["make", "-s", "tensors"], cwd=program, check=True, capture_output=True)
    net, _ = network("swish.tflite")
    codes = dict(evaluate(net, TFLM, picture(1)))
    written = {path.stem: path.read_bytes() for path in (program / "tensors").iterdir()}
    assert written == {name: each.tobytes() for name, each in codes.items()}
    sums = {path.stem: path.read_bytes() for path in (program / "sums").iterdir()}
    with_kernels = [each for each in net.operations if each.kernel is not None]
    assert sums == {
        each.name: accumulate(each, codes[each.inputs[0]], net.codes[each.inputs[0]]).astype("<i4").tobytes()
        for each in with_kernels
    }


def test_codes_or_real_numbers_of_another_size(tmp_path):
    weights = read_any(FOLDER / "lite.h5")
    x = np.random.default_rng(3).uniform(-1, 1, (1, 33, 20, 3)).astype(np.float32)
    net = on(make_plan(weights.architecture, (33, 20), padding=weights.padding), weights.network)
    integers.render(weights, x, tmp_path / "real", threads=1)
    integers.render(weights, entry(net, weights.engine, x), tmp_path / "codes")
    render(net, weights.engine, x, tmp_path / "definition")
    real, *others = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / name for name in ("real", "codes", "definition"))
    )
    assert others == [real, real]
    with pytest.raises(InputError, match="the input holds 2 pictures"):
        integers.render(weights, np.repeat(x, 2, axis=0), tmp_path / "program")
    with pytest.raises(InputError, match="float32"):
        integers.render(weights, x.astype(np.float64), tmp_path / "program")


def test_roundings(program, tmp_path):
    """Random sums and the ends of 32 bits; multipliers near powers of two, where ties are."""
    need("gcc")
    subprocess.run(["gcc", "-O2", *STRICT, "-shared", "-fPIC", "-o", tmp_path / "r.so", "rounding.c"], cwd=program)
    library = ctypes.CDLL(tmp_path / "r.so")
    rng = np.random.default_rng(0)
    for exponent in range(-33, 8):
        real = np.float64(rng.choice([1, 0.75, rng.uniform(0.5, 1)])) * 2.0**exponent
        by = multiplier(real)
        ends = (1 << 30) >> max(int(by.shift), 0)
        total = np.concatenate([rng.integers(-ends, ends, 200), rng.integers(-99, 99, 200), [-ends, ends, 0]])
        for name, function in (
            ("round_twice", policy.double), ("round_twice_up", policy.double_up),
            ("round_once", policy.single), ("round_never", policy.truncate),
        ):  # fmt: skip
            in_c = [getattr(library, name)(int(each), int(by.mantissa), int(by.shift)) for each in total]
            np.testing.assert_array_equal(in_c, function(total, by), err_msg=f"{name} {real}")
        shifted = [library.shift_only(int(each), exponent) for each in total[200:]]
        np.testing.assert_array_equal(shifted, policy.power_of_two(total[200:], np.array(exponent)))


ROWS = """\
#include <stdio.h>
#include "refnet.h"
int main(void)
{
    static int8_t x[4096], out[4096];
    int32_t by[3]; /* classes, mantissa, shift */
    while (fread(by, sizeof *by, 3, stdin) == 3 && fread(x, 1, (size_t)by[0], stdin) == (size_t)by[0]) {
        int8_t shift = (int8_t)by[2];
        Step step = {.in = {1, 1, by[0]}, .high = 127, .zero_out = -128, .multiplier = by + 1, .shift = &shift};
        softmax(&step, x, out);
        fwrite(out, 1, (size_t)by[0], stdout);
    }
    return 0;
}
"""


def test_softmax(program, tmp_path):
    need("gcc")
    (program / "rows.c").write_text(ROWS)
    command = ["gcc", "-O1", *STRICT, "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    sources = ["rows.c", "softmax.c", "rounding.c"]
    subprocess.run([*command, "-o", tmp_path / "rows", *sources], cwd=program, check=True)
    rng = np.random.default_rng(1)
    given, expected = [], []
    for classes in (1, 2, 10, 300, 4095):
        for scale in (1e-6, 0.003, 0.05, 0.2, 1.7, 7.5):
            of = Quantisation(np.float32(scale), 0)
            spread = int(rng.integers(1, 128))
            row = rng.integers(-spread, spread, (1, classes)).astype(np.int8)
            by = argument_multiplier(of)
            given += [np.array([classes, by.mantissa, by.shift], "<i4").tobytes(), row.tobytes()]
            expected.append(softmax(row, of).tobytes())
    found = subprocess.run([tmp_path / "rows"], input=b"".join(given), check=True, capture_output=True)
    assert found.stdout == b"".join(expected)


@pytest.mark.parametrize("name", ["swish.tflite", "relu6.tflite"])
def test_memory_is_used_again_but_never_while_read(name):
    """Every tensor, while it is written, lies apart from all others that are still read; and no room is lost."""
    net, _ = network(name)
    memory, sizes = arena(net), {name: int(np.prod(shape)) for name, shape in net.shapes.items()}
    last = {name: time for time, each in enumerate(net.operations) for name in each.inputs}
    made = {names.INPUT: -1} | {each.name: time for time, each in enumerate(net.operations)}
    ends = {name: memory.places[name] + size for name, size in sizes.items()}
    in_use = {}
    for time, each in enumerate(net.operations):
        alive = [name for name in sizes if made[name] < time <= last.get(name, time)]
        in_use[each.name] = sum(sizes[name] for name in alive)
        in_place = 0
        for name in alive:
            apart = ends[name] <= memory.places[each.name] or memory.places[name] >= ends[each.name]
            if not apart:
                assert last[name] == time
                assert each.kind in ELEMENTWISE
                assert (memory.places[name], ends[name]) == (memory.places[each.name], ends[each.name])
                in_place += 1
        assert in_place <= 1
        in_use[each.name] += 0 if in_place else sizes[each.name]
    assert memory.size == max(ends.values()) == max(in_use.values()) == in_use[memory.fullest]


def test_every_kind_and_every_policy_of_fixed_point_is_known():
    sources = {path.name: path.read_text() for path in SOURCES.glob("*.[ch]")}

    def known(word, enum):
        (members,) = re.findall(rf"typedef enum {{([^}}]*)}} {enum};", sources["refnet.h"])
        return word in re.findall(r"\w+", members) and f"case {word}:" in sources["refnet.c"]

    assert all(known(KINDS.get(kind, kind.upper()), "Op") for kind in get_args(Kind))
    whole = [name for name, by in policy.POLICIES.items() if by.is_fixed_point or name == "power-of-two"]
    assert len(whole) == 5
    assert all(known(name.upper().replace("-", "_"), "Policy") for name in whole)


def test_literals():
    numbers = np.array([-(2**31), 2**31 - 1, 0], np.int32)
    text = header("x", {"bias": Constant("x_bias", "[K]", numbers)})
    assert text.splitlines()[2] == "INT32_MIN,2147483647,0,"


@pytest.mark.parametrize("content", [lambda whole: whole[:-1], lambda whole: whole + b"\0"])
def test_input_of_another_size(program, tmp_path, content):
    need("gcc")
    command = build(program, tmp_path / "refnet", ["gcc", "-O1"])
    (program / "input.bin").write_bytes(content((program / "input.bin").read_bytes()))
    found = run(command, program)
    assert (found.returncode, found.stderr) == (2, "refnet: input.bin: want 6912 bytes for tiny\n")
    for arguments, message in [
        (["none.bin"], "refnet: none.bin: No such file or directory\n"),
        (["a", "b", "c", "d"], "refnet: usage: ./refnet input.bin [FOLDER [SUMS]]\n"),
    ]:
        assert run(command, program, *arguments).stderr == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tflite", r"\w+: the engine tflite rounds a .* by double-float, .*make the network with .*--engine tflm"),
        ("xnnpack", r"stem: the engine xnnpack rounds a convolution by fp32-even, .*--engine tflm"),
    ],
)
def test_engines_of_floating_point(name, message, tmp_path):
    net, _ = network("relu6.tflite")
    with pytest.raises(InputError, match=message):
        render(net, engine(name), picture(0), tmp_path / "program")
    assert list(tmp_path.iterdir()) == []


def test_what_32_bits_do_not_hold(tmp_path):
    net, _ = network("relu6.tflite")
    tiny = replace(net, codes=dict(net.codes) | {"stem": Quantisation(np.float32(1e-12), -128)})
    with pytest.raises(InputError, match=r"stem: channel \d+ can reach \d+ and is shifted to the left by \d+: 32 bits"):
        render(tiny, TFLM, picture(0), tmp_path / "program")
    flat = replace(net, codes=dict(net.codes) | {"logits": Quantisation(np.float32(1e-9), 0)})
    with pytest.raises(InputError, match=r"too small for a softmax|32 bits do not hold"):
        render(flat, TFLM, picture(0), tmp_path / "program")
