"""``refnet bench``: how fast the networks run here, and where their time goes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from refnet.architecture.scaling import TABLE
from refnet.cli import terminal
from refnet.cli.bench_tables import show
from refnet.cli.plan import picture_size
from refnet.errors import InputError, WeightsNotFoundError

if TYPE_CHECKING:
    from refnet.bench import StepTime, Timing

DEFAULT = "b0@synthetic"


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "bench",
        help="how fast the networks run here, and where their time goes",
        description="Time calls on generated pictures, and compare with the FMA peak: what the CPU can do at most, "
        "measured before and after on as many threads. A variant whose weights are not here runs with generated "
        "ones, which takes as long.",
    )
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"name, NAME@synthetic or .h5 file (default: {DEFAULT})"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="pictures in a call (default: 1)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--size", type=picture_size, metavar="HxW", help="of the picture (default: the variant's own)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, metavar="S", help="time calls for so long (default: 2)")
    length.add_argument("--rounds", type=int, metavar="N", help="time so many calls")
    parser.add_argument("--steps", action="store_true", help="show what each step takes, and its bound")
    parser.add_argument("--plot", metavar="FILE", help="draw what each step takes, as .png, .svg or .pdf")
    parser.add_argument("--json", action="store_true", help="print JSON, when all is done")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Time each model; print a table of all, and one of the steps of each."""
    models = options.models or [DEFAULT]
    if options.plot is not None:
        from refnet.bench.plot import check_path

        if len(models) > 1:
            raise InputError(f"--plot draws one model; got {len(models)}")
        check_path(options.plot)
    here = [_on_this_machine(model) for model in models]  # what is wrong comes out before minutes of measuring
    timings = [(model, _time(model, options)) for model in here]
    if options.json:
        terminal.print_json([describe(name, timing) for name, timing in timings])
    else:
        show(timings)
    if options.plot is not None:
        from refnet.bench.plot import save_plot

        ((name, timing),) = timings
        save_plot(timing, options.plot, title=name)
    return 0


def _time(model: str, options: argparse.Namespace) -> Timing:
    from refnet import load
    from refnet.bench import bench
    from refnet.bench.measure import SECONDS

    network = load(model, dtype=options.dtype, threads=options.threads)
    with _one_line(model) as progress:
        return bench(
            network,
            batch=options.batch,
            size=options.size,
            rounds=options.rounds,
            seconds=SECONDS if options.seconds is None else options.seconds,
            steps=options.steps or options.plot is not None,
            progress=progress,
        )


def _on_this_machine(model: str) -> str:
    """Check a model; a variant whose weights are not here stands for its generated ones."""
    from refnet.hub.aliases import SYNTHETIC, shortened
    from refnet.hub.models import find_any_weights, is_file

    model = model if is_file(model) else shortened(model)
    try:
        find_any_weights(model, download=model not in TABLE)
    except WeightsNotFoundError:
        if model not in TABLE:
            raise
        terminal.say(f"no weights of {model} on this machine; timing {model + SYNTHETIC}, which takes as long")
        return model + SYNTHETIC
    return model


@contextmanager
def _one_line(name: str) -> Iterator[Callable[[str], None]]:
    """Show what is going on in one line of a terminal that is written anew, and wiped in the end."""
    if not sys.stderr.isatty():
        yield lambda phase: None
        return
    shown = -1.0

    def show(phase: str) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.2:  # seldom: writing takes time, too
            sys.stderr.write(f"\r\x1b[K{terminal.printable(name)}: {phase}")
            sys.stderr.flush()
            shown = time.monotonic()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def describe(name: str, timing: Timing) -> dict[str, Any]:
    """Turn a timing into what JSON can hold."""
    low, high = timing.quartiles
    found: dict[str, Any] = {
        "model": name,
        "size": [timing.height, timing.width],
        "batch": timing.batch,
        "dtype": timing.dtype,
        "threads": timing.threads,
        "macs": timing.macs,
        "calls": len(timing.calls),
        "ms": {
            "median": timing.seconds * 1e3,
            "low_quartile": low * 1e3,
            "high_quartile": high * 1e3,
            "min": min(timing.calls) * 1e3,
        },
        "ms_per_picture": timing.seconds_per_picture * 1e3,
        "gflops": timing.gflops,
        "peak_gflops": timing.peak,
        "share_of_peak": timing.share_of_peak,
        "resident_bytes": timing.resident_bytes,
        "engine_bytes": timing.engine_bytes,
    }
    if timing.steps:
        found["steps"] = [_describe_step(step, timing) for step in timing.steps]
        found["kinds"] = [_describe_step(step, timing) for step in timing.by_kind()]
        found["all_steps"] = _describe_sum(timing.all_steps, timing)
        found["rest"] = _describe_time(timing.rest, timing)
        found["us_of_pass"] = timing.seconds_of_pass * 1e6
    return found


def _describe_step(step: StepTime, timing: Timing) -> dict[str, Any]:
    return {"steps": list(step.steps), "kind": step.kind, **_describe_sum(step, timing)}


def _describe_sum(step: StepTime, timing: Timing) -> dict[str, Any]:
    return {
        **_describe_time(step, timing),
        "bound_us": None if step.bound is None else step.bound * 1e6,
        "share_of_bound": step.share_of_bound,
        "macs": step.macs,
        "gflops": step.gflops,
        "share_of_peak": step.gflops / timing.peak,
    }


def _describe_time(step: StepTime, timing: Timing) -> dict[str, float]:
    return {"us": step.seconds * 1e6, "share_of_time": step.seconds / timing.seconds_of_pass}
