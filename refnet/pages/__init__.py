"""Pages for the browser: what the reports share: their look, and text that stays text."""

from __future__ import annotations

import base64
from pathlib import Path
from string import Template

STYLE = Path(__file__).parent / "style.css"


def fill(template: Path, **parts: str) -> str:
    """Fill a page's template; ``style`` is what all pages share."""
    style = STYLE.read_text(encoding="utf-8")
    return Template(template.read_text(encoding="utf-8")).substitute(parts, style=style)


def in_address(kind: str, content: bytes) -> str:
    """Put a picture's file into an address, so that a page needs no other file.

    Examples
    --------
    >>> in_address("png", b"PNG")
    'data:image/png;base64,UE5H'
    """
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
