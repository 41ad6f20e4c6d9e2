"""Compiling the kernels: once per CPU and dtype, then from Numba's cache on disk.

Only the interpreter is cached, with everything it calls inside. Numba would ask only whether run.py has changed; the
digest of all sources, a constant inside the function, makes the cache notice a change anywhere.
"""

from __future__ import annotations

import dis
import hashlib
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from refnet.kernels import rows, run
from refnet.kernels.cache import KernelCache
from refnet.kernels.machine import tile_shapes

_log = logging.getLogger("refnet")
_interpreters: dict[str, Any] = {}


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept; each process compiles again."""


class _Kernels(NamedTuple):
    """The interpreter, compiled; how long that took, if it was not in the cache; where it is kept, or why not."""

    function: Any
    seconds: float | None
    directory: Path | None
    problem: str


def interpreter(dtype: np.dtype[Any]) -> Any:
    """Return ``run_rows`` compiled for float32 or float64 arrays."""
    if dtype.name not in _interpreters:
        with COMPILER_LOCK:
            if dtype.name not in _interpreters:
                loaded = _load_or_compile(dtype, None, required=False)
                if loaded.problem:
                    warnings.warn(
                        f"compiled kernels could not be cached ({loaded.problem}); each process compiles them again. "
                        "Set NUMBA_CACHE_DIR to a directory that can be written",
                        CacheWarning,
                        stacklevel=2,
                    )
                _interpreters[dtype.name] = loaded.function
    return _interpreters[dtype.name]


def prepare(dtype: np.dtype[Any], directory: Path | None = None) -> tuple[float | None, Path]:
    """Make sure that the kernels are on disk, in ``directory`` or where Numba would look.

    Return how many seconds compiling took, None if they were there already, and where they are.
    """
    with COMPILER_LOCK:
        loaded = _load_or_compile(dtype, directory, required=True)
        if loaded.directory is None:
            raise RefnetError(f"compiled kernels cannot be kept: {loaded.problem}")
        _interpreters.setdefault(dtype.name, loaded.function)
    return loaded.seconds, loaded.directory


def _load_or_compile(dtype: np.dtype[Any], directory: Path | None, *, required: bool) -> _Kernels:
    if numba.config.DISABLE_JIT:
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; refnet cannot run without it")
    numbers = np.empty(0, dtype)
    constants = run.Constants(tile_shapes(dtype.itemsize), 0, 0, 0)
    arguments = (np.empty(0, rows.ROW), 0, 0, numbers, numbers, constants, np.empty((0, 1), np.int64))
    signature = tuple(numba.typeof(argument) for argument in arguments)
    function = run.make_run_rows(_SOURCES)
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    cache = compiled._cache = KernelCache(function, directory, required=required)
    with _announcing(dtype, compiled) as listener:
        compiled.compile(signature)
    directory = Path(cache.cache_path) if cache.cache_path else None
    return _Kernels(compiled, listener.seconds, directory, cache.problem)


def key_modules() -> list[str]:
    """Name the modules whose code is inside the compiled kernels: all of this room, and what ``run`` leads to."""
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
    """Hears from Numba when the interpreter begins and ends to be compiled, with all that it calls."""

    def __init__(self, dtype: str, interpreter: Any) -> None:
        self.seconds: float | None = None
        self._dtype = dtype
        self._interpreter = interpreter
        self._start = 0.0
        self._shown = ExitStack()

    def on_start(self, happened: Any) -> None:
        if happened.data["dispatcher"] is self._interpreter:
            self._start = time.perf_counter()
            _log.info("compiling the %s kernels for this CPU, once, about 10 s", self._dtype)
            self._shown.enter_context(progress.task(f"compiling the {self._dtype} kernels", total=None))

    def on_end(self, happened: Any) -> None:
        if happened.data["dispatcher"] is self._interpreter:
            self.seconds = time.perf_counter() - self._start
            self._shown.close()


@contextmanager
def _announcing(dtype: np.dtype[Any], interpreter: Any) -> Iterator[_Listener]:
    """Say that kernels are being compiled, if they are."""
    listener = _Listener(dtype.name, interpreter)
    with event.install_listener("numba:compile", listener):
        yield listener
