"""Where compiled kernels are kept: Numba's cache on disk, read also where it cannot be written.

Numba asks for a directory that it can write, and reads from no other. But a container image is made by one user and
run by another, or on a read-only disk: there the kernels that were put into it are as good as any.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from refnet.errors import RefnetError


class KernelCache:
    """The cache of one function, as its dispatcher wants it: loads compiled code, saves new code.

    Numba's places are taken in Numba's order (``NUMBA_CACHE_DIR``, ``__pycache__`` beside the source, the user's cache
    directory) up to the first that can be written; a ``directory`` takes the place of all. A damaged cache is emptied.
    Whatever goes wrong is no error, only a ``problem``, unless saving is ``required``: then it is one before compiling.
    ``cache_path`` is where the code was loaded from or saved in.
    """

    def __init__(self, function: Any, directory: Path | None = None, *, required: bool = False) -> None:
        self.cache_path: str | None = None
        self.problem = "no directory for it"
        self._required = required
        self._readable: list[FunctionCache] = []
        self._writable: FunctionCache | None = None
        for place in _places(function, directory):
            self._readable.append(place)
            try:
                _check_writable(Path(place.cache_path))
            except OSError as reason:
                self.problem = f"{directory or place.cache_path}: {reason.strerror or reason}"
            else:
                self._writable = place
                break

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the compiled code from the first place that has it, or None."""
        target.refresh()
        for place in self._readable:
            try:
                code = place.load_overload(signature, target)
            except Exception:  # damaged files raise errors of many kinds
                with suppress(Exception):
                    place.flush()
                continue
            if code is not None:
                self.cache_path, self.problem = place.cache_path, ""
                return code
        if self._required and self._writable is None:
            raise RefnetError(f"compiled kernels cannot be kept: {self.problem}; want a directory that can be written")
        return None

    def save_overload(self, signature: Any, code: Any) -> None:
        """Keep newly compiled code for the next process, or note why it cannot be kept."""
        place = self._writable
        if place is None:
            return
        try:
            if not place._impl.check_cachable(code):
                raise RefnetError("Numba cannot keep code of this kind")
            place.save_overload(signature, code)
        except Exception as reason:
            self.problem = (str(reason) or type(reason).__name__).splitlines()[0]
        else:
            self.cache_path, self.problem = place.cache_path, ""


def _places(function: Any, directory: Path | None) -> Iterator[FunctionCache]:
    locators = CompileResultCacheImpl._locator_classes
    before, chosen = numba.config.CACHE_DIR, getattr(numba.config, "CACHE_LOCATOR_CLASSES", "")
    for locator in locators[:1] if directory else locators:  # the first is the one for NUMBA_CACHE_DIR
        try:
            if directory is not None:  # before all that Numba's settings say
                numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES = str(directory), ""
            place = _open(locator, function)
        except RuntimeError:  # not a place for this function
            continue
        finally:
            if directory is not None:
                numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES = before, chosen
        yield place


def _open(locator: type, function: Any) -> FunctionCache:
    """Numba's cache where a locator class says, whether or not it can be written there."""
    unchecked = type(locator.__name__, (locator,), {"ensure_cache_path": lambda self: None})
    implementation = type("Implementation", (CompileResultCacheImpl,), {"_locator_classes": [unchecked]})
    return type("Place", (FunctionCache,), {"_impl_class": implementation})(function)


def _check_writable(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=directory).close()
