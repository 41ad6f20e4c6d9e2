"""Words of the page that differ between real numbers and codes: what is drawn and listed, and the table's columns."""

from __future__ import annotations

from typing import Final

from refnet.pages.text import safe


def _head(*columns: tuple[str, bool]) -> str:
    """The table's columns, by their words, in lines, and whether they are numbers."""
    cells = []
    for words, is_number in columns:
        kind = ' class="n"' if is_number else ""
        cells.append(f"<th{kind}>{'<br>'.join(map(safe, words.split(chr(10))))}</th>")
    return "\n".join(cells)


_SAME = (("tensor", False), ("#", True), ("verdict", False), ("judged", False), ("relative\nerror", True))

OF_REALS: Final = {
    "noise": (
        "The dashed line is the\n<b>noise floor</b>: how far the roundings of float32 alone take a right result from "
        "the exact one."
    ),
    "about": (
        "Errors are root mean squares, relative to the tensor, measured from a float64 run where there is one. "
        "<b>Exact</b>: the same\nbits. <b>Rounded</b>: no further from float64 than another order of float32 roundings "
        "explains. <b>Ulp</b>, units in the last\nplace: how many float32 numbers two numbers are apart; bars for 0, "
        "1, 2, 3–4, 5–8, … are as high as the square root of their\nshare. <b>SNR</b>: signal-to-noise ratio."
    ),
    "head": _head(
        *_SAME, ("noise\nfloor", True), ("error /\nfloor", True), ("equal", True), ("apart\nin ulp", False),
        ("ulp\nmax", True), ("largest\nerror", True), ("SNR\ndB", True), ("end to end\nrel. error", True),
    ),
}  # fmt: skip

OF_CODES: Final = {
    "noise": "",
    "about": (
        "Codes are equal or not: <b>exact</b>, or wrong. <b>Rounded</b>: another engine’s, to the bit. Errors are root "
        "mean squares,\nrelative to the tensor. Bars count how many codes are 0, 1, 2, 3–4, 5–8, … apart, as high as "
        "the square root of their share."
    ),
    "head": _head(
        *_SAME, ("differ", True), ("codes\napart", False), ("of", True), ("largest", True),
        ("end to end\ndiffer", True),
    ),
}  # fmt: skip
