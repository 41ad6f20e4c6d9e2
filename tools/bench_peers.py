"""Measure refnet beside its peers, engines that run the same network: same weights and inputs, one machine, one run.

    pip install -e '.[test]' openvino ncnn pnnx mnn
    python tools/bench_peers.py [--models b0 b1] [--threads 1 2] [--batch 1 8] [--rounds 15] [--engines openvino …]

Every engine runs in a process of its own (tools/peer_engines.py), in the settings that tools/peers.py says. In a round
each gets a block of calls, of which the median counts, while the others wait; the one that begins changes. Inputs are
ready in each engine's own layout. Before and after each block a burst of multiply-adds tells how fast the machine is:
a round with a burst much slower than the fastest one is left out, if at least half of all are not. An engine that is
not installed, or fails, is left out. Prints Markdown tables; --tables says which.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import numpy as np
from peer_files import Model
from peer_tables import distance, fastest, header, milliseconds, ratio, row, share, spread
from peer_workers import CALM, alternate, say, start_worker, workers
from peers import PEERS, REFNET, REFNET64, Peer, described, missing
from this_cpu import cpu_name, rates

from refnet.architecture.scaling import TABLE
from refnet.bench import measure_peak
from refnet.checks import available_cores
from refnet.version import __version__

DTYPES = {REFNET: "float32", REFNET64: "float64"}
TABLES = ("speed", "start", "exactness")
MODELS = ("b0", "lite0", "b1", "b4", "b7")
LARGER_BATCH = ("b0", 8)  # of the cases by default
GROWING_VARIANTS = ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7")
GROWING_BATCHES = (1, 2, 4, 8, 16, 32)
STARTS = 5


class Report:
    """Measures and prints one table after the other."""

    def __init__(self, options: argparse.Namespace, ours: list[str], peers: list[Peer], folder: Path) -> None:
        self.options, self.ours, self.peers, self.folder = options, ours, peers, folder
        self.engines = [*ours, *(engine for peer in peers for engine in peer.engines)]
        self.models: dict[str, Model] = {}

    def model(self, name: str) -> Model:
        """Get a model; it is made once."""
        if name not in self.models:
            self.models = {name: Model(name, self.folder)}
        return self.models[name]

    def speed(self) -> None:
        """Time every engine on every case."""
        print("\n## Speed\n")
        print(
            "Milliseconds a call: median of the rounds (quartiles). Ratio: refnet's time in parts of that of the\n"
            "fastest peer in the same round; who that was, and in how many rounds if not always the same. Peak: of\n"
            "fused multiply-adds on registers, on so many threads. Calm: rounds in which no burst of multiply-adds\n"
            f"reached less than {CALM:.0%} of the fastest one; only they count, or all if fewer than half are.\n"
        )
        both = self.ours == [REFNET, REFNET64]
        more = ("refnet float64", "float64 / float32", "of its peak") if both else ()
        names = [peer.name for peer in self.peers]
        titles = ("ratio", "the fastest peer", "of peak", "calm")
        print(header("model", "batch", "threads", self.ours[0], *names, *titles, *more))
        for name, batch in self.cases():
            for threads in self.options.threads:
                say(f"speed: {name}, batch {batch}, {threads} threads")
                print(row((name, batch, threads, *self._speed(name, batch, threads, both))), flush=True)

    def _speed(self, name: str, batch: int, threads: int, both: bool) -> list[str]:
        """Cells of one case."""
        model, peaks = self.model(name), Peaks(threads, [DTYPES[engine] for engine in self.ours])
        macs, ours = batch * model.plan.macs, self.ours[0]
        with workers(model, self.engines, batch, threads) as started:
            peaks.look()
            rounds = alternate(started, self.options.rounds, threads)
            peaks.look()
        times = rounds.times
        theirs = [times[engine] for peer in self.peers for engine in peer.engines if engine in times]
        cells = [milliseconds(times, ours), *(milliseconds(times, *peer.engines) for peer in self.peers)]
        cells += [ratio(times.get(ours), theirs), fastest(times, self.peers)]
        cells += [share(times, ours, macs, peaks.of(DTYPES[ours])), str(rounds)]
        if both:
            cells += [
                milliseconds(times, REFNET64),
                ratio(times.get(REFNET64), [times[REFNET]] if REFNET in times else []),
            ]
            cells += [share(times, REFNET64, macs, peaks.of("float64"))]
        return cells

    def cases(self) -> list[tuple[str, int]]:
        """Model and batch of what is timed."""
        models, batches = self.options.models, self.options.batch
        default = [LARGER_BATCH] if batches is None and LARGER_BATCH[0] in models else []
        return [(model, batch) for model in models for batch in batches or [1]] + default

    def start(self) -> None:
        """Measure fresh processes up to their first answer, the engines in turns."""
        threads = max(self.options.threads)
        print("\n## Start and memory\n")
        print(
            f"A fresh process of one model, batch 1, {threads} threads: from its start to its first answer, and the\n"
            f"most memory it had resident by then; median of {STARTS}. Files are in the page cache, and refnet's\n"
            "kernels in Numba's; PyTorch compiles anew in each.\n"
        )
        engines = [engine for engine in self.engines if engine != REFNET64]
        print(header("model", *engines))
        for name in self.options.models:
            say(f"start: {name}")
            found: dict[str, list[tuple[float, int]]] = {engine: [] for engine in engines}
            for _ in range(STARTS + 1):
                for engine in engines:
                    with workers(self.model(name), [engine], 1, threads) as started:
                        found[engine] += [(worker.start_up, worker.ask("memory")) for worker in started.values()]
            cells = []
            for each in found.values():
                seconds, size = np.median(each[1:], axis=0) if len(each) > 1 else (0, 0)  # the first filled the caches
                cells.append(f"{seconds:.2f} s, {size / 2**20:.0f} MiB" if seconds else "–")
            print(row((name, *cells)), flush=True)

    def exactness(self) -> None:
        """Measure how far every engine's float32 is from refnet's float64."""
        print("\n## Exactness\n")
        print(
            f"Distance of float32 logits from refnet's float64 logits over {self.options.inputs} generated pictures:\n"
            "rms relative to the rms of the logits, and in ulp of each logit (median, largest).\n"
        )
        engines = [engine for engine in self.engines if engine != REFNET64]
        print(header("model", *engines))
        threads = max(self.options.threads)
        for name in self.options.models:
            say(f"exactness: {name}")
            model = self.model(name)
            pictures = model.input(self.options.inputs)
            with start_worker(model, REFNET64, 1, threads) as worker:
                truth = worker.logits(pictures)
            cells = dict.fromkeys(engines, "–")
            for engine in engines:
                with workers(model, [engine], 1, threads) as started:
                    for worker in started.values():
                        cells[engine] = distance(worker.logits(pictures), truth)
            print(row((name, *cells.values())), flush=True)

    def growth(self) -> None:
        """Time refnet alone on all variants, and with growing batches."""
        threads = max(self.options.threads)
        print("\n## Growth\n")
        print(f"refnet, float32, {threads} threads, ms: median of the rounds (quartiles), all in turns.\n")
        with ExitStack() as stack:
            contenders, macs = {}, {}
            for name in GROWING_VARIANTS:
                say(f"growth: {name}")
                contenders[name] = stack.enter_context(start_worker(self.model(name), REFNET, 1, threads))
                macs[name] = self.model(name).plan.macs
            times = alternate(contenders, self.options.rounds, threads).times
        print(header("model", "GMAC", "ms", "ms / GMAC"))
        for name, each in times.items():
            print(row((name, f"{macs[name] / 1e9:.2f}", spread(each, 1), spread(each / macs[name] * 1e9, 1))))
        with ExitStack() as stack:
            contenders = {}
            for batch in GROWING_BATCHES:
                say(f"growth: b0, batch {batch}")
                contenders[batch] = stack.enter_context(start_worker(self.model("b0"), REFNET, batch, threads))
            times = alternate(contenders, self.options.rounds, threads).times
        print(f"\n{header('b0, batch', 'ms a call', 'ms a picture')}")
        for batch, each in times.items():
            print(row((batch, spread(each, 1), spread(each / batch, 2))))


class Peaks:
    """The CPU's peaks on so many threads, as the best of all looks."""

    def __init__(self, threads: int, dtypes: list[str]) -> None:
        self.threads = threads
        self.best = dict.fromkeys(dtypes, 0.0)

    def look(self) -> None:
        """Measure once more."""
        self.best = {dtype: max(best, measure_peak(dtype, self.threads)) for dtype, best in self.best.items()}

    def of(self, dtype: str) -> float:
        """GFLOP/s of a dtype."""
        return self.best[dtype]


def preamble(arguments: list[str], peers: list[Peer]) -> str:
    """Say what was run, where, in which versions and settings."""
    found = ", ".join(f"{package} {version(package)}" for package in ("numpy", "numba"))
    ours = ("refnet", __version__, f"float32 and float64; {found}")
    return (
        f"# refnet and its peers\n\n`{' '.join(['python tools/bench_peers.py', *arguments])}`\n\n"
        f"{cpu_name()}, {available_cores()} cores; {rates()}.\n"
        f"{platform.system()}, Python {platform.python_version()}.\n"
        "Weights are trained where they are on this machine (lite0 is), else generated.\n\n"
        + "\n".join([header("engine", "version", "settings"), *map(row, [ours, *described(peers)])])
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(TABLE), default=list(MODELS), metavar="MODEL")
    parser.add_argument("--threads", nargs="+", type=positive, default=[1, 2])
    parser.add_argument("--batch", nargs="+", type=positive, help="by default 1, and for b0 8 as well")
    parser.add_argument("--rounds", type=positive, default=15)
    parser.add_argument("--inputs", type=positive, default=8, help="pictures for the table of exactness")
    parser.add_argument("--engines", nargs="*", choices=list(PEERS), default=list(PEERS), help="the peers")
    parser.add_argument(
        "--dtype", nargs="+", choices=list(DTYPES.values()), default=list(DTYPES.values()), help="of refnet"
    )
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--all-variants", action="store_true", help="the table of growth as well")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """Read a number of something."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    ours = [engine for engine, dtype in DTYPES.items() if dtype in options.dtype]
    peers = [PEERS[name] for name in PEERS if name in options.engines and installed(name)]
    print(preamble(arguments, peers), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Report(options, ours, peers, Path(folder))
        for table in (*options.tables, *(["growth"] if options.all_variants else [])):
            getattr(report, table)()
    return 0


def installed(name: str) -> bool:
    """Whether all that an engine needs is here; say so if not."""
    absent = missing(PEERS[name])
    if absent:
        say(f"left out: {name}, for want of {', '.join(absent)}")
    return not absent


if __name__ == "__main__":
    sys.exit(main())
