"""Measure a user's whole job, from files to classes, beside Pillow with ONNX Runtime, OpenVINO and PyTorch.

    pip install -e '.[test]' openvino
    python tools/bench_folder.py FOLDER [--models lite0 b0@synthetic] [--threads 1 2] [--rounds 5] [--tables folder …]

FOLDER holds photographs. Every engine runs in a process of its own (tools/folder_engines.py), in alternating rounds;
medians count. ONNX Runtime and OpenVINO have two loops, of which the faster counts: threads that each prepare a picture
and run the network on it, and threads that prepare ahead of batches. Prints Markdown tables:

    prepare   CPU time of one picture's preparation, by recipe, beside Pillow's decode, resize and conversion to float
    folder    pictures a second, and what share of the processor time is decoding and the network
    process   the same from a new process: `refnet predict FOLDER` beside their programs
    one       a new process for one photograph
    memory    resident memory over 10,000 pictures
    killed    runs of `refnet predict` killed at random moments and resumed, beside an undisturbed one
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bench_peers import positive
from folder_engines import ENGINES, files_in
from peer_files import weights_of
from peer_tables import header, row, spread
from peer_workers import WorkerError
from PIL import Image
from this_cpu import cpu_name

import refnet
from refnet.checks import available_cores
from refnet.export import onnx
from refnet.preprocessing.read_image import read_image
from refnet.preprocessing.recipe import RECIPES
from refnet.weights import writer

PROGRAM = Path(__file__).with_name("folder_engines.py")
REFNET = "refnet"
TABLES = ("prepare", "folder", "process", "one", "memory", "killed")
FILTERS = {"pil-nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR}
MANY = 10_000

say = partial(print, file=sys.stderr, flush=True)


class Model:
    """One model as files for every engine; their names end with the side of its input."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.weights = weights_of(name.removesuffix("@synthetic"))
        self.side = self.weights.architecture.resolution

    def file(self, engine: str) -> Path:
        """Get the file that an engine reads; write it if this is the first to ask."""
        suffix = {"refnet": "h5", "PyTorch": "pt"}.get(engine.partition(",")[0], "onnx")
        path = self.folder / f"{self.name.partition('@')[0]}-{self.side}.{suffix}"
        if not path.exists():
            if suffix == "h5":
                writer.write(path, self.weights)
            elif suffix == "onnx":
                onnx.export_onnx(self.weights, path)
            else:
                import torch
                from torch_peer import peer

                torch.save(peer(self.weights, self.side), path)
        return path


class Worker:
    """An engine in a process that waits to be asked."""

    def __init__(self, engine: str, model: Model, threads: int, pictures: Path) -> None:
        self.engine = engine
        command = [sys.executable, PROGRAM, engine, model.file(engine), str(threads), pictures, "serve"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, times: int = 1) -> dict[str, Any]:
        """Classify the folder, so many times over."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # its end is told below
            print(json.dumps({"times": times}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.engine} ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def alternate(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """Call each contender once a round, another one first each time; what they return, round by round."""
    found: dict[str, list[Any]] = {name: [] for name in contenders}
    order = list(contenders)
    for number in range(rounds):
        first = number % len(order)
        for name in order[first:] + order[:first]:
            time.sleep(0.15)  # the threads of the last one stop spinning
            found[name].append(contenders[name]())
    return found


def cpu_of(call: Callable[[], object]) -> float:
    """Seconds of CPU that a call takes."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


class Report:
    """Measures and prints one table after the other."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options, self.work = options, work
        self.pictures = options.folder
        self.files = files_in(str(options.folder))
        self.models = [Model(name, work) for name in options.models]

    def prepare(self) -> None:
        """Time each recipe on every photograph, beside Pillow with the same filter."""
        print(f"\n## Preparation\n\nMilliseconds of CPU a picture, medians over {len(self.files)} photographs.\n")
        print(header("recipe", "side", "refnet", "of it decoding", "Pillow", "ratio"))
        for side in (224, 600):
            for name, recipe in RECIPES.items():
                if recipe.crop == "shorter-side" and recipe.crop_amount < side:
                    continue  # refused: what is seen would be surrounded by black
                network = refnet.load("lite0", threads=1, recipe=recipe, size=side)
                kind = next((kind for kind in FILTERS if kind in recipe.resize), "bicubic")
                resample = FILTERS.get(kind, Image.Resampling.BICUBIC)
                found = []
                for file in self.files:
                    ours = partial(network.preprocess, file)
                    theirs = partial(by_pillow, file, side, resample)
                    pair = (ours, theirs) if len(found) % 2 else (theirs, ours)
                    took = {call: cpu_of(call) for call in pair}
                    found.append((took[ours], cpu_of(partial(read_image, file)), took[theirs]))
                mine, decoding, pillow = 1e3 * np.median(found, axis=0)
                ratio = np.median([a / c for a, _, c in found])
                print(row((name, side, f"{mine:.2f}", f"{decoding:.2f}", f"{pillow:.2f}", f"{ratio:.2f}")), flush=True)

    def folder(self) -> None:
        """Pictures a second, engines loaded and warm."""
        print(f"\n## A folder of {len(self.files)} photographs\n\nPictures a second, median (quartiles) of the rounds;")
        print(
            "below, milliseconds of CPU a picture, which a busy machine changes less (PyTorch's processes not counted)."
        )
        print("Share: CPU time of decoding and of the network alone, in parts of all that refnet takes.\n")
        print(header("model", "threads", *ENGINES, "refnet / best peer", "share"))
        for model in self.models:
            for threads in self.options.threads:
                say(f"folder: {model.name}, {threads} threads")
                self._folder(model, threads)

    def _folder(self, model: Model, threads: int) -> None:
        with ExitStack() as stack:
            started = {
                engine: stack.enter_context(Worker(engine, model, threads, self.pictures))
                for engine in self.options.engines
            }
            for engine in list(started):
                try:
                    started[engine].run()
                except WorkerError as error:
                    say(f"left out: {error}")
                    del started[engine]
            runs = alternate({engine: worker.run for engine, worker in started.items()}, self.options.rounds)
        count = len(self.files)
        rates = {engine: np.array([count / run["seconds"] for run in each]) for engine, each in runs.items()}
        costs = {engine: np.array([1e3 * run["cpu"] / count for run in each]) for engine, each in runs.items()}
        share = f"{1e3 * self._least(model) / np.median(costs[REFNET]):.0%}"
        for unit, found, best in (("", rates, np.max), (", ms of CPU", costs, np.min)):
            counted = {engine: each for engine, each in found.items() if not (unit and "DataLoader" in engine)}
            peers = [each for engine, each in counted.items() if engine != REFNET]
            ratio = spread(counted[REFNET] / best(peers, axis=0), 2) if peers else "–"
            cells = [spread(counted[engine], 1) if engine in counted else "–" for engine in ENGINES]
            print(row((model.name + unit, threads, *cells, ratio, share)), flush=True)

    def _least(self, model: Model) -> float:
        """Seconds of CPU for one picture's decoding and the network on it, one after the other, by one thread."""
        network = refnet.load(model.file(REFNET), threads=1)
        found = []
        for file in self.files:
            x = network.preprocess(file)
            found.append((cpu_of(partial(read_image, file)), cpu_of(partial(network.logits, x))))
        return float(np.mean(found, axis=0).sum())

    def process(self) -> None:
        """Time whole processes on the folder."""
        print("\n## The folder in a new process\n\nSeconds, median (quartiles) of the rounds.\n")
        print(header("model", "threads", *ENGINES, "refnet / best peer"))
        for model in self.models:
            threads = max(self.options.threads)
            say(f"process: {model.name}")
            contenders = {REFNET: partial(wall_of, self.command(model, threads, self.pictures))}
            for engine in self.options.engines:
                if engine != REFNET:
                    script = (PROGRAM, engine, model.file(engine), str(threads), self.pictures, "once")
                    contenders[engine] = partial(wall_of, [sys.executable, *script])
            times = {name: np.array(each) for name, each in alternate(contenders, self.options.rounds).items()}
            ratio = times[REFNET] / np.min([each for engine, each in times.items() if engine != REFNET], axis=0)
            cells = [spread(times[engine], 2) if engine in times else "–" for engine in ENGINES]
            print(row((model.name, threads, *cells, spread(ratio, 2))), flush=True)

    def one(self) -> None:
        """Time a new process for one photograph."""
        rounds = 4 * self.options.rounds
        print(f"\n## One photograph in a new process\n\nSeconds, median (quartiles) of {rounds} rounds.\n")
        print(header("model", REFNET, "ONNX Runtime", "ratio"))
        alone = self.work / "alone"
        alone.mkdir(exist_ok=True)
        (alone / "photo.jpeg").write_bytes(Path(self.files[0]).read_bytes())
        threads = max(self.options.threads)
        for model in self.models:
            script = (PROGRAM, "ONNX Runtime, workers", model.file("ONNX Runtime"), str(threads), alone, "once")
            contenders = {
                REFNET: partial(wall_of, self.command(model, threads, alone / "photo.jpeg")),
                "ONNX Runtime": partial(wall_of, [sys.executable, *script]),
            }
            alternate(contenders, 2)
            times = {name: np.array(each) for name, each in alternate(contenders, rounds).items()}
            ratio = spread(times[REFNET] / times["ONNX Runtime"], 2)
            print(row((model.name, *(spread(each, 2) for each in times.values()), ratio)), flush=True)

    def memory(self) -> None:
        """Watch refnet's resident memory over many pictures."""
        print(f"\n## Memory over {MANY} pictures\n\nMB resident, every 500 pictures.\n")
        print(header("model", "first", "least after that", "most", "last"))
        for model in self.models:
            with Worker(REFNET, model, max(self.options.threads), self.pictures) as worker:
                sizes = [size / 1e6 for size in worker.run(max(1, MANY // len(self.files)))["resident"]]
            cells = (sizes[1], min(sizes[1:]), max(sizes), sizes[-1])
            print(row((model.name, *(f"{size:.0f}" for size in cells))), flush=True)

    def killed(self) -> None:
        """Kill runs at random moments and resume them."""
        model = self.models[0]
        whole = self.work / "whole.csv"
        seconds = wall_of([*self.command(model, 2, self.pictures), "-o", whole])
        wanted = whole.read_bytes()
        chance = random.Random(0)
        equal = 0
        for number in range(20):
            result = self.work / f"killed-{number}.csv"
            command = [*self.command(model, 2, self.pictures), "-o", result]
            for attempt in range(100):
                resume = ["--resume"] if attempt else []
                process = subprocess.Popen([*command, *resume], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                try:
                    process.communicate(timeout=seconds * chance.uniform(0.1, 1.0))
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
                    process.communicate()
            left = [path.name for path in self.work.glob(f"{result.name}?*")]
            equal += result.exists() and result.read_bytes() == wanted and not left
        print(f"\n## Killed and resumed\n\n{equal} of 20 runs ended with the undisturbed run's file, nothing left.")

    def command(self, model: Model, threads: int, what: Path) -> list[Any]:
        """`refnet predict` with these weights."""
        return [sys.executable, "-m", "refnet", "predict", "-m", model.file(REFNET), "--threads", str(threads), what]


def by_pillow(file: str, side: int, resample: Image.Resampling) -> Any:
    """Do the least that anybody does with Pillow: decode, resize, make it float32."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((side, side), resample), np.float32)


def wall_of(command: Sequence[Any]) -> float:
    """Seconds that a program takes."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["lite0", "b0@synthetic"])
    parser.add_argument("--threads", nargs="+", type=positive, default=[1, 2])
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    options = parser.parse_args(arguments)
    print(f"# A folder of pictures\n\n{cpu_name()}, {available_cores()} cores, refnet {refnet.__version__}.")
    with tempfile.TemporaryDirectory() as work:
        report = Report(options, Path(work))
        for table in options.tables:
            getattr(report, table)()
    return 0


if __name__ == "__main__":
    sys.exit(main())
