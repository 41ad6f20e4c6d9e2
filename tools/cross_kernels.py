"""Compile the kernels for another machine: python tools/cross_kernels.py FOLDER TRIPLE CPU.

They are kept in FOLDER as this machine would keep its own. The other machine finds them there with NUMBA_CACHE_DIR set
to FOLDER, NUMBA_CPU_NAME to CPU and NUMBA_CPU_FEATURES to nothing, if it has the same refnet, Numba and llvmlite. They
come of the same source by the same compiler: only the name of the machine, which Numba asks LLVM for, is another.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding


def compile_for(triple: str, cpu: str) -> None:
    """From now on, and for good, this process compiles for another machine. It cannot run what it compiles."""
    os.environ |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": ""}
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    binding.get_process_triple = lambda: triple


def assembly_of(function: object) -> str:
    """What a compiled function of Numba is in the other machine's assembly."""
    return "\n".join(
        _machine().emit_assembly(binding.parse_assembly(each)) for each in function.inspect_llvm().values()
    )


def _machine() -> Any:
    """What makes assembly, as Numba sets it up for code that runs in its process."""
    import numba

    from refnet.kernels.machine import target

    triple, cpu, features = target()
    relocation = "static" if triple.startswith(("x86_64", "i686")) else "pic" if triple.startswith("ppc") else "default"
    return binding.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=int(numba.config.OPT), reloc=relocation, codemodel="jitdefault", jit=True
    )


def keep(folder: Path) -> None:
    """Compile all units and keep them."""
    from refnet.kernels import compilation
    from refnet.kernels.cache import KernelCache
    from refnet.kernels.compiler import compile_function
    from refnet.kernels.units import INTEGERS, PICTURES, run_unit

    for unit in (run_unit(np.dtype("float32")), run_unit(np.dtype("float64")), PICTURES, INTEGERS):
        cache = KernelCache(compilation._key(unit), folder, required=True)
        if cache.load() is not None:
            continue
        compiled = compile_function(*import_module(unit.module).make(np.dtype(unit.dtype)))
        problem = compilation._why_not_kept()
        if not problem:
            cache.save(compiled)
            problem = cache.problem
        if problem:
            raise SystemExit(f"{unit.title}: {problem}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("triple", help="such as aarch64-unknown-linux-gnu")
    parser.add_argument("cpu", help="as LLVM names it, such as neoverse-n1")
    options = parser.parse_args()
    compile_for(options.triple, options.cpu)
    keep(options.folder)
