"""What signals do to a command: Ctrl-C, SIGTERM and SIGHUP end it as an error would, and nothing half done stays."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from refnet import progress

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has them all
# Those who end a process may send a signal twice, or two at once: clearing up is not to be interrupted by that.
_CLEARING = 5.0  # seconds
_RETRY = 0.02  # seconds
_TRIES = 100


class Ended(KeyboardInterrupt):
    """A signal has come; ``code`` is the exit code that says which."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise ``Ended`` where a signal comes, for the time of one command.

    Only the main thread of a process hears of signals. Those that are ignored, or that a program has a use for, stay as
    they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) in usual}
    ending = _Ending()
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = ending.again
        for number in before:
            signal.signal(number, ending.begin)
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


class _Ending:
    """What has come so far."""

    def __init__(self) -> None:
        self._quiet_until = 0.0
        self._tries = 0

    def begin(self, number: int, frame: FrameType | None) -> None:
        """End what the main thread is doing."""
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _CLEARING
            raise Ended(number)

    def again(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Send a signal once more that Python had to ignore, as inside LLVM, where the kernels are compiled."""
        if not isinstance(unraisable.exc_value, Ended):
            sys.__unraisablehook__(unraisable)
            return
        code = unraisable.exc_value.code
        self._tries += 1
        if self._tries > _TRIES:
            progress.close()
            os._exit(code)
        self._quiet_until = 0.0
        timer = threading.Timer(_RETRY, signal.raise_signal, [code - 128])
        timer.daemon = True
        timer.start()
