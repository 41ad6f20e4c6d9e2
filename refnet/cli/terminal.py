"""What a person sees: plain text in columns, JSON, and one line on standard error for whatever needs saying."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from refnet.cli.progress import BAR
from refnet.jit import listening

INTERRUPTED = 130  # exit code
MODEL = "name, NAME@PUBLISHER, NAME@synthetic or .h5 file"  # what every command takes for a model

# What libraries tell their developers; nothing that a person at a terminal could mend.
FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning, BytesWarning)


def print_json(value: Any) -> None:
    """Print JSON that any locale can show and any program can read; it has no NaN and no infinity."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_columns(alignment: str, rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text in columns, each aligned by its letter in ``alignment``: ``<`` or ``>``.

    Examples
    --------
    >>> print_columns("<>", [["model", "width"], ["b0", "1.0"]])
    model  width
    b0       1.0
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (f"{cell:{a}{w}}" for cell, a, w in zip(row, alignment, widths, strict=True))
        print("  ".join(cells).rstrip())


def printable(text: str) -> str:
    r"""Return text as one line that cannot steer a terminal.

    Examples
    --------
    >>> print(printable("cat\x1b[31m.png"))
    cat\x1b[31m.png
    """
    line = " ".join(text.splitlines())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def say(text: str) -> None:
    """Print one line on standard error, with the program's name before it."""
    BAR.clear()
    sys.stdout.flush()  # so that results and remarks appear in their order
    print(f"refnet: {printable(text)}", file=sys.stderr)


@contextmanager
def reporting() -> Iterator[None]:
    """For the time of one command, show the package's log and all warnings through ``say``.

    On a terminal, there is a bar while the kernels are compiled.

    A warning is a line here even where Python was told to make it an error, or nothing at all.
    """
    log, handler = logging.getLogger("refnet"), _SayHandler()
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("always")
        for category in FOR_DEVELOPERS:
            warnings.simplefilter("ignore", category)
        warnings.showwarning = _say_warning
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed before Python started
                stack.callback(setattr, sys, name, None)
                setattr(sys, name, stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")))
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.INFO)
        stack.callback(log.removeHandler, handler)
        log.addHandler(handler)
        stack.callback(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = _end_if_interrupted
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stack.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors="backslashreplace")  # where the encoding lacks a letter
        if sys.stderr.isatty():
            stack.callback(BAR.close)
            stack.enter_context(listening(BAR))
        yield


class _SayHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")


def _end_if_interrupted(unraisable: sys.UnraisableHookArgs) -> None:
    """End the process if Python would ignore Ctrl-C, as it must inside LLVM, where the kernels are compiled."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        BAR.close()
        os._exit(INTERRUPTED)
    sys.__unraisablehook__(unraisable)


def discard_output() -> None:
    """Send what is still to be written to nowhere: its reader is gone, or its disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
