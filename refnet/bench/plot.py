"""A picture of where the time goes: a bar for each block, its kinds of steps in colours, a mark at its bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, NamedTuple

from refnet.bench.result import StepTime, Timing, short_label, total
from refnet.errors import InputError, RefnetError
from refnet.files.whole import check_file_target, not_written, whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")

# Neighbours in a network differ in hue, kernels and strides in lightness.
_COLOURS = {
    "stem": "#7f7f7f",
    "stem + depthwise 3x3": "#7f7f7f",
    "expand": "#2a9da8",
    "expand + depthwise 3x3": "#9ec6e8",
    "expand + depthwise 3x3/2": "#659fd2",
    "expand + depthwise 5x5": "#3b75af",
    "expand + depthwise 5x5/2": "#1f4e84",
    "depthwise 3x3": "#8fc98b",
    "depthwise 3x3/2": "#5fae5c",
    "depthwise 5x5": "#3a8a3d",
    "depthwise 5x5/2": "#1f6127",
    "squeeze-excite": "#9467bd",
    "project": "#ef8536",
    "add": "#c49c94",
    "head": "#c53a32",
    "pool": "#d684bd",
    "logits": "#c9b037",
}
_OTHER = "#4c4c4c"
_INK, _FAINT, _BAND, _SHARE = "#222222", "#dddddd", "#f3f3f3", "#9aa5b1"

_DOTS_PER_INCH = 100
_WIDTH, _HIGHEST = 1200, 1380  # dots
_ROW, _LETTER = 26, 7.2  # of few bars; many get less room
_HEADER, _LEGEND_LINE, _SCALE, _FOOTER = 66, 19, 46, 26
_LEGEND_COLUMNS = 4
_SHARES = 0.22  # of the width of both scales


def check_path(path: str | Path) -> Path:
    """Refuse, before anything is measured, a place where no plot can be written, or any without matplotlib."""
    path = check_file_target(path, *SUFFIXES)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise RefnetError("a plot needs matplotlib: pip install 'refnet[plot]'") from error
    return path


def save_plot(timing: Timing, path: str | Path, *, title: str | None = None) -> None:
    """Draw a timing and write it; the file is there whole or not at all.

    The path ends in ``.png``, ``.svg`` or ``.pdf``; the timing has its steps; the title is by default the variant.

    Examples
    --------
    >>> import refnet, tempfile
    >>> from refnet.bench import bench
    >>> timing = bench(refnet.load("lite0"), size=64, rounds=5, steps=True)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     save_plot(timing, f"{place}/lite0.svg")
    """
    path = check_path(path)
    if not timing.steps:
        raise InputError("this timing has no steps to draw; measure it with bench(..., steps=True)")
    figure = draw(timing, title or timing.variant)
    with not_written(path), whole_file(path) as unfinished:
        figure.savefig(unfinished, format=path.suffix[1:].lower(), dpi=_DOTS_PER_INCH)


class _Bar(NamedTuple):
    """A block, or what stands outside of blocks."""

    label: str
    stage: str
    steps: list[StepTime]  # one of each kind
    whole: StepTime


def _bars(timing: Timing) -> list[_Bar]:
    """Put neighbouring steps of a block together.

    Steps outside of blocks, and what begins with one, stand by themselves.
    """
    bars = []
    for label, group in groupby(timing.steps, lambda step: _block(step) or short_label(step.steps)):
        steps = list(group)
        kinds = list(dict.fromkeys(step.kind for step in steps))
        parts = [total(kind, [step for step in steps if step.kind == kind]) for kind in kinds]
        stage = label.rstrip(ascii_lowercase) if _block(steps[0]) else label
        bars.append(_Bar(label, stage, parts, total(label, steps)))
    return bars


def _block(step: StepTime) -> str:
    return step.steps[0].rpartition(".")[0]


def draw(timing: Timing, title: str) -> Figure:
    """Draw a timing that has steps, as a figure of matplotlib outside its global state."""
    from matplotlib.figure import Figure

    bars = _bars(timing)
    top = _HEADER + _LEGEND_LINE * -(-(len(timing.by_kind()) + 1) // _LEGEND_COLUMNS) + _SCALE
    row = min(_ROW, (_HIGHEST - top - _FOOTER) / len(bars))
    height = top + row * len(bars) + _FOOTER
    points = min(9.0, 0.45 * row)
    left = 30 + _LETTER * points / 9 * max(len(bar.label) for bar in bars)
    figure = Figure(figsize=(_WIDTH / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH, facecolor="white")
    times, shares = figure.subplots(
        1,
        2,
        sharey=True,
        gridspec_kw={
            "width_ratios": (1 - _SHARES, _SHARES),
            "wspace": 0.03,
            "left": left / _WIDTH,
            "right": 1 - 25 / _WIDTH,
            "bottom": _FOOTER / height,
            "top": 1 - top / height,
        },
    )
    _draw_times(times, bars, points)
    _draw_shares(shares, bars, timing, points)
    for axes in (times, shares):
        _draw_stages(axes, bars)
    _write_header(figure, timing, title)
    return figure


def _draw_times(axes: Axes, bars: Sequence[_Bar], points: float) -> None:
    longest = max(max(bar.whole.seconds, bar.whole.bound or 0) for bar in bars)
    unit, scale = ("ms", 1e3) if longest >= 10e-3 else ("µs", 1e6)
    parts = [(y, k, part) for y, bar in enumerate(bars) for k, part in enumerate(bar.steps)]
    axes.barh(
        [y for y, _, _ in parts],
        [scale * part.seconds for _, _, part in parts],
        height=0.76,
        left=[scale * math.fsum(before.seconds for before in bars[y].steps[:k]) for y, k, _ in parts],
        color=[_colour(part.kind) for _, _, part in parts],
    )
    marks = [(scale * bar.whole.bound, y) for y, bar in enumerate(bars) if bar.whole.bound is not None]
    for colour, width in ("white", 4), (_INK, 2):
        axes.vlines([x for x, _ in marks], [y - 0.44 for _, y in marks], [y + 0.44 for _, y in marks], colour,
                    linewidth=width)  # fmt: skip
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=points, color=_INK)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, scale * longest * 1.08)
    values = [scale * bar.whole.seconds for bar in bars]
    _write_numbers(axes, [(value, f"{value:.0f}" if value >= 100 else f"{value:.1f}") for value in values], points)
    _dress(axes, f"{unit} for one picture")


def _draw_shares(axes: Axes, bars: Sequence[_Bar], timing: Timing, points: float) -> None:
    """Draw the shares of the bound, or of the peak where there is no bound."""
    what, overall = "peak", timing.share_of_peak
    shares = [bar.whole.gflops / timing.peak for bar in bars]
    if timing.all_steps.share_of_bound is not None:
        what, overall = "bound", timing.all_steps.share_of_bound
        shares = [bar.whole.share_of_bound or 0.0 for bar in bars]
    percent = [100 * share for share in shares]
    axes.barh(range(len(bars)), percent, height=0.76, color=_SHARE)
    _write_numbers(axes, [(share, f"{share:.0f}" if share else "") for share in percent], points)
    axes.axvline(100 * overall, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlim(0, max(100, *percent) * 1.1)
    _dress(axes, f"% of the {what} (dashed: all, {100 * overall:.0f})")
    axes.tick_params(axis="y", length=0, labelleft=False)


def _write_numbers(axes: Axes, numbers: Sequence[tuple[float, str]], points: float) -> None:
    """Write a number behind each bar, on a halo that keeps lines away from it."""
    from matplotlib.patheffects import withStroke

    for y, (value, text) in enumerate(numbers):
        axes.annotate(text, (value, y), (3, 0), textcoords="offset points", va="center", fontsize=0.9 * points,
                      color=_INK, path_effects=[withStroke(linewidth=1.5, foreground="white")])  # fmt: skip


def _draw_stages(axes: Axes, bars: Sequence[_Bar]) -> None:
    """Shade every second stage, to lead the eye."""
    stages = list(dict.fromkeys(bar.stage for bar in bars))
    for y, bar in enumerate(bars):
        if stages.index(bar.stage) % 2:
            axes.axhspan(y - 0.5, y + 0.5, color=_BAND, linewidth=0, zorder=0)


def _dress(axes: Axes, label: str) -> None:
    """Scale at the top and the bottom; no frame."""
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.tick_params(axis="x", top=True, labeltop=True, length=2, labelsize=8, colors=_INK)
    axes.tick_params(axis="y", length=0, pad=3)
    axes.set_xlabel(label, fontsize=9, color=_INK)
    axes.xaxis.set_label_position("top")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_FAINT)


def _write_header(figure: Figure, timing: Timing, title: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    height = figure.get_size_inches()[1] * _DOTS_PER_INCH
    low, high = timing.quartiles
    what = f"{timing.height}×{timing.width}, {timing.dtype}, batch {timing.batch}"
    threads = f"{timing.threads} thread{'s' if timing.threads > 1 else ''}"
    how_fast = (
        f"{timing.seconds * 1e3:.2f} ms a call (quartiles {low * 1e3:.2f}–{high * 1e3:.2f}), "
        f"{timing.gflops:.0f} of {timing.peak:.0f} {timing.unit}"
    )
    texts = ((22, title, 14, "bold"), (46, f"{what}, {threads}: {how_fast}", 10, "normal"))
    for y, text, points, weight in texts:
        figure.text(25 / _WIDTH, 1 - y / height, text, fontsize=points, weight=weight, color=_INK, va="center")
    handles: list[Any] = [
        Patch(color=_colour(kind.kind), label=f"{kind.kind}  {kind.seconds / timing.seconds_of_pass:.1%}")
        for kind in timing.by_kind()
    ]
    bound = timing.all_steps.bound
    if bound is not None:
        label = f"bound  {bound / timing.seconds_of_pass:.1%}"
        handles.append(
            Line2D([], [], color=_INK, linewidth=2, marker="|", linestyle="none", markersize=11, label=label)
        )
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(25 / _WIDTH, 1 - _HEADER / height), ncols=_LEGEND_COLUMNS,
        fontsize=9, frameon=False, handlelength=1.0, handleheight=0.8, columnspacing=1.6, labelcolor=_INK, borderpad=0,
        labelspacing=0.35,
    )  # fmt: skip


def _colour(kind: str) -> str:
    """A colour for a kind; for several that run as one without having their own, that of the first."""
    return _COLOURS.get(kind, _COLOURS.get(kind.partition(" + ")[0], _OTHER))
