"""Files that come with refnet: one copy in the repository, one place in the installed package."""

from __future__ import annotations

from pathlib import Path

from refnet.errors import InputError

_PACKAGE = Path(__file__).parent


def find_shipped(name: str, *, installed: str, checkout: str) -> Path:
    """Find a file that is shipped: in the installed package, or in a source checkout.

    Parameters
    ----------
    name
        Of the file.
    installed, checkout
        Its directory in the package, and from the root of a checkout.

    Raises
    ------
    InputError
        If it is in neither.

    Examples
    --------
    >>> find_shipped("lite0.h5", installed="weights", checkout="weights").name
    'lite0.h5'
    """
    places = (_PACKAGE / installed, _PACKAGE.parent / checkout)
    for place in places:
        if (place / name).is_file():
            return place / name
    raise InputError(f"no {name} in {' or '.join(map(str, places))}; install refnet again")
