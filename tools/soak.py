"""Use refnet for a long time, and look whether anything changes: python tools/soak.py --minutes 60 --seed 7.

Networks of several models, dtypes and numbers of threads are loaded and dropped; they run batches of many sizes, give
features, prepare and stream pictures, and are recorded and compared, in four threads at once. Each result must equal
the first of its kind: one picture has one result, whatever the batch, the threads and what else goes on. Every ten
seconds the process is looked at: its memory while all are busy, then, when they have come to rest and dropped their
networks, its memory, descriptors and threads. The exit code is 1 if a result differs or what is held at rest grows.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import numpy as np

import refnet
from refnet.progress import task
from refnet.weights import synthetic

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from helpers.photos import write_pictures

MODELS = ("lite0", "lite1@synthetic", "b0@synthetic", "b1@synthetic")
SIZES = ((32, 32), (47, 64), (97, 64), (128, 160), (224, 224))
STEPS = ("stem", "block2a.project", "block3a.depthwise", "block5a.project.conv", "pool")
CALLERS, KEPT = 4, 3
PICTURES = 12
EVERY = 10.0  # seconds between two looks
ROOM = 0.05  # of its memory that a process may gain over the second half: the allocator keeps now more, now less


@dataclass(frozen=True)
class Look:
    """What the process held at a time: memory while it was busy, and all else at rest."""

    seconds: float
    busy_mb: float
    rest_mb: float
    descriptors: int
    threads: int


@dataclass
class Soaked:
    """What was done, and whether all was equal and flat."""

    seed: int
    results: int = 0
    different: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)

    def second_half(self) -> list[Look]:
        """The looks of the second half: by then everything has been loaded once."""
        return self.looks[len(self.looks) // 2 :]

    def growth_mb(self) -> float:
        """How much memory grew over the second half, by the straight line through it."""
        looks = self.second_half()
        if len(looks) < 3:
            return 0.0
        line = linear_regression([look.seconds for look in looks], [look.rest_mb for look in looks])
        return float(line.slope) * (looks[-1].seconds - looks[0].seconds)

    def grew(self) -> list[str]:
        """Name what grew over the second half: memory by the line through it, and whatever is counted."""
        half = self.second_half()
        third = len(half) // 3
        found = [
            f"the number of {name} grew"
            for name in ("descriptors", "threads")
            if third and _middle(half[-third:], name) > _middle(half[:third], name) + 1
        ]
        if half and self.growth_mb() > max(16.0, ROOM * half[0].rest_mb):
            found.append(f"memory grew by {self.growth_mb():.0f} MB over the second half")
        return found


def _middle(looks: list[Look], name: str) -> float:
    return float(median(getattr(look, name) for look in looks))


class Soak:
    """Everything that is done again and again; each job says what it gave, by kind."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.found = Soaked(seed)
        self.folder = folder
        self.pictures = write_pictures(folder / "pictures", PICTURES)
        self.done: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._networks: dict[tuple[str, str, int], refnet.Network] = {}
        self._lock = threading.Lock()
        self._recorded = 0

    def job(self) -> Callable[[], None]:
        """Draw a job; all chance is drawn here, in one thread, so that a seed says what is done."""
        kinds = (self.run_batch, self.take_features, self.stream, self.prepare, self.record)
        (kind,) = self.random.choices(kinds, (8, 6, 3, 2, 1))
        model, dtype = self.random.choice(MODELS), self.random.choice(("float32", "float32", "float64"))
        key = model, dtype, self.random.randint(1, 3)
        drawn = random.Random(self.random.getrandbits(64))

        def run() -> None:
            kind(key, drawn)
            self.done[kind.__name__.replace("_", " ")] += 1

        return run

    def network(self, key: tuple[str, str, int]) -> refnet.Network:
        """Load a network, or take one that is still there; few are."""
        with self._lock:
            if key in self._networks:
                return self._networks[key]
        model, dtype, threads = key
        net = refnet.load(model, dtype=dtype, threads=threads)
        with self._lock:
            self._networks[key] = net
            while len(self._networks) > KEPT:
                del self._networks[next(iter(self._networks))]
        return net

    def same(self, kind: str, tensor: np.ndarray) -> None:
        """Compare a result with the first of its kind."""
        digest = hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()
        with self._lock:
            self.found.results += 1
            if self._first.setdefault(kind, digest) != digest:
                self.found.different.append(kind)

    def run_batch(self, key: tuple[str, str, int], drawn: random.Random) -> None:
        """Run up to five generated pictures of one size."""
        net = self.network(key)
        size, inputs = drawn.choice(SIZES), drawn.sample(range(6), drawn.randint(1, 5))
        x = np.concatenate([synthetic.uniform(f"soak {i}", (1, *size, 3)) for i in inputs])
        for i, logits in zip(inputs, net.logits(x), strict=True):
            self.same(f"logits of {key[:2]} on {size}, input {i}", logits)

    def take_features(self, key: tuple[str, str, int], drawn: random.Random) -> None:
        """Take some tensors out of the middle, which splits what runs as one otherwise."""
        net = self.network(key)
        size, i = drawn.choice(SIZES), drawn.randrange(6)
        steps = drawn.sample(STEPS, drawn.randint(1, len(STEPS)))
        for step, tensor in net.features(synthetic.uniform(f"soak {i}", (1, *size, 3)), at=steps).items():
            self.same(f"{step} of {key[:2]} on {size}, input {i}", tensor)

    def stream(self, key: tuple[str, str, int], drawn: random.Random) -> None:
        """Send some of the files through the network, as a stream or all at once."""
        net = refnet.load(key[0], dtype=key[1], threads=key[2], size=64)
        wanted = drawn.sample(range(PICTURES), drawn.randint(1, 4))
        paths = [self.pictures[i] for i in wanted]
        answers: Any = net.predict(iter(paths), 5) if drawn.random() < 0.5 else net.predict(paths, 5)
        for i, answer in zip(wanted, answers, strict=True):
            predictions = answer.predictions if isinstance(answer, refnet.Answer) else answer
            numbers = np.array([[p.index, p.value] for p in predictions or ()])
            self.same(f"predictions of {key[:2]} on picture {i}", numbers)

    def prepare(self, key: tuple[str, str, int], drawn: random.Random) -> None:
        """Make the network's input of a picture, whole or cropped by a recipe of another publisher."""
        net = self.network(key)
        i = drawn.randrange(PICTURES)
        self.same(f"input of {key[0]} of picture {i}", net.preprocess(Path(self.pictures[i]).read_bytes()))

    def record(self, key: tuple[str, str, int], drawn: random.Random) -> None:
        """Record a network, and compare the recording with itself."""
        with self._lock:
            self._recorded += 1
            target = self.folder / f"golden{self._recorded}{drawn.choice(['', '.h5', '.npz'])}"
        steps = ["stem", "block1a*", "head", "logits"]
        refnet.record(self.network(key), target, size=(32, 32), steps=steps)
        try:
            self.same("comparison of a recording with itself", np.array([refnet.compare(target, target).exit_code]))
        finally:
            remove(target)

    def look(self, seconds: float, rest: Callable[[], None]) -> None:
        """Look at the process while it is busy, and again at rest."""
        busy = memory()
        rest()
        self._networks.clear()
        gc.collect()
        threads = len(list(Path("/proc/self/task").iterdir()))
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        self.found.looks.append(Look(round(seconds, 1), busy, memory(), descriptors, threads))
        self.found.kinds = dict(self.done)


def memory() -> float:
    """Tell how many megabytes of memory this process holds."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    return round(int(status["VmRSS"].split()[0]) / 1024, 1)


def remove(target: Path) -> None:
    """Remove a golden: a file, or a folder of files."""
    if target.is_dir():
        for path in target.iterdir():
            path.unlink()
        target.rmdir()
    else:
        target.unlink()


def soak(minutes: float, seed: int, every: float = EVERY) -> Soaked:
    """Do all of it for so many minutes, or until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, ThreadPoolExecutor(CALLERS) as pool:
        work = Soak(seed, Path(folder))
        running: set[Future[None]] = set()
        started = time.monotonic()
        next_look, seconds = 0.0, 0.0

        def rest() -> None:
            work.found.failed += failures(wait(running).done)
            running.clear()

        with task("soak", total=minutes * 60, unit="s") as update, suppress(KeyboardInterrupt):
            while seconds < minutes * 60 and not work.found.different:
                running.update(pool.submit(work.job()) for _ in range(CALLERS - len(running)))
                done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                running -= done
                work.found.failed += failures(done)
                seconds = time.monotonic() - started
                if seconds >= next_look:
                    work.look(seconds, rest)
                    next_look += every
                update(completed=seconds)
        work.look(time.monotonic() - started, rest)
        return work.found


def failures(done: Iterable[Future[None]]) -> list[str]:
    """Say what went wrong in these jobs."""
    errors = [future.exception() for future in done]
    return ["".join(traceback.format_exception(error)) for error in errors if error is not None]


def main() -> int:
    """Soak, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found, every look included")
    options = parser.parse_args()
    found = soak(options.minutes, options.seed)
    half = found.second_half()
    what = ", ".join(f"{count} × {kind}" for kind, count in sorted(found.kinds.items()))
    print(f"{found.results} results in {found.looks[-1].seconds / 60:.1f} minutes, seed {found.seed}: {what}")
    print(f"second half: memory {span(half, 'busy_mb')} MB busy, {span(half, 'rest_mb')} MB at rest")
    print(f"second half: memory at rest {found.growth_mb():+.1f} MB by the line through it")
    print(f"second half: descriptors {span(half, 'descriptors')}, threads {span(half, 'threads')}")
    wrong = [f"differs: {kind}" for kind in found.different] + found.failed + found.grew()
    print("\n".join(wrong) if wrong else "every result equals the first of its kind; nothing grew")
    if options.json is not None:
        content = asdict(found) | {"growth_mb": round(found.growth_mb(), 1), "grew": found.grew()}
        options.json.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return 1 if wrong else 0


def span(looks: list[Look], name: str) -> str:
    """Write the least and the most of what was seen."""
    seen = [getattr(look, name) for look in looks]
    return f"{min(seen):g} to {max(seen):g}"


if __name__ == "__main__":
    sys.exit(main())
