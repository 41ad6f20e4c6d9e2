"""Drawings: shares with their intervals as small bars, calibration as a diagram, all SVG inside the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from refnet.evaluation.calibration import Bin
from refnet.evaluation.metrics import Share
from refnet.pages.text import safe

BAR, LINE = 120, 16  # pixels: width and height of a bar
SIDE, LEFT, BELOW, COUNTS = 300, 46, 44, 70  # of the diagram, its margins, and the room for counts below it


def bar(found: Share, says: float | None = None) -> str:
    """Draw a share of 0 to 1 as a bar, its interval as a line, and what the publisher says as a mark.

    Examples
    --------
    >>> bar(Share(1, 2)).count("<")
    6
    """
    low, high = (bound * BAR for bound in found.interval)
    middle = LINE / 2
    mark = "" if says is None else f'<path class="says" d="M{says * BAR:.1f} 1V{LINE - 1}"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {BAR} {LINE}" role="img"><title>{safe(words(found))}</title>'
        f'<rect class="share" y="4" width="{found.share * BAR:.1f}" height="{LINE - 8}"/>'
        f'<path class="interval" d="M{low:.1f} {middle}H{high:.1f}"/>{mark}</svg>'
    )


def words(found: Share) -> str:
    """Say a share, what it is of, and its interval.

    Examples
    --------
    >>> words(Share(148, 200))
    '148 of 200, 74.00%; 95% interval 67.51 to 79.59%'
    """
    low, high = (100 * bound for bound in found.interval)
    return f"{found.right:,} of {found.of:,}, {found.share:.2%}; 95% interval {low:.2f} to {high:.2f}%"


def diagram(bins: Sequence[Bin]) -> str:
    """Draw how often answers are right beside how sure they are; below it, how many there are of each."""
    width, height = LEFT + SIDE + 12, 12 + SIDE + COUNTS + BELOW
    parts = [f'<svg class="reliability" viewBox="0 0 {width} {height}" role="img" aria-label="calibration">', *_axes()]
    most = max((each.count for each in bins), default=0) or 1
    step = SIDE / len(bins) if bins else SIDE
    for each in bins:
        if not each.count:
            continue
        x, floor = LEFT + each.low * SIDE, 12 + SIDE
        top, sure = floor - each.accuracy * SIDE, floor - each.confidence * SIDE
        said = (
            f"{each.low:.0%} to {each.high:.0%} sure: {each.count:,} answers, on the mean {each.confidence:.1%} sure, "
            f"{each.accuracy:.1%} right"
        )
        gap = "over" if each.gap > 0 else "under"
        parts.append(
            f"<g><title>{safe(said)}</title>"
            f'<rect class="right" x="{x + 1:.1f}" y="{top:.1f}" width="{step - 2:.1f}" height="{floor - top:.1f}"/>'
            f'<rect class="{gap}" x="{x + 1:.1f}" y="{min(top, sure):.1f}" width="{step - 2:.1f}" '
            f'height="{abs(top - sure):.1f}"/>'
            f'<rect class="count" x="{x + 1:.1f}" y="{floor + BELOW:.1f}" width="{step - 2:.1f}" '
            f'height="{max(1.0, each.count / most * COUNTS):.1f}"/></g>'
        )
    parts.append(f'<path class="ideal" d="M{LEFT} {12 + SIDE}L{LEFT + SIDE} 12"/></svg>')
    return "".join(parts)


def _axes() -> list[str]:
    parts, floor = [], 12 + SIDE
    for tenth in range(0, 11, 2):
        at = tenth / 10 * SIDE
        parts += [
            f'<path class="grid" d="M{LEFT} {floor - at:.1f}H{LEFT + SIDE}"/>',
            f'<text class="tick" x="{LEFT - 7}" y="{floor - at + 4:.1f}" text-anchor="end">{tenth * 10}%</text>',
            f'<text class="tick" x="{LEFT + at:.1f}" y="{floor + 17}" text-anchor="middle">{tenth * 10}</text>',
        ]
    middle = f'x="{LEFT + SIDE / 2}" y="{floor + 34}" text-anchor="middle"'
    return [*parts, f'<text class="tick" {middle}>how sure, in percent; below, how many answers</text>']


def percent(value: float, digits: int = 1) -> str:
    """Write a share as percent; a dash where there is none.

    Examples
    --------
    >>> percent(0.755), percent(math.nan)
    ('75.5%', '–')
    """
    return "–" if math.isnan(value) else f"{value:.{digits}%}"
