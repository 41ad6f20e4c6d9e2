"""What an attack may come to: a result, or one clear error with the documented exit code, soon and cheaply."""

from __future__ import annotations

import contextlib
import io
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from attacks.case import FaultError
from refnet.errors import RefnetError

SECONDS_PER_MB = 2.0  # of CPU
SECONDS = 4.0  # of CPU for the smallest file: it may be a picture of as many pixels as are taken
MEMORY = 1 << 30
LONGEST = 5000  # letters of an error
DONE = {0, 1, 2}  # exit codes of the command line where nobody interrupts it

# What no file may bring about; names of Python's own audit events.
_FORBIDDEN = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.", "socket.connect", "pickle.")
_seen: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event.startswith(_FORBIDDEN):
        _seen.append(f"{event}{arguments!r:.200}")


sys.addaudithook(_audit)


class Told(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


@contextmanager
def harmless(size: int) -> Iterator[None]:
    """Read a file of some bytes within its budget; refnet's own errors are for the caller."""
    global _seen  # noqa: PLW0603
    _seen = []
    started = time.process_time()
    try:
        with little_memory(), warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
        events = _seen
    except RefnetError as error:
        check_message(str(error))
        raise
    except FaultError:
        raise
    except MemoryError:
        raise FaultError("cost", f"more than {MEMORY >> 20} MB of memory\n{traceback.format_exc()}") from None
    except Exception:
        raise FaultError("traceback", traceback.format_exc()) from None
    finally:
        events, _seen = _seen, None
        seconds = time.process_time() - started
    if events:
        raise FaultError("wrong", f"a file brought about {events}")
    check_cost(size, seconds)


def check_cost(size: int, seconds: float) -> None:
    """Compare the time of the processor with the budget of a file."""
    if seconds > max(SECONDS, SECONDS_PER_MB * size / 1e6):
        raise FaultError("cost", f"{seconds:.1f} s of CPU for {size} bytes")


def check_message(text: str) -> None:
    """An error is told in one line that a person can read."""
    if not text.strip() or len(text) > LONGEST:
        raise FaultError("wrong", f"an error of {len(text)} letters: {text[:500]!r}")


@contextmanager
def little_memory() -> Iterator[None]:
    """Give this process no more than a gigabyte on top of what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refused_or(read: Callable[[], Any], size: int, check: Callable[[Any], None] = lambda result: None) -> None:
    """Read a damaged file: it is refused, or ``check`` looks at what came of it."""
    try:
        with harmless(size):
            result = read()
    except RefnetError:
        return
    check(result)


def command(arguments: list[str], size: int = 0) -> Told:
    """Run the command line in this process; ``size`` is that of the file that it reads."""
    from refnet import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), harmless(size):
        try:
            code = cli.main(arguments)
        except SystemExit as left:  # --help alone
            code = int(left.code or 0)
    told = Told(code, out.getvalue(), err.getvalue())
    check_told(arguments, told)
    return told


def check_told(arguments: list[str], told: Told, codes: frozenset[int] | set[int] = frozenset(DONE)) -> None:
    """A command ends with a documented exit code, and says why it failed."""
    shown = f"{' '.join(map(str, arguments))}: exit {told.code}\n{told.err[-3000:]}"
    if "Traceback (most recent call last)" in told.err:
        raise FaultError("traceback", shown)
    if told.code not in codes:
        raise FaultError("traceback" if told.code >= 0 else "crash", f"no documented exit code: {shown}")
    if told.code == 2 and not told.err.strip() and "error" not in told.out and "damaged" not in told.out:
        raise FaultError("wrong", f"an error without a word: {shown}\n{told.out[-500:]}")
