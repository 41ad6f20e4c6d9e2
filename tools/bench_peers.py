"""Measure refnet beside ONNX Runtime, OpenVINO and PyTorch eager: the same weights and inputs, one machine, one run.

    pip install -e '.[test]' openvino
    python tools/bench_peers.py [--models b0 b1] [--threads 1 2] [--batch 1 8] [--rounds 15] [--all-variants]

Every engine runs in a process of its own (tools/peer_engines.py). In a round each gets a block of calls, of which the
median counts, while the others wait; the one that begins changes. ONNX Runtime and OpenVINO run what `refnet export`
writes, with the batch made known to them; PyTorch runs efficientnet-pytorch or efficientnet-lite-pytorch in both memory
formats, of which the better counts. Inputs are ready in each engine's own layout. An engine that is not installed is
left out. Prints Markdown tables; --tables says which.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from peer_workers import OPENVINO, ORT, REFNET, REFNET64, TORCH, Model, alternate, say, workers

from refnet.architecture.scaling import TABLE
from refnet.bench import measure_peak
from refnet.checks import available_cores
from refnet.version import __version__

ENGINES = {"refnet": (REFNET, REFNET64), "onnxruntime": (ORT,), "openvino": (OPENVINO,), "torch": TORCH}
NEEDS = {
    "refnet": ("refnet",),
    "onnxruntime": ("onnx", "onnxruntime"),
    "openvino": ("onnx", "openvino"),
    "torch": ("torch", "efficientnet_pytorch", "efficientnet_lite_pytorch"),
}
DTYPES = {REFNET: "float32", REFNET64: "float64"}
TABLES = ("speed", "start", "exactness")
MODELS = ("b0", "lite0", "b1", "b4", "b7")
LARGER_BATCH = ("b0", 8)  # of the cases by default
GROWING_VARIANTS = ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7")
GROWING_BATCHES = (1, 2, 4, 8, 16, 32)
STARTS = 5


def row(cells: Iterable[object]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def header(*titles: str) -> str:
    """First two lines of a Markdown table."""
    return f"{row(titles)}\n{'|---' * len(titles)}|"


def spread(values: np.ndarray, digits: int) -> str:
    """Median and quartiles."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def milliseconds(times: dict[str, np.ndarray], *engines: str) -> str:
    """Time of an engine, or of the faster of several that are variations of one."""
    there = [engine for engine in engines if engine in times]
    if not there:
        return "–"
    best = min(there, key=lambda engine: np.median(times[engine]))
    return spread(times[best], 1) + (f" {best.split()[-1]}" if len(engines) > 1 else "")


def ratio(times: dict[str, np.ndarray], ours: str, *theirs: str) -> str:
    """Our time over the shortest of theirs, round by round."""
    there = [times[engine] for engine in theirs if engine in times]
    return spread(times[ours] / np.min(there, axis=0), 2) if ours in times and there else "–"


def share(times: dict[str, np.ndarray], engine: str, macs: int, peak: float) -> str:
    """How much of the peak in GFLOP/s an engine reaches."""
    return f"{2 * macs / 1e6 / np.median(times[engine]) / peak:.0%}" if engine in times else "–"


class Report:
    """Measures and prints one table after the other."""

    def __init__(self, options: argparse.Namespace, engines: list[str], folder: Path) -> None:
        self.options, self.engines, self.folder = options, engines, folder
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
            "faster of ONNX Runtime and OpenVINO in the same round. Peak: of fused multiply-adds on registers.\n"
        )
        both = REFNET64 in self.engines
        more = ("refnet float64", "float64 / float32", "of its peak") if both else ()
        print(header("model", "batch", "threads", REFNET, ORT, OPENVINO, "PyTorch", "ratio", "of peak", *more))
        for name, batch in self.cases():
            model = self.model(name)
            macs = batch * model.plan.macs
            for threads in self.options.threads:
                say(f"speed: {name}, batch {batch}, {threads} threads")
                peaks = Peaks(threads)
                with workers(model, self.engines, batch, threads) as started:
                    peaks.look()
                    times = alternate(started, self.options.rounds)
                    peaks.look()
                cells = [milliseconds(times, *group) for group in ((REFNET,), (ORT,), (OPENVINO,), TORCH)]
                cells += [ratio(times, REFNET, ORT, OPENVINO), share(times, REFNET, macs, peaks.float32)]
                if both:
                    cells += [milliseconds(times, REFNET64), ratio(times, REFNET64, REFNET)]
                    cells += [share(times, REFNET64, macs, peaks.float64)]
                print(row((name, batch, threads, *cells)), flush=True)

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
            "kernels in Numba's.\n"
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
            with model.start(REFNET64, 1, threads) as worker:
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
                contenders[name] = stack.enter_context(self.model(name).start(REFNET, 1, threads))
                macs[name] = self.model(name).plan.macs
            times = alternate(contenders, self.options.rounds)
        print(header("model", "GMAC", "ms", "ms / GMAC"))
        for name, each in times.items():
            print(row((name, f"{macs[name] / 1e9:.2f}", spread(each, 1), spread(each / macs[name] * 1e9, 1))))
        with ExitStack() as stack:
            contenders = {}
            for batch in GROWING_BATCHES:
                say(f"growth: b0, batch {batch}")
                contenders[batch] = stack.enter_context(self.model("b0").start(REFNET, batch, threads))
            times = alternate(contenders, self.options.rounds)
        print(f"\n{header('b0, batch', 'ms a call', 'ms a picture')}")
        for batch, each in times.items():
            print(row((batch, spread(each, 1), spread(each / batch, 2))))


class Peaks:
    """The CPU's peak on so many threads, as the best of all looks."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.float32 = self.float64 = 0.0

    def look(self) -> None:
        """Measure once more."""
        self.float32 = max(self.float32, measure_peak("float32", self.threads))
        self.float64 = max(self.float64, measure_peak("float64", self.threads))


def distance(logits: np.ndarray, truth: np.ndarray) -> str:
    """Relative rms, median and largest ulp of float32 logits."""
    error = np.abs(logits - truth)
    relative = np.sqrt(np.mean(error**2) / np.mean(truth**2))
    ulp = error / np.spacing(np.abs(truth).astype(np.float32))
    return f"{relative:.2e}, ulp {np.median(ulp):.1f}, {ulp.max():.0f}"


def preamble(arguments: list[str]) -> str:
    """Say what was run, where, and by which versions."""
    found = []
    for package in ("numpy", "numba", "onnxruntime", "openvino", "torch", "efficientnet-pytorch"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return (
        f"# refnet and its peers\n\n`{' '.join(['python tools/bench_peers.py', *arguments])}`\n\n"
        f"{cpu_name()}, {available_cores()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"refnet {__version__}, {', '.join(found)}.\n"
        "Weights are trained where they are on this machine (lite0 is), else generated."
    )


def cpu_name() -> str:
    """What the CPU calls itself."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(TABLE), default=list(MODELS), metavar="MODEL")
    parser.add_argument("--threads", nargs="+", type=positive, default=[1, 2])
    parser.add_argument("--batch", nargs="+", type=positive, help="by default 1, and for b0 8 as well")
    parser.add_argument("--rounds", type=positive, default=15)
    parser.add_argument("--inputs", type=positive, default=8, help="pictures for the table of exactness")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
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
    chosen = [name for name in ENGINES if name in options.engines and installed(name)]
    engines = [engine for name in chosen for engine in ENGINES[name] if DTYPES.get(engine) in (None, *options.dtype)]
    print(preamble(arguments), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Report(options, engines, Path(folder))
        for table in (*options.tables, *(["growth"] if options.all_variants else [])):
            getattr(report, table)()
    return 0


def installed(engine: str) -> bool:
    """Whether all that an engine needs is here; say so if not."""
    missing = [package for package in NEEDS[engine] if find_spec(package) is None]
    if missing:
        say(f"left out: {engine}, for want of {', '.join(missing)}")
    return not missing


if __name__ == "__main__":
    sys.exit(main())
