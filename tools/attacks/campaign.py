"""A campaign: attacks for so many minutes, each kind with its share of the time, in as many processes as cores."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from attacks.case import FAULTS, Attack, Outcome
from attacks.worker import EVERY, Worker, file_name
from refnet.progress import task

MARGIN = 1.0  # seconds


@dataclass
class Found:
    """What was tried, and what came of it."""

    seed: int
    seconds: float = 0.0
    tried: Counter[str] = field(default_factory=Counter)
    faults: list[Outcome] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)

    def of(self, kind: str, attack: str = "") -> int:
        """How many faults are of a kind, of one attack or of all."""
        return sum(each.kind == kind and each.case.startswith(f"{attack}:" if attack else "") for each in self.faults)

    def kinds(self) -> dict[str, int]:
        """How many faults of each kind there are."""
        return {kind: self.of(kind) for kind in FAULTS}


class Campaign:
    """Runs cases until the time is over or somebody stops it."""

    def __init__(self, attacks: Iterable[Attack], seed: int, keep: Path, module: str = EVERY) -> None:
        self.attacks = list(attacks)
        self.found = Found(seed)
        self.keep = keep
        self._module = module
        self._begun: Counter[str] = Counter()  # cases that were begun
        self._spent: defaultdict[str, float] = defaultdict(float)  # seconds, of a group and of an attack
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, minutes: float, processes: int | None = None, tries: int | None = None) -> Found:
        """Attack for so many minutes, or so many tries of each attack; Ctrl-C ends it with what was found so far."""
        started = time.monotonic()
        end = started + minutes * 60
        count = processes or len(os.sched_getaffinity(0))
        threads = [threading.Thread(target=self._work, args=(end, tries)) for _ in range(count)]
        for thread in threads:
            thread.start()
        with task("attacking", total=minutes * 60, unit="s") as update:
            try:
                while any(thread.is_alive() for thread in threads):
                    threads[0].join(0.2) if threads[0].is_alive() else time.sleep(0.1)
                    tried, faults = self.found.tried.total(), len(self.found.faults)
                    told = f"attacking: {tried} tried, {faults} faults"
                    update(completed=time.monotonic() - started, description=told)
            except KeyboardInterrupt:
                pass
            finally:
                self._stop.set()
                for thread in threads:
                    thread.join()
        self.found.seconds = time.monotonic() - started
        return self.found

    def _work(self, end: float, tries: int | None) -> None:
        worker = Worker(self.keep, self._module)
        try:
            while not self._stop.is_set():
                drawn = self._draw(end - time.monotonic() - MARGIN, tries)
                if drawn is None:
                    return
                outcome = worker.run(*drawn, enough=lambda: self._stop.is_set() or time.monotonic() > end)
                if outcome is None:  # in the middle of a case: it counts for nothing
                    return
                self._note(drawn[0], outcome)
        finally:
            worker.stop()

    def _draw(self, left: float, tries: int | None) -> tuple[Attack, int, int] | None:
        """Draw from the group that has had the least time the attack that has had the least, of those that fit."""
        with self._lock:
            able = [each for each in self.attacks if min(each.seconds, 5.0) <= left]
            if tries is not None:
                able = [each for each in able if self._begun[each.name] < tries]
            if not able:
                return None
            attack = min(able, key=lambda each: (self._spent[each.group], self._spent[each.name], each.name))
            number = self._begun[attack.name]
            self._begun[attack.name] += 1
            self._spend(attack, 0.01)  # so that two processes draw two
            return attack, self.found.seed, number

    def _spend(self, attack: Attack, seconds: float) -> None:
        self._spent[attack.group] += seconds
        self._spent[attack.name] += seconds

    def _note(self, attack: Attack, outcome: Outcome) -> None:
        with self._lock:
            self._spend(attack, outcome.seconds)
            self.found.tried[attack.name] += 1
            self.found.slowest[attack.name] = max(self.found.slowest.get(attack.name, 0.0), outcome.seconds)
            if not outcome.kind:
                return
            self.found.faults.append(outcome)
            place = self.keep / file_name(outcome.case)
            place.mkdir(parents=True, exist_ok=True)
            (place / "fault.txt").write_text(f"{outcome.case}\n{outcome.kind}\n{outcome.text}\n", "utf-8", "replace")


def of_groups(attacks: Iterable[Attack], only: str | None) -> list[Attack]:
    """Choose attacks by the names of groups, or by their own, with commas between them."""
    attacks = list(attacks)
    if only is None:
        return attacks
    wanted = only.split(",")
    known = {name for each in attacks for name in (each.group, each.name)}
    if unknown := [name for name in wanted if name not in known]:
        groups = ", ".join(sorted({each.group for each in attacks}))
        raise SystemExit(f"no attack {', '.join(unknown)}; there are {groups}")
    return [each for each in attacks if each.group in wanted or each.name in wanted]
