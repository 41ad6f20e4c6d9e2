"""Integer networks as ONNX graphs: ONNX Runtime computes them as the set ``onnxruntime`` says, element by element."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from helpers.integer_networks import FILES, FOLDER, network, of_kinds, picture, symmetric
from helpers.integer_variants import without_classifier

import refnet
from refnet.cli import main
from refnet.errors import CheckpointError, InputError
from refnet.export.onnx_integers import export_onnx_integers
from refnet.preprocessing.recipe import LITE
from refnet.reference.integers.engine import ENGINES, engine
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.network import IntegerNetwork
from refnet.reference.integers.quantisation import dequantise
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weights import Provenance

pytest.importorskip("tflite_micro", reason="needs tflite-micro")

from integer_comparison import Counts
from integer_onnx import LEVELS, compare_answers, compare_drawn_onnx, compare_onnx, run

LITE_FILE = FOLDER / "lite.h5"


@pytest.fixture
def exported(tmp_path):
    def export(net: IntegerNetwork, form: str) -> bytes:
        weights = QuantisedWeights(net, ENGINES["onnxruntime"], LITE, None, Provenance(publisher="tests"))
        export_onnx_integers(weights, tmp_path / "net.onnx", form=form)
        return (tmp_path / "net.onnx").read_bytes()

    return export


@pytest.mark.parametrize("name", FILES)
def test_every_tensor(exported, name):
    """And the optimiser leaves the answers as they are."""
    net, counts = network(name).network, Counts()
    content = exported(net, "qlinear")
    compare_onnx(content, net, picture(1), counts)
    compare_answers(content, net, picture(1), counts, of="qlinear")
    assert {kind for _, kind in counts.both} == {each.kind for each in net.operations} | {"quantise", *LEVELS}
    assert counts.differ == 0, counts.table()


def test_drawn_scales():
    counts = Counts()
    compare_drawn_onnx(network("swish.tflite"), np.random.default_rng(2), 12, counts)
    assert len(counts.both) == 8
    assert counts.differ == 0, counts.table()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("logistic", {"logistic": "float64"}),
        ("multiply", {"multiply": ENGINES["xnnpack"].multiply}),
        ("add", {"add": "weighted"}),
        ("mean", {"mean": "float32"}),
        ("convolution", {"convolution": ENGINES["tflm"].convolution}),
    ],
)
def test_another_way_would_differ(kind, changes, monkeypatch):
    monkeypatch.setitem(ENGINES, "onnxruntime", replace(engine("onnxruntime"), **changes))
    counts = Counts()
    found = network("swish.tflite")
    only = tuple(each for each in found.network.operations if each.kind == kind)
    compare_drawn_onnx(
        found._replace(network=replace(found.network, operations=only)), np.random.default_rng(3), 40, counts
    )
    assert counts.differ > 0


@pytest.mark.parametrize(
    "change",
    [
        symmetric,
        lambda net: of_kinds(net, {".reduce.conv": "dense", ".gate.conv": "dense"}),
        lambda net: of_kinds(net, {"pool": "average_pool", "logits": "convolution"}),
    ],
    ids=["symmetric", "dense", "pool"],
)
@pytest.mark.parametrize("form", ["qdq", "qlinear"])
def test_other_graphs(exported, change, form):
    net = change(network("swish.tflite").network)
    if any(each.kind == "average_pool" for each in net.operations):
        net = replace(net, codes={**net.codes, "pool": net.codes["head"]})
    (answer,) = run(exported(net, form), picture(2)).values()
    *_, (_, codes) = evaluate(net, engine("onnxruntime"), picture(2))
    off = answer * 256 - 128 - codes
    assert np.abs(off).max() <= (0 if form == "qlinear" else 2)


@pytest.mark.parametrize("form", ["qdq", "qlinear"])
def test_swish_by_a_table(exported, form):
    """ONNX has no operator for it, but can look up."""
    net = network("swish.tflite").network
    without = [each for each in net.operations if each.kind != "logistic" or each.name.endswith("gate")]
    swish = [
        replace(each, kind="swish", inputs=each.inputs[:1]) if f"{each.name}.sigmoid" in net.codes else each
        for each in without
    ]
    net = replace(net, operations=tuple(swish))
    (answer,) = run(exported(net, form), picture(2)).values()
    *_, (_, codes) = evaluate(net, engine("onnxruntime"), picture(2))
    assert np.abs(answer * 256 - 128 - codes).max() <= (0 if form == "qlinear" else 2)


@pytest.mark.parametrize("form", ["qdq", "qlinear"])
def test_without_a_classifier(exported, form):
    """The answer is the vector that the graph declares, and no picture of one pixel."""
    net = without_classifier(network("relu6.tflite").network)
    content = exported(net, form)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    (answer,) = run(content, picture(2)).values()
    *_, (_, codes) = evaluate(net, engine("onnxruntime"), picture(2))
    assert answer.shape == codes.shape == (1, 1280)
    if form == "qlinear":
        assert answer.tolist() == dequantise(codes, net.codes["pool"]).tolist()


def test_codes_that_a_limit_cuts_off(exported):
    """Where 6 is not the largest code, an operator of its own clamps."""
    net = network("relu6.tflite").network
    wide = {name: replace(of, scale=np.float32(0.04)) for name, of in net.codes.items() if name.endswith("depthwise")}
    net, counts = replace(net, codes=net.codes | wide), Counts()
    content = exported(net, "qlinear")
    assert "Clip" in {node.op_type for node in onnx.load_from_string(content).graph.node}
    compare_onnx(content, net, picture(3), counts)
    assert counts.differ == 0, counts.table()


def test_several_pictures(exported):
    net = network("relu6.tflite").network
    x = np.concatenate([picture(seed) for seed in range(3)])
    (answer,) = run(exported(net, "qlinear"), x).values()
    *_, (_, codes) = evaluate(net, engine("onnxruntime"), x)
    assert (answer * 256 - 128).tolist() == codes.tolist()


def test_what_the_file_states(tmp_path):
    weights = refnet.load(LITE_FILE).weights
    for name in ("one.onnx", "two.onnx"):
        export_onnx_integers(weights, tmp_path / name, size=64, form="qdq")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    stated = {each.key: each.value for each in onnx.load(tmp_path / "one.onnx").metadata_props}
    assert (stated["form"], stated["engine"], stated["height"]) == ("qdq", "tflm", "64")
    assert stated["recipe"] == weights.recipe.to_json()


def test_refused(tmp_path):
    with pytest.raises(InputError, match="no form 'x' of an ONNX file of integers; want qdq or qlinear"):
        export_onnx_integers(refnet.load(LITE_FILE).weights, tmp_path / "x.onnx", form="x")


class TestCommand:
    @pytest.mark.parametrize(("options", "first"), [([], "DequantizeLinear"), (["--form", "qlinear"], "QLinearConv")])
    def test_forms(self, tmp_path, capsys, options, first):
        path = tmp_path / "lite.onnx"
        assert main(["export", str(LITE_FILE), "-o", str(path), *options]) == 0
        assert capsys.readouterr().out.startswith(f"{path}  tinylite  48x48  ")
        assert onnx.load(path).graph.node[1].op_type == first

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ([str(LITE_FILE), "-o", "x.tflite", "--form", "qdq"], "--form is of .onnx files of integers"),
            (["lite0", "-o", "x.onnx", "--form", "qdq"], "--form is of integers, and lite0 is of real numbers"),
        ],
    )
    def test_refused(self, arguments, why, capsys):
        assert main(["export", *arguments]) == 2
        assert why in capsys.readouterr().err

    @pytest.mark.parametrize("form", ["qdq", "qlinear"])
    def test_is_not_read_back(self, tmp_path, form):
        """Said in one line, and not taken for a network of real numbers."""
        export_onnx_integers(refnet.load(LITE_FILE).weights, tmp_path / "x.onnx", form=form)
        with pytest.raises(CheckpointError, match="a quantised network is not the published one"):
            refnet.convert(tmp_path / "x.onnx", out=tmp_path / "x.h5")
