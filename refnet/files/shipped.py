"""Files that come with refnet: they lie in ``refnet/data``, in a checkout as in an installed package."""

from __future__ import annotations

from pathlib import Path

from refnet.errors import InputError

DATA = Path(__file__).parents[1] / "data"


def shipped(name: str) -> Path:
    """Find a file that is shipped; if it is not there, the installation is broken.

    Examples
    --------
    >>> shipped("chelsea.png").name
    'chelsea.png'
    """
    path = DATA / name
    if not path.is_file():
        raise InputError(f"no {name} in {DATA}; install refnet again")
    return path
