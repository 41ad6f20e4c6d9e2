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
_LEGEND = """\
ms: the median call; speed, peak: 10^9 operations a second, the peak of multiply-adds on
registers alone; memory: the most that the process held during the calls; engine: its weights and activations."""


def show(timings: list[tuple[str, Timing]]) -> None:
    """Print the steps of each model, where they were timed, then a table of all models."""
    for name, timing in timings:
        if timing.steps:
            _show_steps(name, timing)
    terminal.print_columns("<<" + 10 * ">", [_HEADER, *(_row(name, timing) for name, timing in timings)])
    print(f"\n{_setting(timings[0][1])}, batch {timings[0][1].batch}; {_LEGEND}")


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
    """Print what each step takes, then each kind of step, then what a whole call takes beyond them."""
    from refnet.bench import StepTime

    print(f"{terminal.printable(name)}, one picture of {timing.height}x{timing.width}, {_setting(timing)}\n")
    numbers = ["us", "time", timing.unit, "of peak"]
    rows = [[" + ".join(step.steps), step.kind, *_numbers(step, timing)] for step in timing.steps]
    terminal.print_columns("<<>>>>", [["step", "kind", *numbers], *rows])
    print()
    kinds = [[kind.kind, *_numbers(kind, timing)] for kind in timing.by_kind()]
    steps = StepTime((), "all steps", timing.seconds_of_steps, timing.macs)
    rest = StepTime((), "rest of a call", timing.seconds_per_picture - timing.seconds_of_steps, 0)
    ends = [[end.kind, *_numbers(end, timing)] for end in (steps, rest)]
    terminal.print_columns("<>>>>", [["kind", *numbers], *kinds, *ends])
    print()


def _numbers(step: StepTime, timing: Timing) -> list[str]:
    speed = [f"{step.gflops:.1f}", f"{step.gflops / timing.peak:.1%}"] if step.macs else ["", ""]
    return [f"{1e6 * step.seconds:.1f}", f"{step.seconds / timing.seconds_of_steps:.1%}", *speed]
