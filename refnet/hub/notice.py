"""Notices of what a fetch does: downloads are never silent."""

from __future__ import annotations

import logging
import warnings

_log = logging.getLogger("refnet")


def warn(text: str) -> None:
    """Say it in the log; if a program has turned that off, as a warning of Python."""
    if _log.isEnabledFor(logging.WARNING):
        _log.warning("%s", text)
    else:
        warnings.warn(text, stacklevel=2)
