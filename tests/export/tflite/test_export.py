"""Files of TensorFlow Lite from weight files, and from the command line."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.integer_networks import FOLDER
from helpers.integer_variants import grey, without_classifier
from helpers.quantised_weights import make_quantised

import refnet
from refnet.cli import main
from refnet.errors import InputError
from refnet.export.tflite.export import export_tflite
from refnet.reference.integers.evaluate import evaluate

pytest.importorskip("tflite_micro", reason="needs tflite-micro")

from integer_engines import RUNNERS

LITE = FOLDER / "lite.h5"


def test_another_size(tmp_path):
    """The same numbers, on the plan of that size."""
    net = refnet.load(LITE, size=(40, 64))
    export_tflite(net.weights, tmp_path / "wide.tflite", size=(40, 64))
    again = refnet.load(tmp_path / "wide.tflite")
    x = np.random.default_rng(1).integers(-128, 128, (1, 40, 64, 3)).astype(np.int8)
    *_, (_, codes) = evaluate(again.weights.network, again.weights.engine, x)
    assert RUNNERS["tflm"]((tmp_path / "wide.tflite").read_bytes(), x).tolist() == codes.tolist()
    assert net.probabilities(x).tolist() == again.probabilities(x).tolist()


@pytest.mark.parametrize("change", [grey, without_classifier])
def test_other_ends(tmp_path, change):
    """Pictures of one channel, and no classes: engines run them, and they come back."""
    weights = make_quantised(labels=None)
    weights = replace(weights, network=change(weights.network))
    export_tflite(weights, tmp_path / "x.tflite")
    again = refnet.load(tmp_path / "x.tflite").weights
    assert again.digest() == weights.digest()
    plan = again.network.plan
    x = np.random.default_rng(1).integers(-128, 128, (1, *plan.steps[0].in_shape)).astype(np.int8)
    *_, (_, codes) = evaluate(again.network, again.engine, x)
    assert RUNNERS["tflm"]((tmp_path / "x.tflite").read_bytes(), x).tolist() == codes.tolist()


def test_the_same_bytes(tmp_path):
    weights = refnet.load(LITE).weights
    for name in ("one.tflite", "two.tflite"):
        export_tflite(weights, tmp_path / name)
    assert (tmp_path / "one.tflite").read_bytes() == (tmp_path / "two.tflite").read_bytes()


def test_refused(tmp_path):
    with pytest.raises(InputError, match=r"lite0 is of real numbers, .*`refnet quantise` makes one of it"):
        export_tflite(refnet.load("lite0").weights, tmp_path / "x.tflite")
    with pytest.raises(InputError, match="cannot export str; want weights"):
        export_tflite("lite0", tmp_path / "x.tflite")
    with pytest.raises(InputError, match=r"ends in \.bin; want \.tflite"):
        export_tflite(refnet.load(LITE).weights, tmp_path / "x.bin")
    assert not list(tmp_path.iterdir())


class TestCommand:
    def test_writes(self, tmp_path, capsys):
        path = tmp_path / "lite.tflite"
        assert main(["export", str(LITE), "-o", str(path), "--numbers", "float32"]) == 0
        assert capsys.readouterr().out == f"{path}  tinylite  48x48  {path.stat().st_size:,} bytes\n"
        x = np.zeros((1, 48, 48, 3), np.float32)
        answer = RUNNERS["tflite"](path.read_bytes(), x)
        assert answer.dtype == np.float32
        assert answer.tolist() == refnet.load(LITE).probabilities(x).tolist()

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ("-o x.bin", "its name ends in .bin; want .onnx or .tflite"),
            ("-o x.onnx --numbers int8", "--numbers is of .tflite files"),
        ],
    )
    def test_refused(self, arguments, why, capsys):
        assert main(["export", str(LITE), *arguments.split()]) == 2
        assert why in capsys.readouterr().err
