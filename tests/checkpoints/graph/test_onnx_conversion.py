"""An ONNX file becomes a weight file with its certificate; what is stated is honoured, or refused by the graph."""

import json
from pathlib import Path

import onnx
import pytest
import timm
import torch
from helpers.onnx_networks import exported, trained

import refnet
from refnet.architecture.top import Top
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.from_program import OPEN
from refnet.checkpoints.graph.match import FOLDED
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """B0 with three classes, its values in a second file."""
    folder = tmp_path_factory.mktemp("onnx")
    model = onnx.load_from_string(exported(trained(timm.create_model("efficientnet_b0", num_classes=3)), size=64))
    onnx.save(model, folder / "net.onnx", save_as_external_data=True, location="net.data")
    return folder / "net.onnx"


def converted(path: Path, **stated: str) -> tuple[refnet.weights.weights.Weights, dict]:
    written = convert(path, Stated(**stated), out=path.with_name("net.h5"))
    certificate = json.loads(path.with_name("net.certificate.json").read_text("ascii"))
    return refnet.load(written).weights, certificate["conversion"]


def test_what_the_graph_says_is_kept(path):
    weights, facts = converted(path, publisher="timm:ra")
    assert (weights.architecture.name, weights.architecture.folded) == ("b0", True)
    assert (weights.architecture.classes, weights.architecture.top) == (3, Top(output="none"))
    assert (weights.padding, weights.recipe.name, weights.architecture.resolution) == ("symmetric", "timm", 64)
    assert facts["told"][0].startswith("values from 'net.data' beside it, SHA-256 ")
    assert facts["told"][1:] == [FOLDED, OPEN]
    assert facts["sources"]["logits/kernel"] == "classifier.weight"


def test_what_the_graph_leaves_open_may_be_stated(path):
    weights, facts = converted(path, publisher="timm:ra", output="softmax")
    assert weights.architecture.top == Top()
    assert "softmax is added as asked" in facts["told"][-1]


def test_features_alone(path):
    weights, facts = converted(path, publisher="timm:ra", head="none")
    assert weights.architecture.classes == 0
    assert "behind the pool, left out as asked" in " ".join(facts["told"])


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({}, "--publisher"),
        ({"publisher": "timm-tf"}, "pads by the rule symmetric, but timm-tf's b0 has same"),
        ({"publisher": "timm:ra", "padding": "same"}, "--padding same"),
        ({"publisher": "timm:ra", "pooling": "max"}, "--pooling max"),
        ({"publisher": "timm:ra", "model": "b1"}, "b0, not b1"),
    ],
)
def test_what_the_graph_contradicts(path, stated, why):
    with pytest.raises(CheckpointError, match=why):
        converted(path, **stated)


def test_an_answer_that_is_there_is_no_choice(tmp_path):
    model = torch.nn.Sequential(trained(timm.create_model("efficientnet_b0", num_classes=3)), torch.nn.Sigmoid()).eval()
    path = tmp_path / "net.onnx"
    path.write_bytes(exported(model, size=64))
    with pytest.raises(CheckpointError, match="--output softmax"):
        converted(path, publisher="timm:ra", output="softmax")
