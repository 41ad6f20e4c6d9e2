"""The tables of ``refnet bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refnet.cli import terminal

if TYPE_CHECKING:
    from refnet.bench import StepTime, Timing

_MIB = 1 << 20

_HEADER = (
    "model", "size", "calls", "ms", "quartiles", "min", "ms/picture", "speed", "peak", "of peak", "memory", "engine",
)  # fmt: skip
_LEGEND = "ms: the median call; memory: the most that the process held; engine: its part of it."
_LEGEND_OF_SPEED = "speed, peak: 10^9 operations a second; the peak is that of multiply-adds on registers alone."
_LEGEND_OF_STEPS = (
    "us: in calls on one picture, made in turns with those of the last table; time: as a part of such a call."
)
_LEGEND_OF_BOUNDS = (
    "bound: what the arithmetic takes here if nothing waits for anything; of bound: bound / us, at best 100%."
)


def show(timings: list[tuple[str, Timing]]) -> None:
    """Print the steps of each model, where they were timed, then a table of all models."""
    for name, timing in timings:
        if timing.steps:
            _show_steps(name, timing)
    terminal.print_columns("<<" + 10 * ">", [_HEADER, *(_row(name, timing) for name, timing in timings)])
    print()
    terminal.print_sentence(f"{_setting(timings[0][1])}, batch {timings[0][1].batch}; {_LEGEND}")
    terminal.print_sentence(_LEGEND_OF_SPEED)


def _setting(timing: Timing) -> str:
    return f"{timing.dtype}, {timing.threads} thread{'s' if timing.threads > 1 else ''}"


def _row(name: str, timing: Timing) -> list[str]:
    low, high = (f"{1e3 * seconds:.2f}" for seconds in timing.quartiles)
    resident = timing.resident_bytes
    return [
        name,
        f"{timing.height}x{timing.width}",
        str(len(timing.calls)),
        f"{1e3 * timing.seconds:.2f}",
        f"{low}-{high}",
        f"{1e3 * min(timing.calls):.2f}",
        f"{1e3 * timing.seconds_per_picture:.2f}",
        f"{timing.gflops:.1f}",
        f"{timing.peak:.1f}",
        f"{timing.share_of_peak:.1%}",
        "-" if resident is None else f"{resident / _MIB:.0f} MiB",
        f"{timing.engine_bytes / _MIB:.0f} MiB",
    ]


def _show_steps(name: str, timing: Timing) -> None:
    """Print what each step takes, then each kind of step, then all of them and what the call takes beyond them."""
    from refnet.bench import StepTime
    from refnet.bench.result import short_label

    modelled = timing.all_steps.bound is not None
    numbers = ["us", "time", *(["bound", "of bound"] if modelled else []), timing.unit, "of peak"]
    align = len(numbers) * ">"
    print(f"{terminal.printable(name)}, one picture of {timing.height}x{timing.width}, {_setting(timing)}\n")
    rows = [[short_label(step.steps), *_numbers(step, timing, modelled), step.kind] for step in timing.steps]
    terminal.print_columns(f"<{align}<", [["step", *numbers, "kind"], *rows])
    print()
    whole = StepTime((), "the whole call", timing.seconds_of_pass, timing.macs, timing.all_steps.bound)
    ends = (timing.all_steps, timing.rest, whole)
    kinds = [[each.kind, *_numbers(each, timing, modelled)] for each in (*timing.by_kind(), *ends)]
    terminal.print_columns(f"<{align}", [["kind", *numbers], *kinds])
    print()
    terminal.print_sentence(_LEGEND_OF_STEPS)
    if modelled:
        terminal.print_sentence(_LEGEND_OF_BOUNDS)
    print()


def _numbers(step: StepTime, timing: Timing, modelled: bool) -> list[str]:
    bound = ["", ""]
    if step.bound is not None:
        share = step.share_of_bound
        bound = [f"{1e6 * step.bound:.1f}", "" if share is None else f"{share:.1%}"]
    speed = [f"{step.gflops:.1f}", f"{step.gflops / timing.peak:.1%}"] if step.macs else ["", ""]
    share_of_time = f"{step.seconds / timing.seconds_of_pass:.1%}"
    return [f"{1e6 * step.seconds:.1f}", share_of_time, *(bound if modelled else []), *speed]
