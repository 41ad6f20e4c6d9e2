"""Tables of outcomes, by operator or by family, and what failed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from itertools import groupby

from planting.campaign import HALVES, Outcome

COLUMNS = ("draws", "no effect", "located", "named", "lead", "unnamed", "wrongly named", "misled elsewhere")
SHOWN = 12  # failures in the page


def counts(found: Iterable[Outcome]) -> dict[str, int]:
    """How many of each column; those located are all that are judged by what was said of them."""
    found = list(found)
    naming = [one.judged.naming for one in found]
    located = sum(naming.count(kind) for kind in ("named", "lead", "unnamed", "wrongly named"))
    return {
        "draws": len(found),
        "no effect": naming.count("no effect"),
        "located": located,
        **{kind: naming.count(kind) for kind in ("named", "lead", "unnamed", "wrongly named")},
        "misled elsewhere": sum(bool(one.judged.elsewhere) for one in found),
    }


def of_half(found: Iterable[Outcome], half: str) -> list[Outcome]:
    """Those of one half."""
    return [one for one in found if one.draw.startswith(f"{half}-")]


def totals(found: list[Outcome]) -> Iterator[str]:
    """A line for each half, and for right ports."""
    for half in HALVES:
        own = of_half(found, half)
        if own:
            count = counts(own)
            effect = count["draws"] - count["no effect"]
            shares = ", ".join(f"{kind} {count[kind] / effect:.1%}" for kind in COLUMNS[2:]) if effect else ""
            yield f"{half}: {count['draws']} draws, {effect} with an effect: {shares}; {_seconds(own)}"
    right = of_half(found, "right")
    if right:
        alarms = [one for one in right if one.judged.naming == "false alarm"]
        yield f"right: {len(right)} ports, false alarms: {len(alarms)}; {_seconds(right)}"
        yield from (f"  {one.draw} {one.operator}, {one.case}: {one.judged.first}" for one in alarms)


def _seconds(found: list[Outcome]) -> str:
    seconds = [one.seconds for one in found]
    return f"{statistics.median(seconds):.1f} s of CPU for a comparison (median), {max(seconds):.1f} s at most"


def markdown(found: list[Outcome], command: str) -> str:
    """The page."""
    lines = ["# Mistakes that nobody chose", "", f"Made by `{command}`.", ""]
    lines += [f"- {line}" for line in totals(found)]
    for half in HALVES:
        own = of_half(found, half)
        if own:
            # of the half that is kept away from development, families only
            lines += ["", f"## The {half} half", "", *_rows(own, "family" if half == "held" else "operator")]
    failures = [one for one in of_half(found, "open") if one.judged.naming not in ("named", "no effect")]
    lines += ["", "## Some that failed", "", "`python tools/plant_mistakes.py --repeat DRAW` shows one again.", ""]
    lines += ["| draw | case | planted | judged | said |", "|---|---|---|---|---|"]
    for one in failures[:: max(1, len(failures) // SHOWN)][:SHOWN]:
        said = one.judged.text.splitlines()[0][:120] if one.judged.text else ""
        lines.append(f"| {one.draw} | {one.case} | {one.said} | {one.judged.naming} | {said.replace('|', ' ')} |")
    return "\n".join(lines) + "\n"


def _rows(found: list[Outcome], by: str) -> Iterator[str]:
    yield f"| {by} | " + " | ".join(COLUMNS) + " | CPU s, median | most |"
    yield "|---" * (len(COLUMNS) + 3) + "|"

    def key(one: Outcome) -> str:
        return getattr(one, by)

    for name, group in groupby(sorted(found, key=key), key):
        own = list(group)
        seconds = [one.seconds for one in own]
        numbers = " | ".join(str(count) for count in counts(own).values())
        yield f"| {name.replace('_', ' ')} | {numbers} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |"
