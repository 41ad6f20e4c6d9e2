"""Settings of Numba that change the code it makes. Kernels are kept under those of the environment.

Others can come from a ``.numba_config.yaml`` in the working directory, or from code that sets ``numba.config``. What is
compiled under them is right, but nobody could tell it from the rest: it is not kept.
"""

from __future__ import annotations

import os

from refnet.kernels.machine import target

# By what follows NUMBA_ in the environment: the name in ``numba.config``, and what it is by default.
_SETTINGS = {
    "OPT": ("OPT", 3),
    "LOOP_VECTORIZE": ("LOOP_VECTORIZE", 1),
    "SLP_VECTORIZE": ("SLP_VECTORIZE", 0),
    "BOUNDSCHECK": ("BOUNDSCHECK", None),
    "DEBUGINFO": ("DEBUGINFO_DEFAULT", 0),
}


def of_environment() -> dict[str, str]:
    """What the environment says, without Numba: part of the key."""
    return {name: os.environ.get(f"NUMBA_{name}", "") for name in _SETTINGS}


def from_elsewhere() -> list[str]:
    """Name those that Numba has from elsewhere."""
    import numba
    from numba.core.registry import cpu_target

    said = of_environment()
    found = [
        name
        for name, (attribute, default) in _SETTINGS.items()
        if _text(getattr(numba.config, attribute)) != (said[name].replace("max", "3") or str(default))
    ]
    if cpu_target.target_context.codegen().magic_tuple() != tuple(target()):
        found.append("CPU")
    return found


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, int) else str(value)  # of one kind, an int has words of its own
