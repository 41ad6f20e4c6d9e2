"""What CPU this is: its name, its generation, its clock, and how many vector multiply-adds it starts in a cycle."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from refnet.bench import measure_peak
from refnet.kernels.machine import registers

# A virtual machine may hide name and model, but programs must know what they can run: newest first.
INTEL = {
    "amx_fp16": "Granite Rapids or later",
    "amx_tile": "Sapphire or Emerald Rapids",
    "avx512_bf16": "Cooper Lake",
    "avx512_vbmi2": "Ice Lake or its kin",
    "avx512_vnni": "Cascade Lake",
    "avx512f": "Skylake-X",
    "avx_vnni": "Alder Lake or later, without AVX-512",
    "avx2": "Haswell to Comet Lake",
}
AMD = {
    ("26", "avx512f"): "Zen 5 or later",
    ("25", "avx512f"): "Zen 4",
    ("25", "avx2"): "Zen 3",
    ("23", "avx2"): "Zen 1 or 2",
}
CYCLES = 6  # of a step of `spin`: three shifts and three exclusive ors, of which each waits for the last
STEPS = 2_000_000


def cpu_name() -> str:
    """What the CPU calls itself, and its generation."""
    found = cpu_info(Path("/proc/cpuinfo"))
    name = found.get("model name") or platform.processor() or platform.machine()
    kind = generation(found)
    return f"{name} ({kind})" if kind else name


def cpu_info(file: Path) -> dict[str, str]:
    """What Linux says of the first core."""
    lines = file.read_text("utf-8").split("\n\n")[0].splitlines() if file.exists() else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def generation(found: Mapping[str, str]) -> str:
    """Name the generation of a CPU by what it can do; empty if that is not known."""
    flags, family = found.get("flags", "").split(), found.get("cpu family")
    match found.get("vendor_id"):
        case "GenuineIntel":
            return next((kind for flag, kind in INTEL.items() if flag in flags), "")
        case "AuthenticAMD":
            return next((kind for (of, flag), kind in AMD.items() if of == family and flag in flags), "")
    return ""


def rates() -> str:
    """Measure one core's clock, and its multiply-adds on registers in a second and in a cycle."""
    spin(np.uint64(1), 1)  # compiles
    clock, peak = 0.0, 0.0
    for _ in range(3):  # of a clock that moves, each the best
        clock = max(clock, *(CYCLES * STEPS / seconds_of_spinning() / 1e9 for _ in range(5)))
        peak = max(peak, measure_peak("float32", 1))
    size = registers().size
    per_cycle = peak / clock / (2 * size // 4)
    return (
        f"one core: {clock:.2f} GHz, {peak:.0f} GFLOP/s of float32 on registers, "
        f"{per_cycle:.1f} multiply-adds of {8 * size} bits a cycle"
    )


def seconds_of_spinning() -> float:
    """Time the steps once."""
    begin = time.perf_counter()
    spin(np.uint64(1), STEPS)
    return time.perf_counter() - begin


@njit
def spin(x: Any, steps: int) -> Any:
    """Take so many steps of a random number's chain, which no compiler can shorten."""
    for _ in range(steps):
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
    return x
