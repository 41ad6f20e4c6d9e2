"""The chart: error along the network, each tensor's own and what has piled up, above the noise of rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from refnet.comparison.tensor_result import Deviation, TensorResult
from refnet.pages.text import number, power, safe

WIDTH, HEIGHT = 900, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 12, 44  # margins
EXACT_AT = 26  # pixels below the lowest decade lie the tensors without an error

#: Outcomes that have a mark, in words.
WORDS = {
    "exact": "exact",
    "rounded": "differently rounded",
    "wrong": "wrong",
    "differs": "differs, cause unknown",
}

Point = tuple[float, float]


def chart(results: Sequence[TensorResult]) -> str:
    """Draw it as SVG; empty where nothing was measured."""
    found = [result.decisive for result in results]
    values = [one for deviation in found if deviation for one in (deviation.relative, deviation.noise or 0.0)]
    values += [result.end_to_end.relative for result in results if result.end_to_end]
    shown = [value for value in values if 0 < value < math.inf]
    if not shown:
        return ""
    low, high = math.floor(math.log10(min(shown))), math.ceil(math.log10(max(shown)) + 0.01)
    scale = _Scale(len(results), low, max(high, low + 1))
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="error along the network">',
        *_stages(results, scale),
        *_decades(scale),
        _line("noise", results, scale, lambda result: result.decisive, lambda deviation: deviation.noise),
        _line("whole", results, scale, lambda result: result.end_to_end, lambda deviation: deviation.relative),
        *(_mark(number_, result, scale) for number_, result in enumerate(results)),
        "</svg>",
    ]
    return "\n".join(parts)


def legend(results: Sequence[TensorResult]) -> str:
    """Say what the marks and lines mean, of the outcomes that there are."""
    marks = [
        (f'<circle class="mark {outcome}" cx="11" cy="6" r="4"/>', words)
        if outcome in ("exact", "rounded")
        else (f'<path class="mark {outcome}" d="M11 0l6 6l-6 6l-6 -6z"/>', words)
        for outcome, words in WORDS.items()
        if any(result.outcome == outcome for result in results)
    ]
    lines = [('<path class="whole" d="M0 6H22"/>', "end to end")]
    if any(result.decisive and result.decisive.noise is not None for result in results):
        lines.insert(0, ('<path class="noise" d="M0 6H22"/>', "noise floor"))
    return "\n".join(f'<span><svg viewBox="0 0 22 12">{shape}</svg>{words}</span>' for shape, words in marks + lines)


class _Scale:
    """Where a tensor and an error are on the page."""

    def __init__(self, count: int, low: int, high: int) -> None:
        self.count, self.low, self.high = count, low, high
        self.step = (WIDTH - LEFT - RIGHT) / max(count, 1)
        self.floor = HEIGHT - BOTTOM

    def x(self, place: float) -> float:
        return LEFT + (place + 0.5) * self.step

    def y(self, value: float) -> float:
        """An error of 0 lies below the axis, an infinite one at the top."""
        if value == 0:
            return self.floor
        if math.isinf(value):
            return TOP
        lowest = self.floor - EXACT_AT
        return lowest - (math.log10(value) - self.low) / (self.high - self.low) * (lowest - TOP)


def _decades(scale: _Scale) -> list[str]:
    parts = []
    every = max(1, math.ceil((scale.high - scale.low) / 10))
    for exponent in range(scale.low, scale.high + 1, every):
        y = scale.y(10.0**exponent)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{power(exponent)}</text>')
    parts.append(f'<text class="tick" x="{LEFT - 8}" y="{scale.floor + 4}" text-anchor="end">0</text>')
    return parts


def _stages(results: Sequence[TensorResult], scale: _Scale) -> list[str]:
    """Shade every other stage, and name those that have room."""
    spans: list[tuple[str, int, int]] = []
    for place, result in enumerate(results):
        stage = _stage(result.name)
        if spans and spans[-1][0] == stage:
            spans[-1] = (stage, spans[-1][1], place + 1)
        else:
            spans.append((stage, place, place + 1))
    parts, free = [], 0.0
    for turn, (stage, first, end) in enumerate(spans):
        left, right = LEFT + first * scale.step, LEFT + end * scale.step
        shade = "band odd" if turn % 2 else "band"
        parts.append(
            f'<rect class="{shade}" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" '
            f'height="{scale.floor + 14 - TOP}"/>'
        )
        middle, half = (left + right) / 2, 3.9 * len(stage)
        if middle - half > free:
            text = f'x="{middle:.1f}" y="{scale.floor + 32}" text-anchor="middle">{safe(stage)}</text>'
            parts.append(f'<text class="tick" {text}')
            free = middle + half + 6
    return parts


def _stage(name: str) -> str:
    """Stage of a tensor: its block without the repeat's letter."""
    first = name.partition(".")[0][:24]
    return first.rstrip("abcdefghijklmnopqrstuvwxyz") if first.startswith("block") else first


def _line(
    kind: str,
    results: Sequence[TensorResult],
    scale: _Scale,
    deviation: Callable[[TensorResult], Deviation | None],
    value: Callable[[Deviation], float | None],
) -> str:
    """Join what there is of one number, with gaps where there is nothing."""
    pieces: list[list[Point]] = [[]]
    for place, result in enumerate(results):
        found = deviation(result)
        height = value(found) if found else None
        if height is None or math.isnan(height) or height <= 0:
            if pieces[-1]:
                pieces.append([])
            continue
        pieces[-1].append((scale.x(place), scale.y(height)))
    path = " ".join("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in piece) for piece in pieces if piece)
    return f'<path class="{kind}" d="{path}"/>'


def _mark(place: int, result: TensorResult, scale: _Scale) -> str:
    """One tensor: a circle, or a diamond if it is wrong; it leads to its line of the table."""
    found = result.decisive
    value = math.inf if found is None or math.isnan(found.relative) else found.relative
    if result.outcome == "not compared":
        return ""
    x, y = scale.x(place), scale.y(value)
    size = min(5.0, max(1.8, scale.step * 0.55))
    kind = f"mark {result.outcome}"
    if result.outcome in ("wrong", "differs"):
        size += 1.5
        shape = f"M{x:.1f} {y - size:.1f}l{size:.1f} {size:.1f}l{-size:.1f} {size:.1f}l{-size:.1f} {-size:.1f}z"
        mark = f'<path class="{kind}" d="{shape}">{_title(result)}</path>'
    else:
        mark = f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}">{_title(result)}</circle>'
    return f'<a href="#t{place + 1}">{mark}</a>'


def _title(result: TensorResult) -> str:
    text = f"{result.name}: {result.outcome}"
    if result.decisive:
        text += f", relative error {number(result.decisive.relative)}"
        if result.decisive.noise is not None:
            text += f", noise {number(result.decisive.noise)}"
    if result.by_itself and result.end_to_end:
        text += f"; end to end {number(result.end_to_end.relative)}"
    return f"<title>{safe(text)}</title>"
