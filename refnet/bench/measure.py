"""Measuring: whole calls with the peak before and after them, then single steps."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from refnet import memory
from refnet.architecture.plan import Plan, sides
from refnet.bench.peak import measure_peak
from refnet.bench.result import StepTime, Timing, kind_of
from refnet.checks import MAX_BATCH, whole_number
from refnet.engine.clock import RowTime, time_rows
from refnet.errors import InputError
from refnet.network import Network
from refnet.weights import synthetic

SECONDS = 2.0
MAX_CALLS = 1 << 20

_WARM_UP_CALLS = 3
_FEWEST_CALLS = 5
_MOST_PASSES = 200


def bench(
    network: Network,
    *,
    batch: int = 1,
    size: int | tuple[int, int] | None = None,
    rounds: int | None = None,
    seconds: float = SECONDS,
    steps: bool = False,
    progress: Callable[[str], None] = lambda phase: None,
) -> Timing:
    """Time ``network.logits`` on generated pictures; ``network.features`` where there is no classifier.

    ``rounds`` calls are timed, or as many as fit into ``seconds`` and at least 5; with ``steps``, each step as well, in
    passes over one picture; ``progress`` is called between measurements with a few words on what comes next.

    Examples
    --------
    >>> import refnet
    >>> timing = bench(refnet.load("lite0", threads=1), size=64, rounds=5, steps=True)
    >>> len(timing.calls), timing.macs == sum(step.macs for step in timing.steps)
    (5, True)
    """
    if not isinstance(network, Network):
        raise InputError(f"cannot time {type(network).__name__}; want a network, as refnet.load gives it")
    batch = whole_number("batch", batch, MAX_BATCH)
    rounds = None if rounds is None else whole_number("rounds", rounds, MAX_CALLS)
    seconds = _duration(seconds)
    plan = network.plan if size is None else network._plan_for(*sides(size))
    memory.check(4 * batch * plan.height * plan.width * plan.architecture.channels, f"{batch} pictures")
    x = np.repeat(synthetic.picture_tensor(plan.height, plan.width, plan.architecture.channels), batch, axis=0)
    call = partial(network.features, x, at=plan.output)
    for _ in range(_WARM_UP_CALLS):
        call()
    progress("the peak")
    before = measure_peak(network.dtype, network.threads)
    _reset_most_resident()
    calls = _time_calls(call, rounds, seconds, progress)
    resident = _most_resident()
    progress("step by step" if steps else "the peak")
    times = _time_steps(network, plan, min(len(calls) * batch, _MOST_PASSES)) if steps else ()
    return Timing(
        variant=network.variant,
        dtype=network.arithmetic,
        threads=network.threads,
        batch=batch,
        height=plan.height,
        width=plan.width,
        macs=plan.macs,
        calls=calls,
        peak=max(before, measure_peak(network.dtype, network.threads)),
        resident_bytes=resident,
        engine_bytes=network._memory_of_a_run(plan, batch).total,
        steps=times,
    )


def _duration(seconds: float) -> float:
    try:
        checked = float(seconds)
    except (TypeError, ValueError):
        checked = math.nan
    if not 0 < checked < math.inf:
        raise InputError(f"seconds={seconds!r}: want a number of seconds above 0")
    return checked


def _time_calls(
    call: Callable[[], object], rounds: int | None, seconds: float, progress: Callable[[str], None]
) -> tuple[float, ...]:
    """Seconds of each call."""
    calls: list[float] = []
    end = time.perf_counter() + seconds
    while len(calls) < (rounds or _FEWEST_CALLS) or (
        rounds is None and len(calls) < MAX_CALLS and time.perf_counter() < end
    ):
        progress(f"call {len(calls) + 1}" + (f" of {rounds}" if rounds else ""))
        begin = time.perf_counter()
        call()
        calls.append(time.perf_counter() - begin)
    return tuple(calls)


def _time_steps(network: Network, plan: Plan, passes: int) -> tuple[StepTime, ...]:
    """Put the times of the engine's rows beside what the plan says of their steps."""

    def describe(row: RowTime) -> StepTime:
        steps = [plan[name] for name in row.steps]
        return StepTime(row.steps, kind_of(steps), row.seconds, sum(step.macs for step in steps))

    (picture,) = synthetic.picture_tensor(plan.height, plan.width, plan.architecture.channels)
    engine, entry = network._engine_at(plan), network._entry(picture)
    return tuple(map(describe, time_rows(engine, plan, entry, passes)))


def _reset_most_resident() -> None:
    """Let the system forget this process's peak of memory so far; only Linux can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def _most_resident() -> int | None:
    """Bytes of this process's peak of memory; None where the system does not say."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
