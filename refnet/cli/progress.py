"""Bars on the terminal: while the kernels are compiled, and while a long run goes on.

The compiler tells how far it is only between one function and the next. Meanwhile, and in the long last part, the bar
moves on at its average speed so far, but never beyond the part that is under way.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from refnet.jit import Progress

USUAL_SPEED = 0.1  # of the whole in a second, until the compiler has told more
INTERVAL = 0.1  # seconds from one picture of the bar to the next


class CompilationBar:
    """Listens to the compiler; there is a bar on standard error from its first word to its last.

    A thread draws it: the one that compiles may be in the compiler for seconds, or be interrupted at any point.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._drawing = threading.RLock()
        self._bar: Any = None  # of tqdm

    def __call__(self, progress: Progress) -> None:
        """Take note of how far the compiler is."""
        if progress.done >= 1:
            self.close()
            return
        self._progress, self._told = progress, time.monotonic()
        if self._thread is None:
            self._began = self._told
            self._over.clear()
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()

    def clear(self) -> None:
        """Make room for a line of text; the bar comes back below it."""
        with self._drawing, suppress(OSError):  # the terminal may be gone
            if self._bar is not None:
                self._bar.clear()

    def close(self) -> None:
        """Wipe the bar away, if there is one."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _draw(self) -> None:
        from tqdm import tqdm

        kind = type("Bar", (tqdm,), {"monitor_interval": 0})  # no thread that watches over it
        layout = "{percentage:3.0f}% |{bar}| {elapsed}"
        with suppress(OSError):
            self._bar = bar = kind(total=1, bar_format=layout, leave=False, file=sys.stderr, dynamic_ncols=True)
            while not self._over.wait(INTERVAL):
                with self._drawing:
                    bar.n = self._estimate()
                    bar.refresh()
            with self._drawing:
                self._bar = None
                bar.close()

    def _estimate(self) -> float:
        done, until = self._progress.done, self._progress.until
        speed = done / (self._told - self._began) if done else USUAL_SPEED
        return min(done + speed * (time.monotonic() - self._told), until, 0.99)


BAR = CompilationBar()


@contextmanager
def fraction_bar() -> Iterator[Callable[[float], None]]:
    """Show on a terminal how much of a run is done, until it is."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from tqdm import tqdm

    kind = type("Bar", (tqdm,), {"monitor_interval": 0})  # no thread that watches over it
    layout = "{percentage:3.0f}% |{bar}| {elapsed}"
    with kind(total=1, bar_format=layout, leave=False, file=sys.stderr, dynamic_ncols=True, delay=0.5) as bar:

        def show(done: float) -> None:
            bar.update(done - bar.n)

        yield show
