"""Compiling the kernels: once per CPU, then from Numba's cache on disk.

They are units of compiled code: the interpreter for each dtype, and what prepares pictures. Only a unit's own function
is cached, with everything it calls inside. Numba would ask only whether its file has changed; the digest of all
sources, a constant inside the function, makes the cache notice a change anywhere.
"""

from __future__ import annotations

import dis
import hashlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import event

from refnet import kernels, progress
from refnet.compiler_lock import COMPILER_LOCK
from refnet.errors import RefnetError
from refnet.kernels import picture_rows, rows, run
from refnet.kernels.cache import KernelCache
from refnet.kernels.machine import tile_shapes

_log = logging.getLogger("refnet")
_loaded: dict[str, Any] = {}


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept; each process compiles again."""


class _Unit(NamedTuple):
    """A function to be compiled and kept: what people read when it is, and arguments of its types."""

    name: str
    make: Callable[[str], Any]  # from the digest of the sources
    arguments: Callable[[], tuple[Any, ...]]
    seconds: int  # that compiling takes, about


class _Kernels(NamedTuple):
    """A unit, compiled; how long that took, if it was not in the cache; where it is kept, or why not."""

    function: Any
    seconds: float | None
    directory: Path | None
    problem: str


def interpreter(dtype: np.dtype[Any]) -> Any:
    """Return ``run_rows`` compiled for float32 or float64 arrays."""
    return _function(_interpreter_unit(dtype))


def picture_preparer() -> Any:
    """Return ``prepare_rows`` compiled."""
    return _function(_PICTURES)


def prepare(dtype: np.dtype[Any], directory: Path | None = None) -> tuple[float | None, Path]:
    """Make sure that the kernels are on disk, in ``directory`` or where Numba would look.

    Return how many seconds compiling took, None if they were there already, and where they are.
    """
    with COMPILER_LOCK:
        kept = [_keep(unit, directory) for unit in (_PICTURES, _interpreter_unit(dtype))]
    seconds = [compiling for compiling, _ in kept if compiling is not None]
    return sum(seconds) if seconds else None, kept[-1][1]


def _keep(unit: _Unit, directory: Path | None) -> tuple[float | None, Path]:
    loaded = _load_or_compile(unit, directory, required=True)
    if loaded.directory is None:
        raise RefnetError(f"compiled kernels cannot be kept: {loaded.problem}")
    _loaded.setdefault(unit.name, loaded.function)
    return loaded.seconds, loaded.directory


def _function(unit: _Unit) -> Any:
    if unit.name not in _loaded:
        with COMPILER_LOCK:
            if unit.name not in _loaded:
                loaded = _load_or_compile(unit, None, required=False)
                if loaded.problem:
                    warnings.warn(
                        f"compiled kernels could not be cached ({loaded.problem}); each process compiles them again. "
                        "Set NUMBA_CACHE_DIR to a directory that can be written",
                        CacheWarning,
                        stacklevel=3,
                    )
                _loaded[unit.name] = loaded.function
    return _loaded[unit.name]


def _load_or_compile(unit: _Unit, directory: Path | None, *, required: bool) -> _Kernels:
    if numba.config.DISABLE_JIT:
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; refnet cannot run without it")
    function = unit.make(_SOURCES)
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    cache = compiled._cache = KernelCache(function, directory, required=required)
    with _announcing(unit, compiled) as listener:
        compiled.compile(tuple(numba.typeof(argument) for argument in unit.arguments()))
    directory = Path(cache.cache_path) if cache.cache_path else None
    return _Kernels(compiled, listener.seconds, directory, cache.problem)


def _interpreter_unit(dtype: np.dtype[Any]) -> _Unit:
    return _Unit(f"{dtype.name} kernels", run.make_run_rows, partial(_interpreter_arguments, dtype), seconds=10)


def _interpreter_arguments(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    numbers = np.empty(0, dtype)
    constants = run.Constants(tile_shapes(dtype.itemsize), 0, 0, 0)
    return (np.empty(0, rows.ROW), 0, 0, numbers, numbers, constants, np.empty((0, 1), np.int64))


def _pictures_arguments() -> tuple[Any, ...]:
    pixels, whole, bits, floats = (np.empty(0, dtype) for dtype in (np.uint8, np.int64, np.int32, np.float32))
    source = np.empty(0, np.uint8)
    source.flags.writeable = False
    return (0, source, 0, 0, whole, bits, whole, bits, whole, floats, floats, pixels, floats, 0, 0, 0)


_PICTURES = _Unit("kernels that prepare pictures", picture_rows.make_prepare_rows, _pictures_arguments, seconds=3)


def key_modules() -> list[str]:
    """Name the modules whose code is inside the compiled kernels: all of this room, and what it leads to."""
    room = {found.name for found in walk_packages(kernels.__path__, f"{kernels.__name__}.")}
    reached: set[str] = set()
    new = {run.__name__}
    while new:
        reached |= new
        new = {other for name in new for other in _imports(_loader(name).get_code(name)) if _is_ours(other)} - reached
    return sorted({kernels.__name__} | room | reached)


def _imports(code: CodeType) -> Iterator[str]:
    """What the code of a module imports, in its functions too: modules, and names that may be modules."""
    module = ""
    ours = any(name.startswith("refnet") for name in code.co_names)  # which is found out faster
    for instruction in dis.get_instructions(code) if ours else ():
        if instruction.opname == "IMPORT_NAME":
            module = instruction.argval
            yield module
        elif instruction.opname == "IMPORT_FROM":
            yield f"{module}.{instruction.argval}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


def _is_ours(name: str) -> bool:
    """Whether this is a module of refnet, and neither a package nor a name inside a module."""
    try:
        spec = find_spec(name) if name.startswith("refnet.") else None
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.submodule_search_locations is None


def _loader(name: str) -> Any:
    """What reads a module, from a folder or an archive."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is not None and hasattr(spec.loader, "get_data") and hasattr(spec.loader, "get_code"):
        return spec.loader
    if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
        return SourceFileLoader(name, spec.origin)  # somebody's hook stands before it
    raise RefnetError(
        f"{name} has no file, so nothing tells when compiled kernels are out of date; install refnet again"
    )


def digest_of_sources() -> str:
    """One name for all that the kernels are compiled from; a missing module is an error, or stale ones would load."""
    digest = hashlib.sha256()
    for name in key_modules():
        loader = _loader(name)
        # Python that is compiled already, where an installation holds nothing else.
        digest.update(name.encode() + b"\0" + loader.get_data(loader.get_filename(name)))
    return digest.hexdigest()


# Of the code that is in memory: files that change later are another process's affair.
_SOURCES = digest_of_sources()


class _Listener(event.Listener):
    """Hears from Numba when a unit begins and ends to be compiled, with all that it calls."""

    def __init__(self, unit: _Unit, function: Any) -> None:
        self.seconds: float | None = None
        self._unit = unit
        self._function = function
        self._start = 0.0
        self._shown = ExitStack()

    def on_start(self, happened: Any) -> None:
        if happened.data["dispatcher"] is self._function:
            self._start = time.perf_counter()
            _log.info("compiling the %s for this CPU, once, about %d s", self._unit.name, self._unit.seconds)
            self._shown.enter_context(progress.task(f"compiling the {self._unit.name}", total=None))

    def on_end(self, happened: Any) -> None:
        if happened.data["dispatcher"] is self._function:
            self.seconds = time.perf_counter() - self._start
            self._shown.close()


@contextmanager
def _announcing(unit: _Unit, function: Any) -> Iterator[_Listener]:
    """Say that kernels are being compiled, if they are."""
    listener = _Listener(unit, function)
    with event.install_listener("numba:compile", listener):
        yield listener
