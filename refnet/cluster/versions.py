"""Versions: what must be the same on all machines, or a picture's numbers would depend on where it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refnet.errors import InputError, first_few
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.version import __version__


def versions() -> dict[str, str]:
    """Versions of all that has a say in the bits of an answer, decoders included."""
    import PIL
    from PIL import features

    return {
        "refnet": __version__,
        "numerics": str(NUMERICS_VERSION),
        "Pillow": PIL.__version__,
        "libjpeg": features.version("libjpeg_turbo") or features.version("jpg") or "none",
    }


def check_versions(client: Any) -> None:
    """Refuse a cluster on which some worker has no refnet, or another one; name them all."""
    wanted = versions()
    wrong = []
    for worker, found in client.run(versions, on_error="return").items():
        if isinstance(found, ImportError | AttributeError):
            wrong.append(f"{worker} has no refnet, or one without clusters ({found})")
        elif isinstance(found, BaseException):
            wrong.append(f"{worker} does not answer ({found})")
        elif differences := differing(wanted, found):
            wrong.append(f"{worker} has {differences}")
    if wrong:
        raise InputError(
            f"not all workers can give the bits that this machine gives: {first_few(wrong)}; "
            f"install refnet {__version__} and Pillow {wanted['Pillow']} on all of them",
            details=wrong,
        )


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say in what two machines differ.

    Examples
    --------
    >>> differing({"refnet": "2.0", "Pillow": "12.0.0"}, {"refnet": "1.9", "Pillow": "12.0.0"})
    'refnet 1.9 instead of 2.0'
    """
    return ", ".join(
        f"{name} {found.get(name, 'none')} instead of {version}"
        for name, version in wanted.items()
        if found.get(name) != version
    )
