"""Memory that the system still has to give, by its own words: one number, for which psutil is not worth depending on.

Linux says what is available, swap included, and control groups what of it a container may take. Windows says what is
free. macOS does not say that to a program in Python: there it is all the memory of the machine, which is at least no
less. Where nothing is known, nothing is refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from refnet.errors import InputError

SMALL = 1 << 26  # bytes that nobody is asked for
LINUX, GROUPS, OWN_GROUPS = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_KIB = 1 << 10
_TAKEN_BACK = ("inactive_file", "active_file", "slab_reclaimable")


def check(needed: int, what: str, instead: str = "want a smaller picture, or fewer at once") -> None:
    """Refuse what needs more memory than there is, before it is begun.

    Examples
    --------
    >>> check(1 << 60, "this")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    refnet.errors.InputError: this needs 1,152,921,505 GB of memory, and ... GB are free here; want a smaller picture...
    """
    if missing := lack(needed):
        raise InputError(f"{what} needs {missing}; {instead}")


def lack(needed: int) -> str:
    """Say how much is needed and free, where that is too little; else nothing.

    Examples
    --------
    >>> lack(1000)
    ''
    """
    if needed <= SMALL:
        return ""
    free = available()
    if free is None or needed <= free:
        return ""
    return f"{_in_words(needed)} of memory, and {_in_words(free)} are free here"


def available() -> int | None:
    """Bytes that this process may still take, None where that is not known."""
    if sys.platform == "win32":
        return _of_windows()
    known = [free for free in (_of_linux(), *_of_groups()) if free is not None]
    if known:
        return max(0, min(known))
    with suppress(OSError, ValueError, AttributeError):
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    return None


def _in_words(count: int) -> str:
    gigabytes = count / 1e9
    return f"{gigabytes:,.0f} GB" if gigabytes >= 100 else f"{gigabytes:.1f} GB"


def _of_linux() -> int | None:
    try:
        lines = (line.split() for line in LINUX.read_text().splitlines())
        stated = {words[0]: int(words[1]) * _KIB for words in lines if len(words) == 3}
        return stated["MemAvailable:"] + stated.get("SwapFree:", 0)
    except (OSError, ValueError, KeyError):
        return None


def _of_groups() -> Iterator[int]:
    """What is left to each control group that this process is in, of either version; files' pages can be taken back.

    Those of files that were read twice count as active, and can be taken back as well.
    """
    for folder in _groups():
        for most, used, start in (
            ("memory.max", "memory.current", ""),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        ):
            with suppress(OSError, ValueError):  # without a limit it says "max"
                left = int((folder / most).read_text()) - int((folder / used).read_text())
                facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                yield left + sum(int(facts.get(start + name, 0)) for name in _TAKEN_BACK)


def _groups() -> Iterator[Path]:
    """The folders of the groups that this process is in, and of all that these are in."""
    with suppress(OSError, ValueError):  # a name may be no text
        for line in OWN_GROUPS.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds in ("", "memory"):
                folder = GROUPS / kinds / path.lstrip("/")
                yield folder
                yield from (above for above in folder.parents if above.is_relative_to(GROUPS / kinds))


def _of_windows() -> int | None:
    """What GlobalMemoryStatusEx says is free, the page file included."""
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *((name, ctypes.c_uint64) for name in ("total", "free", "total_page", "free_page")),
            *((name, ctypes.c_uint64) for name in ("total_virtual", "free_virtual", "extended")),
        )

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (there is none elsewhere)
    return int(status.free_page) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None
