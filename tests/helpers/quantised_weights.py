"""Weights of integers for tests: those of the small fixtures, with all that a file can say."""

from dataclasses import replace

from helpers.integer_networks import network

from refnet.preprocessing.recipe import LITE
from refnet.reference.integers.engine import TFLM
from refnet.weights.labels import Labels
from refnet.weights.quantised import Calibration, QuantisedWeights
from refnet.weights.weights import Provenance


def make_quantised(file: str = "relu6.tflite", **changes: object) -> QuantisedWeights:
    weights = QuantisedWeights(
        network=network(file).network,
        engine=TFLM,
        recipe=LITE,
        labels=Labels(tuple(f"n{i:08}" for i in range(7)), tuple(f"thing {i}" for i in range(7))),
        provenance=Provenance("Jörg", "tiny.pth", "0123456789abcdef" * 4, "ema", "CC0-1.0", (("step", "no use"),)),
        calibration=Calibration("min-max", 25, "ab" * 32, "channel", True, False, "cd" * 32),
    )
    return replace(weights, **changes)
