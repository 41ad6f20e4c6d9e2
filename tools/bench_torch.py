"""Time refnet against PyTorch eager on B0, batch 1, the same weights and input, in alternating rounds of one run.

    python tools/bench_torch.py [--rounds N]

A round gives each contender a block of calls and keeps the median call; contenders take turns, and the first of a round
changes. PyTorch runs efficientnet-pytorch under inference_mode, in both memory formats: the faster one counts. Inputs
are ready in each one's own layout. Prints a Markdown table: median over the rounds (first to third quartile).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from torch_peer import peer, peer_input

from refnet import __version__, synthetic
from refnet.models import synthetic_weights
from refnet.network import Network

VARIANT = "b0"
THREADS = (2, 1)
CALLS = 20
WARM_UP = 3
PAUSE = 0.05  # seconds: the last contender's idle threads stop spinning

REFNET, NCHW, CHANNELS_LAST = "refnet", "PyTorch NCHW", "PyTorch channels last"


def contenders(threads: int) -> dict[str, Callable[[], object]]:
    """Functions that run the network once, ready to be timed; PyTorch's need its thread count to be set."""
    weights = synthetic_weights(VARIANT)
    size = weights.architecture.resolution
    x = synthetic.picture_tensor(size, size)
    net = Network(weights, threads=threads)

    def in_format(memory_format: torch.memory_format) -> Callable[[], object]:
        model = peer(weights, size).to(memory_format=memory_format)
        picture = peer_input(x).contiguous(memory_format=memory_format)

        def call() -> object:
            with torch.inference_mode():
                return model(picture)

        return call

    return {
        REFNET: lambda: net.logits(x),
        NCHW: in_format(torch.contiguous_format),
        CHANNELS_LAST: in_format(torch.channels_last),
    }


def median_call(call: Callable[[], object]) -> float:
    """Time a block of calls; the median in milliseconds."""
    time.sleep(PAUSE)
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(times))


def measure(rounds: int) -> dict[int, dict[str, list[float]]]:
    """Time every contender at every thread count once a round."""
    calls = {threads: contenders(threads) for threads in THREADS}
    times: dict[int, dict[str, list[float]]] = {t: {name: [] for name in calls[t]} for t in THREADS}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for threads in THREADS:
            torch.set_num_threads(threads)
            order = list(calls[threads])
            first = number % len(order)
            for name in order[first:] + order[:first]:
                times[threads][name].append(median_call(calls[threads][name]))
    return times


def spread(values: list[float], digits: int) -> str:
    """Median and quartiles."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    times = measure(options.rounds)

    print(
        f"{VARIANT.upper()}, batch 1, float32, ms; refnet {__version__}, torch {version('torch')} eager "
        f"({torch.backends.cpu.get_cpu_capability()}); {options.rounds} rounds of {CALLS} calls, median (quartiles)\n"
    )
    print(f"| threads | {REFNET} | {NCHW} | {CHANNELS_LAST} | refnet / the faster PyTorch, by round |")
    print("|---|---|---|---|---|")
    for threads, by_name in times.items():
        faster = min((NCHW, CHANNELS_LAST), key=lambda name: np.median(by_name[name]))
        ratios = [ours / theirs for ours, theirs in zip(by_name[REFNET], by_name[faster], strict=True)]
        cells = [spread(by_name[name], 1) for name in (REFNET, NCHW, CHANNELS_LAST)]
        print(f"| {threads} | {' | '.join(cells)} | {spread(ratios, 2)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
