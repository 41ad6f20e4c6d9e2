"""Engines at work side by side: what tools/bench_peers.py measures with.

An engine is a process of its own that runs tools/peer_engines.py. They take turns, in rounds. How fast the machine is
at that moment is measured in between, so that rounds in which somebody else used it can be told.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from peer_files import Model

from refnet.kernels import fma_loop

PROGRAM = Path(__file__).with_name("peer_engines.py")

PAUSE = 0.15  # seconds before a block: the threads of the last engine stop spinning, which ONNX Runtime's do for 0.05
BLOCK = 0.3  # seconds of a block of calls, of which there are at least and at most so many
CALLS = (3, 20)
WARM_UP = 2
BURST = 0.01  # seconds; a process that wants the same core gets it within less
CALM = 0.85  # of the fastest burst: what a round's slowest has at least, if the machine was ours

say = partial(print, file=sys.stderr, flush=True)


class WorkerError(Exception):
    """An engine that did not answer."""


class Worker:
    """An engine with one model, number of threads and input, in a process that waits to be asked."""

    def __init__(self, engine: str, file: Path, x: Path, threads: int) -> None:
        self.engine = engine
        command = [sys.executable, PROGRAM, engine, file, x, str(threads)]
        begin = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()
        self.start_up = time.perf_counter() - begin

    def ask(self, do: str, **request: Any) -> Any:
        """Have something done, and wait until it is."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end is told below
            print(json.dumps({"do": do, **request}), file=self._process.stdin, flush=True)
        return self._answer()

    def logits(self, pictures: Path) -> np.ndarray:
        """Have pictures run one by one, from a file of f32[N, H, W, 3]: the logits [N, classes]."""
        to = pictures.with_suffix(".logits.npy")
        self.ask("logits", pictures=str(pictures), to=str(to))
        return np.load(to)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise WorkerError(f"{self.engine} ended with code {self._process.returncode}")
        return json.loads(line)

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_worker(model: Model, engine: str, batch: int, threads: int) -> Worker:
    """Start an engine on a model."""
    return Worker(engine, model.file(engine, batch), model.input(batch), threads)


@contextlib.contextmanager
def workers(model: Model, engines: list[str], batch: int, threads: int) -> Iterator[dict[str, Worker]]:
    """Start an engine after the other; those that fail are left out."""
    with ExitStack() as stack:
        started = {}
        for engine in engines:
            try:
                started[engine] = stack.enter_context(start_worker(model, engine, batch, threads))
            except (WorkerError, OSError) as error:
                say(f"left out: {error}")
        yield started


class Burst:
    """Multiply-adds on so many threads at once, for a moment: how fast the machine is."""

    def __init__(self, threads: int) -> None:
        self.values = [fma_loop.start_values(np.float32) for _ in range(threads)]
        self.repeats = 1
        self._seconds(0)  # compiles
        while self._seconds(0) < BURST:
            self.repeats *= 2

    def rate(self) -> float:
        """Bursts a second."""
        barrier = threading.Barrier(len(self.values))

        def work(thread: int) -> float:
            barrier.wait()
            return self._seconds(thread)

        with ThreadPoolExecutor(len(self.values)) as pool:
            return 1 / max(pool.map(work, range(len(self.values))))

    def _seconds(self, thread: int) -> float:
        begin = time.perf_counter()
        fma_loop.burn(self.values[thread], self.repeats)
        return time.perf_counter() - begin


@dataclass
class Rounds:
    """What was measured in turns.

    Attributes
    ----------
    all_times
        Of each contender, the median call of each round in milliseconds.
    pace
        Of each round the rate of the slowest burst, in parts of that of the fastest in any round.
    """

    all_times: dict[Any, np.ndarray]
    pace: np.ndarray

    @property
    def calm(self) -> np.ndarray:
        """In which rounds the machine was ours, as far as bursts show."""
        return self.pace >= CALM

    @property
    def counted(self) -> np.ndarray:
        """Which rounds count: the calm ones, or all where fewer than half are."""
        return self.calm if 2 * self.calm.sum() >= len(self.calm) else np.ones_like(self.calm)

    @property
    def times(self) -> dict[Any, np.ndarray]:
        """The times that count."""
        return {name: each[self.counted] for name, each in self.all_times.items()}

    def __str__(self) -> str:
        """Say how many rounds count, and why all do if they do in spite of it."""
        calm, all_of_them = self.calm.sum(), len(self.calm)
        return f"{calm} of {all_of_them}" + ("" if self.counted.sum() == calm else ", all counted")


def alternate(contenders: dict[Any, Worker], rounds: int, threads: int) -> Rounds:
    """Time contenders in turns, with a burst before each turn and after the last."""
    burst, calls = Burst(threads), {}
    for name, worker in contenders.items():
        (seconds,) = worker.ask("time", warm_up=1, calls=1)
        calls[name] = int(np.clip(BLOCK / seconds, *CALLS))
    times: dict[Any, list[float]] = {name: [] for name in contenders}
    pace, fastest = [], 0.0
    order = list(contenders)
    for number in range(rounds):
        first = number % max(1, len(order))
        bursts = []
        for name in order[first:] + order[:first]:
            time.sleep(PAUSE)
            bursts.append(burst.rate())
            warm_up = min(WARM_UP, calls[name] - 1)
            block = contenders[name].ask("time", warm_up=warm_up, calls=calls[name])
            times[name].append(1e3 * float(np.median(block)))
        time.sleep(PAUSE)
        bursts.append(burst.rate())
        pace.append(min(bursts))
        fastest = max(fastest, *bursts)
    return Rounds({name: np.array(each) for name, each in times.items()}, np.array(pace) / fastest)
