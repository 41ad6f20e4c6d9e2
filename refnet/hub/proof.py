"""Proof that a weight file in a cache is what this user put there, where others can write too.

The digests inside a file prove that it is whole, not who made it. Where nobody else can write (``files/owners``), that
is proof enough. Elsewhere, whoever fetches or converts notes the digests in a folder of the user's own: a file there,
with nothing in it, whose name is a hash of the weight file's path and both of its digests.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from refnet.files.owners import check_file, why_not_trusted
from refnet.hub.failure import warn
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weight_file import file_of
from refnet.weights.weights import Weights

_told: set[Path] = set()


def doubt(path: Path) -> str:
    """Say why a file may be another user's work; nothing if it cannot be.

    Examples
    --------
    >>> from refnet.weights.paths import find
    >>> doubt(find("lite0"))
    ''
    """
    path = path.absolute()
    try:
        check_file(path.stat())
    except FileNotFoundError:
        pass
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    reason = why_not_trusted(path.parent)
    return reason and f"{path.parent}: {reason}"


def is_proven(weights: Weights | QuantisedWeights, path: Path) -> bool:
    """Whether weights that were read from a file are those that this user put there."""
    if not doubt(path):
        return True
    record = _record(weights, path)
    return record is not None and record.is_file() and not doubt(record)


def note(weights: Weights | QuantisedWeights, path: Path) -> None:
    """Note what this user puts into a file, where others can write too; without a folder of one's own, do nothing."""
    record = _record(weights, path) if doubt(path) else None
    if record is not None:
        with suppress(OSError):
            record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            record.touch(mode=0o600)


def tell(name: str, weights: Weights | QuantisedWeights, path: Path) -> None:
    """Say once of a file that was found by a name, that it may be somebody else's."""
    if path not in _told and not is_proven(weights, path):
        _told.add(path)
        warn(
            f"{path} may be another user's work, for {doubt(path)}: close the folder to others, and "
            f"`refnet fetch {name}` brings the file again"
        )


def _record(weights: Weights | QuantisedWeights, path: Path) -> Path | None:
    from platformdirs import user_state_path

    file = file_of(weights)
    if file is None:
        return None
    text = "\n".join((str(path.absolute()), file.tensors_digest, file.metadata_digest))
    with suppress(RuntimeError, OSError, KeyError):  # a user without a home
        folder = user_state_path("refnet", appauthor=False) / "weights"
        if folder.is_absolute() and not why_not_trusted(folder):
            return folder / hashlib.sha256(text.encode()).hexdigest()
    return None
