"""Measure refnet's int8 kernels beside LiteRT and refnet's own float32: one machine, one run, alternating rounds.

    python tools/make_integer_networks.py lite0 --pictures FOLDER -o lite0-int8.tflite     (with TensorFlow)
    python tools/bench_integers.py lite0-int8.tflite [--model lite0] [--threads 1 2] [--rounds 30]

LiteRT runs the file with its default kernels, XNNPACK's; refnet runs what the file says by the policies of xnnpack, and
of tflm; float32 is ``--model`` with its own weights. In a round each gets a few calls while the others wait; the one
that begins changes. Medians and minima count, for the machine may be shared. Prints a Markdown table. What share of the
peak each step reaches says `refnet bench lite0-int8.h5 --threads 1 --steps`.
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
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.network import IntegerNetwork
from refnet.weights.synthetic import picture_tensor

CALLS = 3  # of each in a round
LITERT, FLOAT32 = "LiteRT (XNNPACK)", "refnet float32"
SETS = {"refnet int8 (xnnpack)": "xnnpack", "refnet int8 (tflm)": "tflm"}


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


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="lite0")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=30)
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


if __name__ == "__main__":
    main()
