"""What a bench finds out: numbers to keep, compare and print."""

from __future__ import annotations

from collections.abc import Iterable
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
        For one picture.
    macs
        Multiply-adds for one picture.

    Examples
    --------
    >>> StepTime(("block2b.project", "block2b.add"), "project", 100e-6, 10_000_000).gflops
    200.0
    """

    steps: tuple[str, ...]
    kind: str
    seconds: float
    macs: int

    @property
    def gflops(self) -> float:
        """10^9 operations a second; 0 where nothing is multiplied and added."""
        return _gflops(self.macs, self.seconds)


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
    def seconds_of_steps(self) -> float:
        """The sum of all steps: one picture, without what a call does before the first step and after the last."""
        return sum(step.seconds for step in self.steps)

    def by_kind(self) -> list[StepTime]:
        """Sum up the steps of each kind; the kind that takes longest comes first."""
        kinds: dict[str, list[StepTime]] = {}
        for step in self.steps:
            kinds.setdefault(step.kind, []).append(step)
        return sorted((_total(kind, steps) for kind, steps in kinds.items()), key=lambda total: -total.seconds)


def _total(kind: str, steps: Iterable[StepTime]) -> StepTime:
    steps = list(steps)
    members = tuple(name for step in steps for name in step.steps)
    return StepTime(members, kind, sum(step.seconds for step in steps), sum(step.macs for step in steps))


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
