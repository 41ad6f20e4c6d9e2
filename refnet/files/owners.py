"""Who else could have put a file where it is: what is loaded as code, or believed, must not come from others.

This user, the system's administrator and whoever installed refnet are trusted: the last one's code is running already.
Access lists are not looked at, and Windows closes a user's folders to others by itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_MAX_LINKS = 40  # as many as Linux follows


def why_not_trusted(folder: Path, below: Path | None = None) -> str:
    """Say why somebody else could put files into a folder, or put another in its place; nothing if nobody can.

    Every folder on the way to it counts, from the root or from ``below``, and those that links lead through. One that
    is not there yet is judged by what is.

    Examples
    --------
    >>> why_not_trusted(Path("cache"))
    'it depends on the working directory; want an absolute path'
    """
    if not folder.is_absolute():
        return "it depends on the working directory; want an absolute path"
    if not hasattr(os, "geteuid"):
        return ""
    start = below or Path(folder.anchor)
    todo = [*reversed(folder.relative_to(start).parts), *([] if below else [folder.anchor])]
    for at, found, shared in _on_the_way(start, todo):
        link = stat.S_ISLNK(found.st_mode)
        reason = _why_owner(found, folder=True) or ("" if link or shared else _why_writable(found))
        if reason:
            return reason if at == folder else f"{at}: {reason}"
    return "" if len(todo) == 0 else f"{folder}: cannot be looked at"


def _on_the_way(at: Path, todo: list[str]) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """Yield the folders and links on a way, as far as there are any, and whether nobody can rename what lies in one.

    ``todo`` holds what is still to be gone, last part first: something is left if the way cannot be gone to its end.
    """
    links = 0
    while todo:
        part = todo[-1]
        at = at.parent if part == os.pardir else at / part
        try:
            found = at.lstat()
        except FileNotFoundError:
            todo.clear()
            return
        except OSError:
            return
        del todo[-1]
        if part == os.pardir:
            continue
        # In a folder such as /tmp, nobody can rename what is somebody else's.
        yield at, found, bool(todo) and bool(found.st_mode & stat.S_ISVTX)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            todo += reversed(Path(at.readlink()).parts)
            if links > _MAX_LINKS:
                return
            at = at.parent


def check_file(found: os.stat_result) -> None:
    """Refuse an open file that is another user's, or that another user may change, or that is none."""
    if not stat.S_ISREG(found.st_mode):
        raise PermissionError("it is no regular file")
    if hasattr(os, "geteuid"):
        reason = _why_owner(found, folder=False) or _why_writable(found)
        if reason:
            raise PermissionError(reason)


def _why_owner(found: os.stat_result, *, folder: bool) -> str:
    users = _users() | ({_nobody()} if folder else set())
    return "" if found.st_uid in users else f"it belongs to another user, {found.st_uid}"


def _why_writable(found: os.stat_result) -> str:
    if found.st_mode & stat.S_IWOTH:
        return "anybody can write there"
    if found.st_mode & stat.S_IWGRP and found.st_gid not in _groups():
        return f"group {found.st_gid} can write there"
    return ""


def _users() -> set[int]:
    return {0, os.geteuid(), _PACKAGE.stat().st_uid} if _PACKAGE.is_dir() else {0, os.geteuid()}


def _groups() -> set[int]:
    """Groups that hold nobody else: the administrators', the user's own, and one that may change refnet itself."""
    groups = {0} | _own_group(os.geteuid())
    if _PACKAGE.is_dir() and _PACKAGE.stat().st_mode & stat.S_IWGRP:
        groups.add(_PACKAGE.stat().st_gid)
    return groups


@cache
def _own_group(user: int) -> set[int]:
    """The group that many systems give each user, of the same name and without another member."""
    import grp
    import pwd

    try:
        person = pwd.getpwuid(user)
        group = grp.getgrgid(person.pw_gid)
    except KeyError:
        return set()
    private = group.gr_name == person.pw_name and set(group.gr_mem) <= {person.pw_name}
    return {group.gr_gid} if private else set()


@cache
def _nobody() -> int:
    """Whom the folders of the system seem to belong to in a container that knows one user only; else root."""
    try:
        known = Path("/proc/self/uid_map").read_text("ascii").split()
        nobody = int(Path("/proc/sys/kernel/overflowuid").read_text("ascii"))
    except (OSError, ValueError):
        return 0
    return 0 if known == ["0", "0", str(2**32 - 1)] else nobody
