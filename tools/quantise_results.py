"""Measure what int8 costs, by each way to quantise: docs/results/quantisation.md.

    python tools/quantise_results.py --photographs FOLDER --models lite0 lite1.h5 lite2.h5

The folder holds photographs whose names begin with their wnid, ``n01484850_great_white_shark.JPEG``. Networks are
calibrated on a quarter of them, evenly spaced. On all of them int8 and float32 answer; on some of the others their
steps are compared. The first model is quantised in every way, the others in a few. Of generated B0 weights, every step
is shown.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import refnet
from refnet import Network, QuantisedNetwork
from refnet.quantisation.nearness import Nearness, measure
from refnet.quantisation.pictures import Pictures
from refnet.quantisation.quantise import quantise
from refnet.quantisation.report.verdict import last, worst
from refnet.version import __version__

PAGE = Path(__file__).parents[1] / "docs" / "results" / "quantisation.md"
EVERY = 4  # which photographs are for the calibration
COMPARED = 10  # of the others, whose steps are compared
B0_CALIBRATED, B0_COMPARED = 16, 5
METHODS = ({}, {"method": "percentile"}, {"method": "mse"})
BESIDE = ({"correct_bias": True}, {"equalise": True}, {"equalise": True, "correct_bias": True})
PER = ({}, {"per": "tensor"})
ALL = [per | way for per in PER for way in (*METHODS, *BESIDE)] + [{"engine": "xnnpack"}]
SOME = [{}, {"correct_bias": True}, {"per": "tensor"}]
B0 = {"plain": {}, "equalised": BESIDE[1], "biases corrected": BESIDE[0], "both": BESIDE[2]}


@dataclass
class Photographs:
    """The pictures of one network's size, and what is on them."""

    x: np.ndarray
    wnids: list[str]

    @property
    def calibration(self) -> np.ndarray:
        """Which of them are for the calibration."""
        return np.arange(len(self.x)) % EVERY == 0


def read(network: Network, files: list[str]) -> Photographs:
    """Prepare photographs for a network."""
    x = np.concatenate(list(Pictures(files).prepared(network, "reading")))
    return Photographs(x, [Path(file).name.partition("_")[0] for file in files])


def in_words(way: dict[str, object]) -> str:
    """What a way to quantise is called."""
    method = str(way.get("method", "min-max"))
    said = [
        f"{method} {way.get('percentile', 99.99)}" if method == "percentile" else method,
        f"per {way.get('per', 'channel')}",
    ]
    said += [each for each, key in (("equalised", "equalise"), ("biases corrected", "correct_bias")) if way.get(key)]
    return ", ".join([*said, *([str(way["engine"])] if "engine" in way else [])])


def row(network: Network, photographs: Photographs, real: np.ndarray, way: dict[str, object]) -> str:
    """Quantise in one way, compare, and write the row of a table."""
    started = time.perf_counter()
    found = quantise(network, photographs.x[photographs.calibration], **way)
    ours = QuantisedNetwork(found.weights, threads=network.threads).answer(photographs.x)
    same = ours.argmax(axis=1) == real.argmax(axis=1)
    others = ~photographs.calibration
    step = last(nearness := measure(found, photographs.x[others][:: max(1, others.sum() // COMPARED)]))
    print(
        f"{network.variant}: {in_words(way)}: {same.sum()} of {len(same)}, {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    cells = [
        in_words(way),
        f"**{same.mean():.1%}**",
        f"{same.sum()} of {len(same)}",
        f"{same[others].sum()} of {others.sum()}",
        f"{right(network, ours, photographs)}",
        f"{np.median(np.abs(ours - real).max(axis=1)):.3f}",
        f"{step.snr:.1f}",
        f"{worst(nearness).name} {worst(nearness).snr:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def right(network: Network, answers: np.ndarray, photographs: Photographs) -> int:
    """How many photographs are of the class that their names say."""
    assert network.labels is not None
    wnids = network.labels.wnids
    return sum(wnids[place] == wnid for place, wnid in zip(answers.argmax(axis=1), photographs.wnids, strict=True))


def of_model(model: str, files: list[str], ways: list[dict[str, object]]) -> Iterator[str]:
    """The section on one model."""
    network = refnet.load(model, threads=int(os.environ.get("THREADS", "1")))
    photographs = read(network, files)
    real = network.answer(photographs.x)
    yield f"## {network.variant}\n"
    yield (
        f"Weights {network.weights.digest()[:16]}…, pictures of {network.plan.height} pixels; float32 is right on "
        f"{right(network, real, photographs)} of {len(files)}.\n"
    )
    header = ("way", "same top-1", "of all", "of others", "right", "probability off", "logits, dB", "worst step, dB")
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for way in ways:
        yield row(network, photographs, real, way)
    yield ""


def of_b0(files: list[str]) -> Iterator[str]:
    """The section on generated weights of B0, every step."""
    network = refnet.load("b0@synthetic", threads=int(os.environ.get("THREADS", "1")))
    x = read(network, files[:: len(files) // (B0_CALIBRATED + B0_COMPARED)]).x
    calibration, others = x[:B0_CALIBRATED], x[B0_CALIBRATED:][:B0_COMPARED]
    found: dict[str, Nearness] = {}
    for name, way in B0.items():
        found[name] = measure(quantise(network, calibration, **way), others)
        print(f"b0: {name}: {last(found[name]).snr:.1f} dB", flush=True)
    yield "## B0, generated weights: signal to noise of every step, in dB\n"
    yield (
        f"min-max, per channel, calibrated on {len(calibration)} photographs, compared on {len(others)} others. What "
        "lies behind a swish cannot be equalised: only the ends of blocks are.\n"
    )
    yield f"| step | {' | '.join(found)} |"
    yield f"|---|{'---|' * len(found)}"
    for steps in zip(*(each.steps for each in found.values()), strict=True):
        yield f"| `{steps[0].name}` | {' | '.join(f'{step.snr:.1f}' for step in steps)} |"
    yield ""


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", required=True, type=Path)
    parser.add_argument("--models", nargs="+", default=["lite0"])
    parser.add_argument("-o", "--out", type=Path, default=PAGE)
    options = parser.parse_args()
    files = sorted(str(file) for file in options.photographs.iterdir() if file.suffix in (".JPEG", ".jpg", ".png"))
    calibrated = len(files[::EVERY])
    lines = [
        "# What int8 costs\n",
        f"Made by `python tools/quantise_results.py`, refnet {__version__}. Of {len(files)} photographs, {calibrated} "
        f"are for the calibration, every {EVERY}th in the order of their names; *others* are the "
        f"{len(files) - calibrated} that it did not see. *Same top-1* compares int8, rounded as `tflm`, with float32; "
        "*probability off* is by how much the farthest of a picture's probabilities is, in the median. *Logits* and "
        f"*worst step* are signal to noise, on {COMPARED} of the others.\n",
    ]
    for place, model in enumerate(options.models):
        lines += of_model(model, files, ALL if place == 0 else SOME)
        options.out.write_text("\n".join(lines), encoding="utf-8")
    lines += of_b0(files)
    options.out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
