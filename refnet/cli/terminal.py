"""What a person sees: plain text in columns, JSON, and one line on standard error for whatever needs saying."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import shutil
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from refnet import progress

GAP = 2  # cells between two columns
NARROW = 12  # cells to which a column of text may be folded
STYLES = {"error": "bold red", "warning": "yellow"}
MODEL = "name, NAME@PUBLISHER, NAME@synthetic or a file: .h5, .pth, .keras, …"  # what every command takes for a model

# What libraries tell their developers; nothing that a person at a terminal could mend.
FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning, BytesWarning)
PILLOW = r"PIL\."  # a line for each entry of a picture's EXIF that is odd, of which there may be 65,535


def print_json(value: Any) -> None:
    """Print JSON that any locale can show and any program can read; it has no NaN and no infinity."""
    print(json.dumps(value, indent=2, allow_nan=False))


class Lines:
    """Lines of a result, each printed as it comes, above a bar if there is one.

    A bar is drawn anew for whatever is printed above it: on a terminal, lines that come fast are printed a few at a
    time, and ``flush`` prints those that wait.
    """

    _MOMENT = 0.1  # seconds

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._printed = -math.inf

    def print(self, line: str) -> None:
        """Print a line, now or with the next one."""
        self._waiting.append(line)
        if not sys.stdout.isatty() or time.monotonic() - self._printed > self._MOMENT:
            self.flush()

    def flush(self) -> None:
        """Print the lines that wait."""
        if self._waiting:
            progress.print_line("\n".join(self._waiting), sys.stdout)
            self._waiting.clear()
            self._printed = time.monotonic()


def fitted(text: str, cells: int, *, cut: bool = True) -> str:
    """Fill text up, so that it takes so many cells; and cut what is longer.

    Examples
    --------
    >>> fitted("tabby", 8), fitted("Egyptian cat", 8)
    ('tabby   ', 'Egyptia…')
    """
    shown = printable(text)
    if cut and _cells(shown) > cells:
        while _cells(shown) > cells - 1:
            shown = shown[:-1]
        shown += "…"
    return shown + " " * (cells - _cells(shown))


def print_columns(alignment: str, rows: Sequence[Sequence[str]], *, header: bool = False, key: int = 1) -> None:
    """Print rows of text in columns, each aligned by its letter in ``alignment``: ``<`` or ``>``.

    On a terminal, the columns keep to its width: long texts are folded, numbers never, and columns for which there is
    no room follow below, behind the first ``key`` columns again, which say whose row it is. With ``header``, the first
    row stands out.

    Examples
    --------
    >>> print_columns("<>", [["model", "width"], ["b0", "1.0"]])
    model  width
    b0       1.0
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(_cells, column)) for column in zip(*shown, strict=True)]
    if sys.stdout.isatty():
        _print_fitting(alignment, shown, widths, header=header, key=key)
        return
    for row in shown:
        gaps = [" " * (width - _cells(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = (gap + cell if a == ">" else cell + gap for cell, gap, a in zip(row, gaps, alignment, strict=True))
        print((" " * GAP).join(cells).rstrip())


def print_sentence(text: str) -> None:
    """Print one line; on a terminal, where it is too narrow, as few as hold it, broken between words."""
    line = printable(text)
    if sys.stdout.isatty():
        width = max(NARROW, shutil.get_terminal_size().columns)
        line = textwrap.fill(line, width, subsequent_indent=" " * GAP, break_on_hyphens=False)
    print(line)


def _cells(text: str) -> int:
    """How wide a text is: letters of East Asia take two cells."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _print_fitting(alignment: str, rows: list[list[str]], widths: list[int], *, header: bool, key: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width, height = shutil.get_terminal_size()  # on TERM=dumb, a console would take every terminal for 80 wide
    console = Console(file=sys.stdout, force_terminal=True, highlight=False, width=width, height=height)
    least = [cells if a == ">" else min(cells, NARROW) for a, cells in zip(alignment, widths, strict=True)]
    for number, block in enumerate(_blocks(least, width, key)):
        if number:
            console.line()
        table = Table.grid(padding=(0, GAP, 0, 0))
        for column in block:
            numeric = alignment[column] == ">"
            table.add_column(justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
        for place, row in enumerate(rows):
            table.add_row(*(Text(row[column]) for column in block), style="bold" if header and place == 0 else "")
        for line in console.render_lines(table, pad=False):
            text = Text.assemble(*((part.text, part.style or "") for part in line))
            text.rstrip()  # a table fills its last column up
            console.print(text, soft_wrap=True)


def _blocks(least: Sequence[int], room: int, key: int = 1) -> list[list[int]]:
    """Share columns out among as few tables as have room for them, each with the first ``key`` columns.

    Examples
    --------
    >>> _blocks([5, 10, 10, 10], room=30)
    [[0, 1, 2], [0, 3]]
    """
    first = list(range(key))
    taken = sum(least[:key]) + GAP * (key - 1)
    blocks, used = [[*first]], taken
    for column in range(key, len(least)):
        if used + GAP + least[column] > room and len(blocks[-1]) > key:
            blocks.append([*first])
            used = taken
        blocks[-1].append(column)
        used += GAP + least[column]
    return blocks


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
    """Print one line on standard error, with the program's name before it, if anybody can still hear it."""
    sys.stdout.flush()  # so that results and remarks appear in their order
    try:
        progress.print_line(f"refnet: {printable(text)}", sys.stderr, STYLES.get(text.partition(":")[0], ""))
    except OSError:
        discard(sys.stderr)


@contextmanager
def reporting() -> Iterator[None]:
    """For the time of one command, show the package's log and all warnings through ``say``.

    A warning is a line here even where Python was told to make it an error, or nothing at all.
    """
    log, handler = logging.getLogger("refnet"), _SayHandler()
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("always")
        for category in FOR_DEVELOPERS:
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", module=PILLOW)
        warnings.showwarning = _say_warning
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed before Python started
                stack.callback(setattr, sys, name, None)
                setattr(sys, name, stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")))
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.INFO)
        stack.callback(log.removeHandler, handler)
        log.addHandler(handler)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stack.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors="backslashreplace")  # where the encoding lacks a letter
        stack.callback(progress.close)
        yield


class _SayHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")


def discard(stream: TextIO) -> None:
    """Send what is still to be written to nowhere: its reader is gone, or its disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
