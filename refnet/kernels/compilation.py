"""Compiling the kernels: once per CPU and dtype, then from Numba's cache on disk.

Only the interpreter is cached, with everything it calls inside. Numba would ask only whether run.py has changed; the
digest of all sources, a constant inside the function, makes the cache notice a change anywhere.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import event

from refnet.kernels import rows, run

_log = logging.getLogger("refnet")
_lock = threading.Lock()


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept; each process compiles again."""


def interpreter(dtype: np.dtype[Any]) -> Any:
    """Return ``run_rows`` compiled for float32 or float64 arrays."""
    with _lock:
        return _interpreter(dtype)


@cache
def _interpreter(dtype: np.dtype[Any]) -> Any:
    numbers = np.empty(0, dtype)
    integers = np.empty(0, np.int64)
    arguments = (np.empty(0, rows.ROW), 0, 0, numbers, numbers, integers, integers.reshape(0, 1))
    signature = tuple(numba.typeof(argument) for argument in arguments)
    function = run.make_run_rows(_digest_of_sources())
    with _announcing(dtype):
        try:
            compiled = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
            compiled.compile(signature)
        except Exception as reason:  # no place for a cache, a full disk, a damaged cache: all end the same way
            compiled = numba.njit(nogil=True, error_model="numpy")(function)
            compiled.compile(signature)
            warnings.warn(
                f"compiled kernels could not be cached ({str(reason).splitlines()[0]}); each process compiles them "
                "again. Set NUMBA_CACHE_DIR to a directory that can be written",
                CacheWarning,
                stacklevel=2,
            )
    return compiled


def _digest_of_sources() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*here.glob("*.py"), here.parent / "numerics.py", here.parent / "scalar.py"]):
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
