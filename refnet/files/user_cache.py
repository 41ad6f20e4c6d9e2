"""Where a user's caches are, if anybody can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def user_cache(name: str, author: Literal[False] | None = None) -> Path | None:
    """Folder of a program's cache; None for a user without a home, as where a container runs under a bare number.

    ``author`` is as of platformdirs, which has a say on Windows.

    Examples
    --------
    >>> user_cache("refnet").name
    'refnet'
    """
    from platformdirs import user_cache_path  # slow to import, and often not needed

    try:
        found = user_cache_path(name, author)
    except (RuntimeError, OSError, KeyError):
        return None
    return found if found.is_absolute() else None  # older versions leave a ~ that nobody can expand
