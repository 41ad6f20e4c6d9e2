"""The machine code of the tiles: LLVM spills registers without a word, and the tile is then half as fast.

It is read for this machine, if that is an x86, and for an ARM server, for which it is compiled here.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from helpers.places import ROOT
from helpers.strips import DTYPES, compile_strip, records

from refnet.kernels.machine import LANES, Registers, registers, tile_shapes

ARM = ("aarch64-unknown-linux-gnu", "neoverse-n1")


class Strip(NamedTuple):
    """The assembly of a strip, and how it is read."""

    assembly: str
    dtype: str
    registers: Registers
    multiply_add: str
    jump: str
    stack: str
    frame: str  # how it begins on a cache line


@pytest.fixture(scope="module")
def for_arm() -> dict[str, str]:
    """The strips' assembly for ARM, from a process that takes itself for such a machine."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment = clean | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    command = [sys.executable, "-m", "helpers.strips", *ARM]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(
    scope="module", params=[(machine, dtype) for machine in ("x86", "arm") for dtype in DTYPES], ids="-".join
)
def strip(request: pytest.FixtureRequest) -> Strip:
    machine, dtype = request.param
    if machine == "arm":
        assembly = request.getfixturevalue("for_arm")[dtype]
        jump, stack = r"(b\.?\w*|cbn?z|tbn?z)\s.*", r"\[sp|\[x29"
        return Strip(assembly, dtype, Registers(32, 16), "fmla", jump, stack, r"and\s+sp, \w+, #0xffffffffffffffc0")
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("reads x86 assembly")
    assembly = next(iter(compile_strip(dtype, records()).inspect_asm().values()))
    return Strip(assembly, dtype, registers(), "vfmadd", r"j\w+\s+", r"\(%rsp|\(%rbp", r"andq\s+\$-64, %rsp")


@pytest.mark.parametrize("i", range(len(records()) - 1))
def test_a_record_in_the_place_of_another_is_not_compiled(i: int) -> None:
    right = records()
    swapped = [*right[:i], right[i + 1], right[i], *right[i + 2 :]]
    with pytest.raises(numba.TypingError, match="attribute"):
        compile_strip("float32", swapped)


def loops(strip: Strip) -> list[list[str]]:
    """The bodies of innermost loops: from a label to a jump back to it, with no label between."""
    bodies, label, body = [], "", []
    for line in strip.assembly.splitlines():
        found = re.match(r"(\.L\w+):", line)
        if found:
            label, body = found[1], []
        elif label and re.match(rf"\s+{strip.jump}{re.escape(label)}$", line):
            bodies.append(body)
        else:
            body.append(line)
    return bodies


def widest_loop(strip: Strip) -> list[str]:
    """The loop of the widest tile: in each tap it has a multiply-add for each register of its sums."""
    itemsize = np.dtype(strip.dtype).itemsize
    tiles = tile_shapes(itemsize, strip.registers)
    vectors = max(1, LANES * itemsize // strip.registers.size) * tiles.sums * tiles.unrolled
    if strip.multiply_add not in strip.assembly:
        pytest.skip("this CPU has no fma: the sums call a function")
    bodies = {sum(strip.multiply_add in line for line in body): body for body in loops(strip)}
    assert vectors in bodies, sorted(bodies)
    return bodies[vectors]


def test_the_inner_loop_is_all_multiply_adds_and_touches_no_stack(strip: Strip) -> None:
    assert not [line for line in widest_loop(strip) if re.search(strip.stack, line)]


def test_spilled_registers_lie_on_cache_lines(strip: Strip) -> None:
    assert re.search(strip.frame, strip.assembly)


@pytest.mark.parametrize("strip", [("arm", dtype) for dtype in DTYPES], ids="-".join, indirect=True)
def test_an_input_is_taken_out_of_its_lane_and_never_copied(strip: Strip) -> None:
    """NEON multiplies by one lane of a register, so that inputs need no instruction each to spread them."""
    loop = widest_loop(strip)
    by_lane = [line for line in loop if re.search(r"fmla\s.*\[\d\]$", line)]
    assert len(by_lane) >= sum("fmla" in line for line in loop) // 2
    copies: list[Any] = [line for line in loop if re.match(r"\s+(dup|mov|ins)\s+v", line)]
    assert not copies
