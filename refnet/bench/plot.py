"""A picture of where the time goes: a bar for each step, coloured by kind, and beside it its share of the peak."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refnet.bench.result import StepTime, Timing
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
_INK, _FAINT, _BAND = "#222222", "#dddddd", "#f5f5f5"

_ROW_INCHES = 0.13
_HEADER_INCHES, _FOOTER_INCHES = 1.55, 0.3
_BARS_INCHES, _LETTER_INCHES = 7.0, 0.056
_DOTS_PER_INCH = 150


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


def draw(timing: Timing, title: str) -> Figure:
    """Draw a timing that has steps, as a figure of matplotlib outside its global state."""
    from matplotlib.figure import Figure

    labels = [_short_label(step.steps) for step in timing.steps]
    height = _HEADER_INCHES + len(labels) * _ROW_INCHES + _FOOTER_INCHES
    left = 0.3 + _LETTER_INCHES * max(map(len, labels))
    width = left + _BARS_INCHES + 0.25
    figure = Figure(figsize=(width, height), facecolor="white")
    times, shares = figure.subplots(
        1,
        2,
        sharey=True,
        gridspec_kw={
            "width_ratios": (3, 1),
            "wspace": 0.03,
            "left": left / width,
            "right": (left + _BARS_INCHES) / width,
            "bottom": _FOOTER_INCHES / height,
            "top": 1 - _HEADER_INCHES / height,
        },
    )
    _draw_times(times, timing.steps, labels)
    _draw_shares(shares, timing)
    for axes in (times, shares):
        _draw_bands(axes, [step.steps[0].rpartition(".")[0] for step in timing.steps])
    _write_header(figure, timing, title)
    return figure


def _draw_times(axes: Axes, steps: Sequence[StepTime], labels: Sequence[str]) -> None:
    micros = [step.seconds * 1e6 for step in steps]
    axes.barh(range(len(steps)), micros, height=0.78, color=[_colour(step.kind) for step in steps])
    axes.set_yticks(range(len(steps)), labels, fontsize=6.5, color=_INK)
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.set_xlim(0, max(micros) * 1.09)
    _write_numbers(axes, [(value, f"{value:.0f}" if value >= 10 else f"{value:.1f}") for value in micros])
    _dress(axes, "µs for one picture")


def _draw_shares(axes: Axes, timing: Timing) -> None:
    shares = [100 * step.gflops / timing.peak for step in timing.steps]
    colours = [_colour(step.kind) for step in timing.steps]
    axes.barh(range(len(shares)), shares, height=0.78, color=colours, alpha=0.55)
    _write_numbers(axes, [(share, f"{share:.0f}" if share else "") for share in shares])
    overall = 100 * timing.share_of_peak
    axes.axvline(overall, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlim(0, max(100, *shares) * 1.05)
    _dress(axes, f"% of the peak (dashed: whole call, {overall:.0f})")
    axes.tick_params(axis="y", length=0, labelleft=False)


def _write_numbers(axes: Axes, numbers: Sequence[tuple[float, str]]) -> None:
    """Write a number behind each bar, on a halo that keeps lines away from it."""
    from matplotlib.patheffects import withStroke

    for y, (value, text) in enumerate(numbers):
        axes.annotate(text, (value, y), (2, 0), textcoords="offset points", va="center", fontsize=5.5, color=_INK,
                      path_effects=[withStroke(linewidth=1.5, foreground="white")])  # fmt: skip


def _draw_bands(axes: Axes, blocks: Sequence[str]) -> None:
    """Shade the rows of every second block, to lead the eye."""
    names = list(dict.fromkeys(blocks))
    for y, block in enumerate(blocks):
        if names.index(block) % 2:
            axes.axhspan(y - 0.5, y + 0.5, color=_BAND, linewidth=0, zorder=0)


def _dress(axes: Axes, label: str) -> None:
    """Scale at the top and the bottom, for pictures that may be long; no frame."""
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.tick_params(axis="x", top=True, labeltop=True, length=2, labelsize=7, colors=_INK)
    axes.tick_params(axis="y", length=0, pad=3)
    axes.set_xlabel(label, fontsize=7.5, color=_INK)
    axes.xaxis.set_label_position("top")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_FAINT)


def _write_header(figure: Figure, timing: Timing, title: str) -> None:
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    low, high = timing.quartiles
    what = f"{timing.height}×{timing.width}, {timing.dtype}, batch {timing.batch}"
    threads = f"{timing.threads} thread{'s' if timing.threads > 1 else ''}"
    how_fast = (
        f"{timing.seconds * 1e3:.2f} ms a call (quartiles {low * 1e3:.2f}–{high * 1e3:.2f}), "
        f"{timing.gflops:.0f} of {timing.peak:.0f} {timing.unit}"
    )
    figure.text(0.25 / width, 1 - 0.22 / height, title, fontsize=13, weight="bold", color=_INK, va="center")
    figure.text(
        0.25 / width, 1 - 0.45 / height, f"{what}, {threads}: {how_fast}", fontsize=8.5, color=_INK, va="center"
    )
    total = timing.seconds_of_steps
    kinds = [
        Patch(color=_colour(kind.kind), label=f"{kind.kind}  {kind.seconds / total:.1%}") for kind in timing.by_kind()
    ]
    figure.legend(
        handles=kinds, loc="upper left", bbox_to_anchor=(0.25 / width, 1 - 0.56 / height), ncols=4, fontsize=7.5,
        frameon=False, handlelength=1.0, handleheight=0.8, columnspacing=1.6, labelcolor=_INK, borderpad=0,
    )  # fmt: skip


def _colour(kind: str) -> str:
    """A colour for a kind; for several that run as one without having their own, that of the first."""
    return _COLOURS.get(kind, _COLOURS.get(kind.partition(" + ")[0], _OTHER))


def _short_label(steps: Sequence[str]) -> str:
    """Join the names of one block: ``block2b.project + add``.

    Examples
    --------
    >>> _short_label(("block2b.project", "block2b.add")), _short_label(("head", "pool"))
    ('block2b.project + add', 'head + pool')
    """
    block = steps[0].rpartition(".")[0]
    rest = [name.removeprefix(f"{block}.") if block else name for name in steps[1:]]
    return " + ".join((steps[0], *rest))
