"""Whatever takes long, shown on a terminal: its name, how much of it is done, and the time that is left.

There is one display for the process, below all rooms: kernels may have to be compiled in the middle of a comparison.
It is on standard error, leaves nothing behind, and is not there where standard error is no terminal.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TextIO

Update = Callable[..., None]

_display: Any = None  # of rich, while there is a task
_LOCK = threading.RLock()  # of what begins and ends it


@contextmanager
def task(name: str, total: float | None = 1, unit: str = "%") -> Iterator[Update]:
    """Show a task until it ends.

    Parameters
    ----------
    name
        What is being done.
    total
        How much there is to do; None if nobody knows.
    unit
        Of ``total``: ``%`` for a share of one, ``bytes``, or what is counted, in the plural, or nothing if the name
        says it.

    Returns
    -------
    context
        Of a function that is told what has changed: ``advance`` by how much more is done, ``completed`` how much is
        done, ``description`` what is being done now, ``refresh`` whether that is shown at once.

    Examples
    --------
    >>> with task("reading", total=2, unit="files") as update:
    ...     for name in ("a", "b"):
    ...         update(advance=1, description=f"reading {name}")
    """
    global _display  # noqa: PLW0603
    with _LOCK:
        display = _display = _display or _make_display()
        if display is not None:
            with suppress(OSError):  # the terminal may be gone
                display.start()
            number = display.add_task(name, total=total, unit=unit)
    if display is None:
        yield lambda **changes: None
        return
    try:
        yield partial(display.update, number)
    finally:
        with _LOCK:
            display.remove_task(number)
            if not display.tasks:
                _end(display)


def close() -> None:
    """Take the display away, if there is one."""
    with _LOCK:
        if _display is not None:
            _end(_display)


def _end(display: Any) -> None:
    global _display  # noqa: PLW0603
    if _display is display:
        _display = None
    with suppress(OSError):
        display.stop()


def print_line(line: str, file: TextIO, style: str = "") -> None:
    """Print a line of text, above the display if that is on the same terminal; only there it has a style."""
    if file.isatty() and (style or _display is not None):
        from rich.text import Text

        console = _display.console if _display is not None else _terminal(file)
        console.print(Text(line, style), soft_wrap=True)
    else:
        print(line, file=file, flush=True)


def _terminal(file: TextIO) -> Any:
    from rich.console import Console

    return Console(file=file, force_terminal=True, highlight=False)


def _make_display() -> Any:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.text import Text

    class Done(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_done(task))

    console = _terminal(sys.stderr)
    if not console.is_interactive:  # TERM=dumb
        return None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(20 if console.width >= 80 else 10),
        Done(),
    )
    # What others print is theirs: standard output may lead into a file.
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def _done(task: Any) -> str:
    """How much of a task is done, and how long the rest takes: ``3/16 steps, 12 s left``."""
    from rich.filesize import decimal

    if task.total is None:
        counted = f"{task.completed:.0f} {task.fields['unit']}".rstrip() + ", " if task.completed else ""
        return f"{counted}{task.elapsed or 0:.0f} s"
    done = {
        "%": f"{task.percentage:.0f}%",
        "bytes": f"{decimal(int(task.completed))} of {decimal(int(task.total))}",
    }.get(task.fields["unit"], f"{task.completed:.0f} of {task.total:.0f} {task.fields['unit']}".rstrip())
    return done if task.time_remaining is None else f"{done}, {task.time_remaining:.0f} s left"


def _after_fork_in_child() -> None:
    """The child has neither the thread that draws nor the one that may have held the lock."""
    global _display, _LOCK
    _display, _LOCK = None, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
