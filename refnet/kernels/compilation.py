"""Compiled functions: object code from the cache, or compiled once per CPU and kept.

A process that finds the object code never imports Numba.
"""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnet import progress
from refnet.compiler_lock import COMPILER_LOCK
from refnet.errors import RefnetError
from refnet.float_mode import default_mode
from refnet.kernels import settings
from refnet.kernels.cache import KernelCache
from refnet.kernels.machine import target
from refnet.kernels.object_code import Function, load
from refnet.kernels.sources import digest_of_sources

_log = logging.getLogger("refnet")
_functions: dict[Unit, Function] = {}


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept; each process compiles again."""


class Unit(NamedTuple):
    """What is compiled as a whole: a function of numbers and addresses that needs no Python when it runs.

    ``module`` has a function ``make(dtype)`` that returns the function and its signature for Numba; it is imported only
    if there is something to compile. ``self_test`` has a function ``is_right(function, dtype)``, which runs it on a few
    tiles: its module stands above this room, and knows what the function is for.
    """

    module: str
    self_test: str
    dtype: str
    arguments: tuple[Any, ...]  # as ctypes has them
    title: str  # what people read when it is compiled: ``float32 kernels``
    seconds: int  # that this takes, about

    @property
    def name(self) -> str:
        """Such as ``run-float32``."""
        return f"{self.module.rpartition('.')[2]}-{self.dtype}"


class _Loaded(NamedTuple):
    """A function; how long compiling it took, if it was not in the cache; where it is kept, or why not."""

    function: Function
    seconds: float | None
    place: Path | None
    problem: str


def function_of(unit: Unit) -> Function:
    """Return the compiled function of a unit: loaded or compiled once in a process."""
    if unit not in _functions:
        with COMPILER_LOCK:
            if unit not in _functions:
                loaded = _load_or_compile(unit, None, required=False)
                if loaded.problem:
                    warnings.warn(
                        f"compiled kernels could not be cached ({loaded.problem}); each process compiles them again. "
                        "Set NUMBA_CACHE_DIR to a directory that can be written",
                        CacheWarning,
                        stacklevel=2,
                    )
                _functions[unit] = loaded.function
    return _functions[unit]


def keep_on_disk(unit: Unit, directory: Path | None = None) -> tuple[float | None, Path]:
    """Make sure that the code of a unit is on disk, in ``directory`` or where it is looked for.

    Return how many seconds compiling took, None if it was there already, and where it is.
    """
    with COMPILER_LOCK:
        loaded = _load_or_compile(unit, directory, required=True)
    if loaded.place is None:
        raise RefnetError(f"compiled kernels cannot be kept: {loaded.problem}")
    _functions.setdefault(unit, loaded.function)
    return loaded.seconds, loaded.place


@default_mode()  # LLVM computes with constants too, and Python rounds those of a module that it imports
def _load_or_compile(unit: Unit, directory: Path | None, *, required: bool) -> _Loaded:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; refnet cannot run without it")
    kept = KernelCache(_key(unit), directory, required=required)
    seconds = None
    while (compiled := kept.load()) is not None:
        function = load(compiled, unit.arguments)
        if _is_right(unit, function):
            break
        kept.discard()
    else:
        with _announcing(unit) as begin:
            compiled = _compiler().compile_function(*import_module(unit.module).make(np.dtype(unit.dtype)))
            seconds = time.perf_counter() - begin
        function = load(compiled, unit.arguments)
        if not _is_right(unit, function):
            raise RefnetError(
                f"the {unit.title} compute wrong numbers on this CPU ({target().cpu}), for which they were compiled: "
                "the CPU, or what a virtual machine says of it, or LLVM is at fault; please report this. "
                "NUMBA_CPU_NAME=generic may help"
            )
        differs = _why_not_kept()
        if differs:
            kept.problem = differs
        else:
            kept.save(compiled)
    return _Loaded(function, seconds, kept.place, kept.problem)


def _is_right(unit: Unit, function: Function) -> bool:
    right: bool = import_module(unit.self_test).is_right(function, np.dtype(unit.dtype))
    return right


def _compiler() -> Any:
    """Import the compiler; Numba looks at its settings then, and refuses some."""
    try:
        return import_module("refnet.kernels.compiler")
    except (ValueError, TypeError, KeyError) as error:
        raise RefnetError(
            f"Numba, which compiles the kernels, refuses its settings: {error}; see the environment variables NUMBA_… "
            "and .numba_config.yaml in the working directory"
        ) from error


def _why_not_kept() -> str:
    """Say why what was just compiled is not what the key says, if so."""
    if digest_of_sources() != _SOURCES:  # neither all old nor all new
        return "refnet's source has changed since this process began"
    others = settings.from_elsewhere()
    if others:
        return (
            f"Numba's settings are not those of the environment, by .numba_config.yaml or by code: {', '.join(others)}"
        )
    return ""


# Of the code that is in memory: files that change later are another process's affair.
_SOURCES = digest_of_sources()


def _key(unit: Unit) -> dict[str, str]:
    """All that decides what object code a unit becomes."""
    from llvmlite import __version__ as llvmlite_version

    return {
        "name": unit.name,
        "sources": _SOURCES,
        "numba": _numba_version(),
        "llvmlite": llvmlite_version,
        **target()._asdict(),
        **settings.of_environment(),
    }


def _numba_version() -> str:
    """Numba's version, without importing it."""
    spec = find_spec("numba")
    for place in (spec and spec.submodule_search_locations) or ():
        file = Path(place) / "_version.py"
        found = re.search(r'"version": "([^"]+)"', file.read_text("utf-8")) if file.is_file() else None
        if found:
            return found[1]
    from importlib.metadata import version

    return version("numba")


@contextmanager
def _announcing(unit: Unit) -> Iterator[float]:
    """Say that kernels are being compiled."""
    _log.warning("compiling the %s for this CPU, once, about %d s", unit.title, unit.seconds)
    with progress.task(f"compiling the {unit.title}", total=None):
        yield time.perf_counter()
