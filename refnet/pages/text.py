"""Text of a page: whatever came from a file is only ever text in it."""

from __future__ import annotations

import html
import math


def safe(text: object) -> str:
    r"""Escape text for a page; what cannot be printed becomes a sign of that.

    Examples
    --------
    >>> safe('<b>"stem\x00"</b>')
    '&lt;b&gt;&quot;stem�&quot;&lt;/b&gt;'
    """
    return html.escape("".join(c if c.isprintable() else "�" for c in str(text)))


def number(value: float | None) -> str:
    """Write a number with two digits, and an exponent as people write it.

    Examples
    --------
    >>> number(1.234e-7), number(0.25), number(0.0), number(None), number(float("inf"))
    ('1.2·10⁻⁷', '0.25', '0', '–', '∞')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    digits, _, exponent = f"{value:.2g}".partition("e")
    return digits + (f"·{power(int(exponent))}" if exponent else "")


def index(place: tuple[int, ...] | None) -> str:
    """Write the place of an element.

    Examples
    --------
    >>> index((0, 3, 5, 16)), index(None)
    ('0, 3, 5, 16', '–')
    """
    return "–" if place is None else ", ".join(map(str, place))


def power(exponent: int) -> str:
    """Write a power of ten.

    Examples
    --------
    >>> power(-7), power(0)
    ('10⁻⁷', '1')
    """
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")) if exponent else "1"
