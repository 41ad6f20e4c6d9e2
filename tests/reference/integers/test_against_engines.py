"""Every tensor of whole networks, and single operations under drawn scales: no element differs from the engines."""

import numpy as np
import pytest
from helpers.integer_networks import FILES, content, find, network, picture, pooled

from refnet.reference.integers.engine import Rescaling, engine

pytest.importorskip("tflite_micro", reason="needs tflite-micro")

from dataclasses import replace

from integer_comparison import WHOLE, Counts, compare_drawn, compare_network
from integer_engines import RUNNERS

KINDS = {
    "swish.tflite": {"convolution", "depthwise", "dense", "logistic", "multiply", "mean", "add", "softmax"},
    "relu6.tflite": {"convolution", "depthwise", "dense", "mean", "add", "softmax"},
}


@pytest.mark.parametrize("name", FILES)
def test_whole_networks(name):
    counts = Counts()
    compare_network(content(name), network(name), picture(6), counts)
    assert {kind for of, kind in counts.both if of == "xnnpack"} == {*KINDS[name], WHOLE}
    assert {kind for of, kind in counts.both if of != "xnnpack"} == {*KINDS[name], "quantise"}
    assert counts.differ == 0, counts.table()


def test_an_average_pool():
    counts, data = Counts(), pooled().packed()
    compare_network(data, find(data), picture(7), counts)
    assert {counts.both[of, "average_pool"][0] for of in RUNNERS} == {1280}
    assert counts.differ == 0, counts.table()


def test_drawn_scales():
    """Near ties, where a last place decides, and on ties, where their direction shows."""
    counts = Counts()
    compare_drawn(content("swish.tflite"), network("swish.tflite"), np.random.default_rng(17), 14, counts)
    assert {(of, kind) for of in RUNNERS for kind in KINDS["swish.tflite"]} == set(counts.both)
    assert counts.differ == 0, counts.table()


@pytest.mark.parametrize(
    ("of", "kind", "changes"),
    [
        ("tflm", "convolution", {"convolution": Rescaling("single")}),
        ("tflm", "convolution", {"convolution": Rescaling("double", "float32")}),
        ("tflite", "multiply", {"multiply": Rescaling("double", "float64")}),
        ("tflm", "multiply", {"multiply": Rescaling("double", "float32")}),
        ("tflite", "dense", {"dense": Rescaling("double")}),
        ("xnnpack", "convolution", {"convolution": Rescaling("fp32-even", "float64")}),
        ("tflm", "add", {"add": "double-up"}),
        ("xnnpack", "add", {"add": "double"}),
        ("tflm", "mean", {"mean": "single"}),
        ("tflm", "logistic", {"logistic": "float32"}),
        ("tflite", "logistic", {"logistic": "fixed-point"}),
        ("tflite", "logistic", {"logistic": "float64"}),
        ("xnnpack", "logistic", {"logistic": "float32"}),
    ],
)
def test_another_way_would_differ(of, kind, changes, monkeypatch):
    """What is drawn tells each set of policies from its neighbours."""
    monkeypatch.setitem(RUNNERS, "another", RUNNERS[of])
    another, counts = replace(engine(of), name="another", **changes), Counts()
    compare_drawn(
        content("swish.tflite"), network("swish.tflite"), np.random.default_rng(18), 60, counts,
        kinds=[kind], engines=[another],
    )  # fmt: skip
    assert counts.differ > 0
