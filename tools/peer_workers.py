"""Engines at work side by side: what tools/bench_peers.py measures with.

A model is written once for each engine to read; an engine is a process of its own that runs tools/peer_engines.py.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refnet.architecture.plan import make_plan
from refnet.errors import WeightsNotFoundError
from refnet.export import onnx
from refnet.hub.models import find_weights, synthetic_weights
from refnet.weights import synthetic, writer
from refnet.weights.weights import Weights

PROGRAM = Path(__file__).with_name("peer_engines.py")
REFNET, REFNET64, ORT, OPENVINO = "refnet", "refnet float64", "ONNX Runtime", "OpenVINO"
TORCH = ("PyTorch NCHW", "PyTorch NHWC")

PAUSE = 0.15  # seconds before a block: the threads of the last engine stop spinning, which ONNX Runtime's do for 0.05
BLOCK = 0.3  # seconds of a block of calls, of which there are at least and at most so many
CALLS = (3, 20)
WARM_UP = 2

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


class Model:
    """One model as files for every engine, and inputs for it, in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.weights = weights_of(name)
        self.plan = make_plan(self.weights.architecture)

    def file(self, engine: str) -> Path:
        """Get the file that an engine reads; write it if this is the first to ask."""
        suffix = "h5" if engine in (REFNET, REFNET64) else "pt" if engine in TORCH else "onnx"
        path = self.folder / f"{self.name}.{suffix}"
        if not path.exists():
            {"h5": self._write_h5, "pt": self._write_torch, "onnx": self._write_onnx}[suffix](path)
        return path

    def _write_h5(self, path: Path) -> None:
        writer.write(path, self.weights)

    def _write_onnx(self, path: Path) -> None:
        onnx.export_onnx(self.weights, path)

    def _write_torch(self, path: Path) -> None:
        import torch
        from torch_peer import peer

        torch.save(peer(self.weights, self.plan.height), path)

    def input(self, count: int) -> Path:
        """Write ``count`` generated pictures, all different: f32[N, H, W, 3] in [-2, 2)."""
        path = self.folder / f"{self.name}-{count}.npy"
        shape = (self.plan.height, self.plan.width, 3)
        pictures = [synthetic.uniform(f"input {number}", shape) for number in range(1, count + 1)]
        np.save(path, np.stack(pictures) * np.float32(2))
        return path

    def start(self, engine: str, batch: int, threads: int) -> Worker:
        """Start a worker for this model."""
        return Worker(engine, self.file(engine), self.input(batch), threads)


def weights_of(name: str) -> Weights:
    """Find trained weights or, if there are none on this machine, generate some."""
    try:
        return find_weights(name, download=False)
    except WeightsNotFoundError:
        return synthetic_weights(name)


@contextlib.contextmanager
def workers(model: Model, engines: list[str], batch: int, threads: int) -> Iterator[dict[str, Worker]]:
    """Start an engine after the other; those that fail are left out."""
    with ExitStack() as stack:
        started = {}
        for engine in engines:
            try:
                started[engine] = stack.enter_context(model.start(engine, batch, threads))
            except WorkerError as error:
                say(f"left out: {error}")
        yield started


def alternate(contenders: dict[Any, Worker], rounds: int) -> dict[Any, np.ndarray]:
    """Time contenders in turns; for each, the median call of each round in milliseconds."""
    calls = {}
    for name, worker in contenders.items():
        (seconds,) = worker.ask("time", warm_up=1, calls=1)
        calls[name] = int(np.clip(BLOCK / seconds, *CALLS))
    times: dict[Any, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for number in range(rounds):
        first = number % max(1, len(order))
        for name in order[first:] + order[:first]:
            time.sleep(PAUSE)
            warm_up = min(WARM_UP, calls[name] - 1)
            block = contenders[name].ask("time", warm_up=warm_up, calls=calls[name])
            times[name].append(1e3 * float(np.median(block)))
    return {name: np.array(each) for name, each in times.items()}
