"""The floating-point mode of a thread, for what NumPy and libraries compute: as a process begins with it.

It rounds to nearest even and keeps subnormal numbers. A caller may have set another, and what is computed in that must
not get into a result, nor into a table that later results share. Compiled kernels see to it themselves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CDLL, c_void_p, create_string_buffer
from functools import cache
from typing import Any

_SIZE = 64  # bytes, more than any C library's fenv_t
_DEFAULT = c_void_p(-1)  # FE_DFL_ENV, in glibc and in musl, of these CPUs:
_CPUS = ("x86_64", "aarch64")


@contextmanager
def default_mode() -> Iterator[None]:
    """Switch this thread to the default mode, and back; as ``with default_mode():`` or before a function.

    Linux only: on other systems nothing is done.
    """
    library = _library()
    if library is None:
        yield
        return
    before = create_string_buffer(_SIZE)
    library.fegetenv(before)
    library.fesetenv(_DEFAULT)
    try:
        yield
    finally:
        library.fesetenv(before)


@cache
def _library() -> Any:
    """The C library that knows modes, or None."""
    if sys.platform != "linux" or os.uname().machine not in _CPUS:
        return None
    for name in (None, "libm.so.6"):  # this program's own, or beside it
        try:
            library = CDLL(name)
            if library.fegetenv and library.fesetenv:
                return library
        except (OSError, AttributeError):
            continue
    return None
