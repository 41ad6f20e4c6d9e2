"""What a bench finds out: numbers to keep, compare and print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from refnet.architecture import names
from refnet.architecture.step import Step


@dataclass(frozen=True)
class StepTime:
    """What one step took, or several that run as one.

    Attributes
    ----------
    steps
        Their names, in order.
    kind
        What they do: ``stem``, ``expand``, ``depthwise 3x3/2``, ``squeeze-excite``, ``project``, …
    seconds
        For one picture: the mean over the middle half of the passes (see ``Timing``).
    macs
        Multiply-adds for one picture.
    bound
        Seconds that the arithmetic takes at least: if nothing waited for anything, on all threads. None in networks of
        integers, for which there is no model.

    Examples
    --------
    >>> step = StepTime(("block2b.project", "block2b.add"), "project", 100e-6, 10_000_000, bound=50e-6)
    >>> step.gflops, step.share_of_bound
    (200.0, 0.5)
    """

    steps: tuple[str, ...]
    kind: str
    seconds: float
    macs: int
    bound: float | None = None

    @property
    def gflops(self) -> float:
        """10^9 operations a second; 0 where nothing is multiplied and added."""
        return _gflops(self.macs, self.seconds)

    @property
    def share_of_bound(self) -> float | None:
        """The bound as a part of the time: 1 could not be faster."""
        return None if self.bound is None or self.seconds <= 0 else self.bound / self.seconds


@dataclass(frozen=True)
class Timing:
    """What ``refnet.bench.bench`` measured.

    Attributes
    ----------
    variant, dtype, threads
        The network's.
    batch, height, width
        The shape of its input.
    macs
        Multiply-adds for one picture.
    calls
        Seconds of each call of ``Network.logits``, or ``features`` where there is no classifier.
    peak
        10^9 operations a second, of multiply-adds on registers alone, on as many threads: the better of one look before
        the calls and one after.
    resident_bytes
        The most memory that the process held during the calls, weights and compiler included; where the system cannot
        say that, since its start; None where it says nothing.
    engine_bytes
        The engine's part: packed weights, and what a run needs for activations.
    steps
        What each step took, in execution order up to the logits or features; empty unless asked for.
    seconds_of_pass
        What a pass took, a call on one picture with clocks between the steps, made in turns with the calls: the mean
        over the middle half of the passes, those that took neither least nor most. Those of the steps are from the same
        passes. 0 where no steps were asked for.
    """

    variant: str
    dtype: str
    threads: int
    batch: int
    height: int
    width: int
    macs: int
    calls: tuple[float, ...] = field(repr=False)
    peak: float
    resident_bytes: int | None
    engine_bytes: int
    steps: tuple[StepTime, ...] = field(default=(), repr=False)
    seconds_of_pass: float = field(default=0.0, repr=False)

    @property
    def seconds(self) -> float:
        """The median call."""
        return float(np.median(self.calls))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Seconds that a quarter of the calls, and three quarters, stayed below."""
        low, high = np.percentile(self.calls, (25, 75))
        return float(low), float(high)

    @property
    def seconds_per_picture(self) -> float:
        """The median call divided by the batch."""
        return self.seconds / self.batch

    @property
    def gflops(self) -> float:
        """10^9 operations a second in the median call."""
        return _gflops(self.macs, self.seconds_per_picture)

    @property
    def unit(self) -> str:
        """What a speed is counted in: ``GFLOP/s``, or ``Gop/s`` of integers."""
        return "Gop/s" if self.dtype.startswith("int") else "GFLOP/s"

    @property
    def share_of_peak(self) -> float:
        """Speed as a part of the peak."""
        return self.gflops / self.peak

    @property
    def all_steps(self) -> StepTime:
        """The sum of all steps."""
        return total("all steps", self.steps)

    @property
    def rest(self) -> StepTime:
        """What a pass takes beyond its steps: checks, memory, the picture put in place, the answer taken out."""
        return StepTime((), "rest of the call", self.seconds_of_pass - self.all_steps.seconds, 0)

    def by_kind(self) -> list[StepTime]:
        """Sum up the steps of each kind; the kind that takes longest comes first."""
        kinds: dict[str, list[StepTime]] = {}
        for step in self.steps:
            kinds.setdefault(step.kind, []).append(step)
        return sorted((total(kind, steps) for kind, steps in kinds.items()), key=lambda total: -total.seconds)


def total(kind: str, steps: Sequence[StepTime]) -> StepTime:
    """The sum of steps; it has a bound if all of them have one."""
    members = tuple(name for step in steps for name in step.steps)
    bounds = [step.bound for step in steps if step.bound is not None]
    return StepTime(
        members,
        kind,
        math.fsum(step.seconds for step in steps),
        sum(step.macs for step in steps),
        math.fsum(bounds) if len(bounds) == len(steps) else None,
    )


def _gflops(macs: int, seconds: float) -> float:
    return 2 * macs / seconds / 1e9 if seconds > 0 else 0.0


_SQUEEZE_EXCITE = (names.SQUEEZE, names.REDUCE, names.GATE, names.EXCITE)


def kind_of(steps: Iterable[Step]) -> str:
    """Name the kind of a step, or of several that run as one: of those among them that multiply and add.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> plan = make_plan(variant("b0"))
    >>> [kind_of([plan[name]]) for name in ("stem", "block2a.depthwise", "block2a.gate")]
    ['stem', 'depthwise 3x3/2', 'squeeze-excite']
    >>> kind_of([plan["block2b.project"], plan["block2b.add"]])
    'project'
    """
    steps = list(steps)
    counted = [step for step in steps if step.macs] or steps
    return " + ".join(dict.fromkeys(map(_kind_of_one, counted)))


def _kind_of_one(step: Step) -> str:
    last = step.name.rsplit(".", 1)[-1]
    if step.op == "depthwise":
        return f"{last} {step.kernel}x{step.kernel}" + (f"/{step.stride}" if step.stride > 1 else "")
    return "squeeze-excite" if last in _SQUEEZE_EXCITE else last


def short_label(steps: Sequence[str]) -> str:
    """Join the names of one block: ``block2b.project + add``.

    Examples
    --------
    >>> short_label(("block2b.project", "block2b.add")), short_label(("head", "pool"))
    ('block2b.project + add', 'head + pool')
    """
    block = steps[0].rpartition(".")[0]
    rest = [name.removeprefix(f"{block}.") if block else name for name in steps[1:]]
    return " + ".join((steps[0], *rest))
