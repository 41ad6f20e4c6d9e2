"""A case: one try of an attack, drawn from a seed, and what may come of it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAULTS = {
    "wrong": "another result, or a changed number taken for equal",
    "traceback": "an error that is not refnet's, or an exit code that is not documented",
    "hang": "over its time",
    "crash": "the process died",
    "cost": "more than 2 s of CPU a megabyte of file, or more than 1 GB of memory",
    "leftover": "files or processes left behind",
}


class FaultError(Exception):
    """What an attack has found: one of ``FAULTS``, and how it looked."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind, self.text = kind, text


@dataclass
class Case:
    """One try: its own chance, an empty folder, and what this process keeps for all its cases."""

    attack: str
    seed: int
    number: int
    folder: Path
    kept: dict[str, Any] = field(default_factory=dict)
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.name)

    @property
    def name(self) -> str:
        """What `--repeat` takes."""
        return f"{self.attack}:{self.seed}:{self.number}"

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Make what all cases of this process share."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]


@dataclass(frozen=True)
class Attack:
    """Tries one thing: returns if all is right, and raises a FaultError if not."""

    name: str
    run: Callable[[Case], None]
    seconds: float = 20.0  # of its time; over is a hang

    @property
    def group(self) -> str:
        """What comes before the stroke."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Outcome:
    """How a case ended: clean if there is no kind."""

    case: str
    kind: str = ""
    text: str = ""
    seconds: float = 0.0


def patience() -> float:
    """How many times longer than on an idle machine to wait, where more wants to run than there are cores."""
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), 8.0)
