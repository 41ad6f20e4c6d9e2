"""Measure refnet's int8 kernels beside LiteRT and refnet's own float32: one machine, one run, alternating rounds.

    python tools/make_integer_networks.py lite0 --pictures FOLDER -o lite0-int8.tflite     (with TensorFlow)
    python tools/bench_integers.py lite0-int8.tflite [--model lite0] [--threads 1 2] [--rounds 30] [--steps]

LiteRT runs the file with its default kernels, XNNPACK's; refnet runs what the file says by the policies of xnnpack, and
of tflm; float32 is ``--model`` with its own weights. In a round each gets a few calls while the others wait; the one
that begins changes. Medians and minima count, for the machine may be shared. --steps says what share of the measured
peak of sums of products each sweep of refnet reaches, on one thread. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import refnet
from refnet.checkpoints.graph.tflite.integers import find_integers
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.engine.integers.runner import IntegerEngine
from refnet.engine.integers.sweeps import Sweep, sweeps_of
from refnet.kernels.integers.dot_loop import burn, bytes_needed, macs_of_repeat
from refnet.kernels.integers.machine import dot
from refnet.kernels.rows import COUNTER_STRIDE
from refnet.kernels.units import integer_interpreter
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.weights.synthetic import picture_tensor

CALLS = 3  # of each in a round
LITERT, FLOAT32 = "LiteRT (XNNPACK)", "refnet float32"
SETS = {"refnet int8 (xnnpack)": "xnnpack", "refnet int8 (tflm)": "tflm"}
PEAK_REPEATS, PASSES = 2000, 30


def calls(data: bytes, network: IntegerNetwork, model: str, threads: int) -> dict[str, Callable[[], object]]:
    """One call of each engine on one picture."""
    height, width = network.plan.height, network.plan.width
    x = picture_tensor(height, width)
    codes = np.random.default_rng(0).integers(-128, 128, x.shape).astype(np.int8)
    answer = network.plan.answer
    found: dict[str, Callable[[], object]] = {}
    for name, policies in SETS.items():
        engine = IntegerEngine(network, ENGINES[policies], threads)
        into = {answer: np.empty((1, *engine.shapes[answer]), np.int8)}
        found[name] = lambda engine=engine, into=into: engine.run_batch(codes, into)
    interpreter = Interpreter(model_content=data, num_threads=threads)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], x if given["dtype"] == np.float32 else codes.view(given["dtype"]))
    found[LITERT] = interpreter.invoke
    floats = refnet.load(model, threads=threads)
    found[FLOAT32] = lambda: floats.answer(x)
    return found


def alternate(engines: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Milliseconds of all calls."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    order = list(engines)
    for call in engines.values():
        call()
    for _ in range(rounds):
        for name in order:
            for _ in range(CALLS):
                begin = time.perf_counter()
                engines[name]()
                times[name].append(1e3 * (time.perf_counter() - begin))
        order.append(order.pop(0))
    return {name: np.array(each) for name, each in times.items()}


def peak() -> float:
    """Multiply-adds of bytes in a second, of one thread on registers alone."""
    numbers = np.zeros(bytes_needed(), np.uint8)
    burn(numbers, 1)
    best = np.inf
    for _ in range(200):
        begin = time.perf_counter()
        burn(numbers, PEAK_REPEATS)
        best = min(best, time.perf_counter() - begin)
    return macs_of_repeat() * PEAK_REPEATS / best


def macs(operation: Operation, shape: tuple[int, ...]) -> int:
    """Multiply-adds of an operation whose output has this shape."""
    if operation.kernel is None:
        return 0
    weights = operation.kernel.weights
    pixels = int(np.prod(shape[:-1]))
    return pixels * weights.size


def by_steps(network: IntegerNetwork, policies: str) -> list[tuple[Sweep, int, float]]:
    """The sweeps of one thread, their multiply-adds, and the least seconds of each within whole passes."""
    answer = network.plan.answer
    engine = IntegerEngine(network, ENGINES[policies], 1)
    program = engine._program((network.plan.height, network.plan.width), frozenset([answer]), frozenset(["input"]))
    arena = program.make_arena(1)
    run_rows = integer_interpreter(engine.dtype)
    sweeps = sweeps_of(network, ["input"], [answer])
    least = [np.inf] * len(sweeps)
    for _ in range(PASSES):
        row = 0
        for i, sweep in enumerate(sweeps):
            last = row + (1 if sweep.expansion is None else 2)
            counters = np.zeros((2 * len(program.rows) + 1, COUNTER_STRIDE), np.int64)
            run = run_rows(program.rows, row, last, arena, engine._flat, program.constants, counters)
            begin = time.perf_counter()
            run()
            least[i] = min(least[i], time.perf_counter() - begin)
            row = last
    made = {operation.name: operation for operation in network.operations}
    work = []
    for sweep, seconds in zip(sweeps, least, strict=True):
        parts = [part.numbers for part in (sweep.expansion, sweep) if part is not None]
        work.append((sweep, sum(macs(made[name], engine.shapes[name]) for name in parts), seconds))
    return work


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="lite0")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps", action="store_true")
    options = parser.parse_args()
    data = options.file.read_bytes()
    network = find_integers(tflite_file.load(data)).network
    print("| threads | engine | median ms | least ms | median / LiteRT | median / float32 |\n|---|---|---|---|---|---|")
    for threads in options.threads:
        times = alternate(calls(data, network, options.model, threads), options.rounds)
        middle = {name: float(np.median(each)) for name, each in times.items()}
        for name, each in times.items():
            shares = " | ".join(f"{middle[name] / middle[other]:.2f}" for other in (LITERT, FLOAT32))
            print(f"| {threads} | {name} | {middle[name]:.2f} | {each.min():.2f} | {shares} |")
    if options.steps:
        most = peak()
        print(f"\nThe peak of `{dot()}`, one thread: {most / 1e9:.0f} G multiply-adds a second.\n")
        print("| sweep | microseconds | share of the peak |\n|---|---|---|")
        for sweep, work, seconds in by_steps(network, "xnnpack"):
            name = sweep.name if sweep.expansion is None else f"{sweep.expansion.name}, {sweep.name}"
            print(f"| {name} | {1e6 * seconds:.0f} | {work / seconds / most:.0%} |")


if __name__ == "__main__":
    main()
