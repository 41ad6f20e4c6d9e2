"""The tool that measures refnet beside its peers."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from helpers.places import ROOT
from helpers.small_weights import make_weights

import refnet
from refnet.architecture.scaling import Coefficients
from refnet.weights import synthetic
from refnet.weights.synthetic import picture_tensor

sys.path.insert(0, str(ROOT / "tools"))

import bench_peers as tool
from float_tflite import float_tflite
from peer_engines import ENGINES
from peer_files import FORMATS
from peer_tables import fastest, ratio
from peer_workers import Rounds
from peers import PEERS
from this_cpu import generation

ORT, OPENVINO, TORCH = (PEERS[name] for name in ("onnxruntime", "openvino", "torch"))


@pytest.mark.parametrize("coefficients", [Coefficients(0.125, 0.3, 48, lite=True), Coefficients(0.1, 0.3, 45)])
def test_litert_gets_the_same_network(coefficients):
    weights = make_weights(coefficients)
    weights = replace(weights, tensors=synthetic.tensors(weights.architecture))
    network = refnet.Network(weights)
    interpreter = Interpreter(model_content=float_tflite(weights, network.plan, 2))
    interpreter.allocate_tensors()
    picture = picture_tensor(network.plan.height, network.plan.width)
    x = np.concatenate([picture, -picture])
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    theirs = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    ours = network.logits(x)
    assert np.abs(ours[0] - ours[1]).max() > 1e-2
    assert theirs == pytest.approx(ours, rel=1e-4, abs=1e-5)


def test_padding_that_tensorflow_lite_has_not_is_refused():
    weights = make_weights(padding="symmetric")
    with pytest.raises(ValueError, match="symmetric"):
        float_tflite(weights, refnet.Network(weights).plan, 1)


def test_every_engine_has_a_program_and_a_file():
    names = [engine for peer in PEERS.values() for engine in peer.engines]
    assert {"refnet", "refnet float64", *names} == set(ENGINES)
    assert {name.partition(" ")[0] for name in ENGINES} == set(FORMATS)


def test_disturbed_rounds_do_not_count_where_most_are_calm():
    times = {"refnet": np.array([1.0, 2.0, 3.0, 4.0])}
    some = Rounds(times, np.array([1.0, 0.5, 0.9, 0.84]))
    assert (some.times["refnet"].tolist(), str(some)) == ([1, 3], "2 of 4")
    most = Rounds(times, np.array([1.0, 0.5, 0.6, 0.84]))
    assert (most.times["refnet"].tolist(), str(most)) == ([1, 2, 3, 4], "1 of 4, all counted")


def test_the_ratio_is_to_the_fastest_peer_of_each_round():
    times = {
        "refnet": np.array([3.0, 3.0, 3.0]),
        "ONNX Runtime": np.array([4.0, 6.0, 7.0]),
        "PyTorch NCHW": np.array([5.0, 5.0, 8.0]),
        "PyTorch NHWC": np.array([9.0, 9.0, 6.0]),
    }
    peers = [engine for engine in times if engine != "refnet"]
    assert ratio(times["refnet"], [times[peer] for peer in peers]) == "0.60 (0.55–0.68)"
    assert fastest(times, [ORT, OPENVINO, TORCH]) == "PyTorch 2, ONNX Runtime 1"
    assert fastest({"ONNX Runtime": times["ONNX Runtime"]}, [ORT, TORCH]) == "ONNX Runtime"
    assert (ratio(times["refnet"], []), fastest(times, [])) == ("–", "–")


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "kind"),
    [
        (
            "GenuineIntel",
            "6",
            "avx2 avx512f avx512_vnni avx512_vbmi2 avx512_bf16 amx_tile",
            "Sapphire or Emerald Rapids",
        ),
        ("GenuineIntel", "6", "avx2 avx512f avx512_vnni avx512_vbmi2", "Ice Lake or its kin"),
        ("GenuineIntel", "6", "avx2", "Haswell to Comet Lake"),
        ("AuthenticAMD", "26", "avx2 avx512f", "Zen 5 or later"),
        ("AuthenticAMD", "25", "avx2 avx512f", "Zen 4"),
        ("AuthenticAMD", "25", "avx2", "Zen 3"),
        ("GenuineIntel", "6", "sse2", ""),
        (None, None, "", ""),
    ],
)
def test_generations_are_told_by_what_a_cpu_can_do(vendor, family, flags, kind):
    assert generation({"vendor_id": vendor, "cpu family": family, "flags": flags}) == kind


def test_a_run(capsys):
    command = "--models lite0 --threads 1 --rounds 1 --tables speed --dtype float32 --engines onnxruntime"
    assert tool.main(command.split()) == 0
    out = capsys.readouterr().out
    assert f"`python tools/bench_peers.py {command}`" in out
    assert "| ONNX Runtime | 1." in out
    cells = [cell.strip() for cell in out.splitlines()[-1].strip("|").split("|")]
    model, batch, threads, ours, theirs, against, winner, _, calm = cells
    assert (model, batch, threads, winner) == ("lite0", "1", "1", "ONNX Runtime")
    assert calm in ("1 of 1", "0 of 1, all counted")  # as others let it be
    # Times are rounded to tenths of a millisecond, the ratio of the unrounded ones to hundredths.
    mine, other = float(ours.split()[0]), float(theirs.split()[0])
    least, most = (mine - 0.05) / (other + 0.05), (mine + 0.05) / (other - 0.05)
    assert least - 0.0051 <= float(against.split()[0]) <= most + 0.0051
