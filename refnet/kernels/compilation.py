"""Compiling the kernels: once per CPU and dtype, then from Numba's cache on disk.

Only the interpreter is cached, with everything it calls inside. Numba would ask only whether run.py has changed; the
digest of all sources, a constant inside the function, makes the cache notice a change anywhere.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import event

from refnet.compiling import LOCK
from refnet.errors import RefnetError
from refnet.kernels import rows, run

_log = logging.getLogger("refnet")
_interpreters: dict[str, Any] = {}


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept; each process compiles again."""


def interpreter(dtype: np.dtype[Any]) -> Any:
    """Return ``run_rows`` compiled for float32 or float64 arrays.

    Raises
    ------
    RefnetError
        If Numba's compiler is switched off.
    """
    if dtype.name not in _interpreters:
        with LOCK:
            if dtype.name not in _interpreters:
                _interpreters[dtype.name], problem = _load_or_compile(dtype)
                if problem:
                    warnings.warn(
                        f"compiled kernels could not be cached ({problem}); each process compiles them again. "
                        "Set NUMBA_CACHE_DIR to a directory that can be written",
                        CacheWarning,
                        stacklevel=2,
                    )
    return _interpreters[dtype.name]


def _load_or_compile(dtype: np.dtype[Any]) -> tuple[Any, str]:
    """The compiled function, and why it could not be cached (empty if it was)."""
    if numba.config.DISABLE_JIT:
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; refnet cannot run without it")
    numbers = np.empty(0, dtype)
    integers = np.empty(0, np.int64)
    arguments = (np.empty(0, rows.ROW), 0, 0, numbers, numbers, integers, integers.reshape(0, 1))
    signature = tuple(numba.typeof(argument) for argument in arguments)
    function = run.make_run_rows(_digest_of_sources())
    problem = ""
    with _announcing(dtype):
        # No place for a cache, a full disk or a damaged cache raise errors of many kinds. A damaged one is mended by
        # the second attempt, which begins with an empty index; the third does without.
        for attempt in range(3):
            try:
                compiled = numba.njit(nogil=True, error_model="numpy", cache=attempt < 2)(function)
                if attempt == 1:
                    compiled._cache.flush()
                compiled.compile(signature)
            except Exception as reason:
                if attempt == 2:
                    raise
                problem = str(reason) or type(reason).__name__
            else:
                return compiled, problem.splitlines()[0] if attempt == 2 else ""
    raise AssertionError


def _digest_of_sources() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*here.glob("*.py"), here.parent / "numerics.py", here.parent / "scalar.py"]):
        if path.is_file():  # an installation may hold compiled Python alone
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _announcing(dtype: np.dtype[Any]) -> Iterator[None]:
    """Say that kernels are being compiled, if they are."""

    class Listener(event.Listener):
        said = False

        def on_start(self, _: Any) -> None:
            if not self.said:
                self.said = True
                _log.info("compiling the %s kernels for this CPU; it takes about 10 seconds, once", dtype.name)

        def on_end(self, _: Any) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield
