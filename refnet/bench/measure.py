"""Measuring: whole calls with the peak before and after them, and in turns with them calls whose steps are timed."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from refnet import memory
from refnet.architecture.plan import Plan, sides
from refnet.bench.bound import bounds_of
from refnet.bench.costs import Costs, measure_costs
from refnet.bench.passes import Passes
from refnet.bench.peak import measure_peak
from refnet.bench.result import StepTime, Timing, kind_of
from refnet.checks import MAX_BATCH, whole_number
from refnet.errors import InputError
from refnet.network import Network
from refnet.weights import synthetic

SECONDS = 2.0
MAX_CALLS = 1 << 20

_WARM_UP_CALLS = 3
_FEWEST_CALLS = 5


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

    ``rounds`` calls are timed, or as many as fit into ``seconds`` and at least 5. With ``steps``, a pass follows each
    of them, a call on one picture in which each step is timed, and the steps have bounds. ``progress`` is called
    between measurements with a few words on what comes next.

    Examples
    --------
    >>> import refnet
    >>> timing = bench(refnet.load("lite0", threads=1), size=64, rounds=5, steps=True)
    >>> len(timing.calls), timing.macs == sum(step.macs for step in timing.steps)
    (5, True)
    >>> 0 < timing.all_steps.bound < timing.all_steps.seconds < timing.seconds_of_pass
    True
    """
    if not isinstance(network, Network):
        raise InputError(f"cannot time {type(network).__name__}; want a network, as refnet.load gives it")
    batch = whole_number("batch", batch, MAX_BATCH)
    rounds = None if rounds is None else whole_number("rounds", rounds, MAX_CALLS)
    seconds = _duration(seconds)
    plan = network.plan if size is None else network._plan_for(*sides(size))
    memory.check(4 * batch * plan.height * plan.width * plan.architecture.channels, f"{batch} pictures")
    picture = synthetic.picture_tensor(plan.height, plan.width, plan.architecture.channels)
    call = partial(network.features, np.repeat(picture, batch, axis=0), at=plan.output)
    passes = Passes(network, plan, picture) if steps else None
    for _ in range(_WARM_UP_CALLS):
        call()
    progress("the peak")
    peak, costs = _look(network, plan, steps)
    _reset_most_resident()
    calls = _time_calls(call, rounds, seconds, progress, passes)
    resident = _most_resident()
    progress("the peak")
    peak, costs = _look(network, plan, steps, before=(peak, costs))
    bounds = None if costs is None else bounds_of(plan, costs, peak, network.dtype)
    timed, whole = ((), 0.0) if passes is None else _steps_of(passes, plan, bounds)
    return Timing(
        variant=network.variant,
        dtype=network.arithmetic,
        threads=network.threads,
        batch=batch,
        height=plan.height,
        width=plan.width,
        macs=plan.macs,
        calls=calls,
        peak=peak,
        resident_bytes=resident,
        engine_bytes=network._memory_of_a_run(plan, batch).total,
        steps=timed,
        seconds_of_pass=whole,
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
    call: Callable[[], object],
    rounds: int | None,
    seconds: float,
    progress: Callable[[str], None],
    passes: Passes | None,
) -> tuple[float, ...]:
    """Seconds of each call; after each comes a pass, if there are to be some."""
    calls: list[float] = []
    while len(calls) < (rounds or _FEWEST_CALLS) or (
        rounds is None and len(calls) < MAX_CALLS and math.fsum(calls) < seconds
    ):
        progress(f"call {len(calls) + 1}" + (f" of {rounds}" if rounds else ""))
        begin = time.perf_counter()
        call()
        calls.append(time.perf_counter() - begin)
        if passes is not None:
            passes.add()
    return tuple(calls)


_Look = tuple[float, Costs | None]


def _look(network: Network, plan: Plan, steps: bool, before: _Look = (0.0, None)) -> _Look:
    """Look at the CPU: the peak and, for the steps of a network of real numbers, the costs of its operations.

    Of these and those of a look before, the better ones.
    """
    peak = max(before[0], measure_peak(network.dtype, network.threads))
    if not steps or network.dtype.kind != "f":
        return peak, None
    weights = network._engine_at(plan)._flat
    costs = measure_costs(weights, (step.activation for step in plan), network.threads)
    return peak, costs if before[1] is None else costs.or_less(before[1])


def _steps_of(passes: Passes, plan: Plan, bounds: Mapping[str, float] | None) -> tuple[tuple[StepTime, ...], float]:
    """Put the times of the passes beside what the plan says of their steps; and the seconds of a whole pass."""
    seconds, whole = passes.means()
    found = []
    for names, of_these in zip(passes.steps, seconds, strict=True):
        steps = [plan[name] for name in names]
        bound = None if bounds is None else math.fsum(bounds[name] for name in names)
        found.append(StepTime(names, kind_of(steps), of_these, sum(step.macs for step in steps), bound))
    return tuple(found), whole


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
