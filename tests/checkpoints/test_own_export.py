"""refnet's own ONNX files come back as the weights they were exported from, or not at all."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.tops import TOPS, weights_with

from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.checkpoints import own_export
from refnet.checkpoints.readers import onnx_file
from refnet.errors import CheckpointError
from refnet.export.onnx import export_onnx
from refnet.hub.models import find_weights, synthetic_weights
from refnet.preprocessing.recipe import LITE
from refnet.weights import synthetic
from refnet.weights.weights import Provenance, Weights

TINY = efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=3)
FULL = Provenance("a test", "a.pth", "ab" * 32, "ema", "CC0-1.0")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("onnx") / "net.onnx"


@pytest.fixture(scope="module")
def tiny(path):
    export_onnx(Weights(TINY, "symmetric", 1e-5, LITE, synthetic.tensors(TINY), None, FULL), path)
    return onnx_file.read(path)


def test_all_of_a_small_network_comes_back(tiny):
    found = own_export.restore(tiny)
    assert (found.architecture, found.padding, found.bn_eps, found.recipe) == (TINY, "symmetric", 1e-5, LITE)
    assert (found.provenance, found.labels) == (FULL, None)
    assert own_export.is_own(tiny)


@pytest.mark.parametrize("weights", [find_weights("lite0"), synthetic_weights("b1")], ids=["lite0", "b1"])
def test_every_tensor_comes_back_in_its_bits(weights, path):
    export_onnx(weights, path)
    model = onnx_file.read(path)
    found = own_export.restore(model)
    assert list(found.tensors) == list(synthetic.tensors(weights.architecture))
    assert all(found.tensors[key].tobytes() == weights.tensors[key].tobytes() for key in weights.tensors)
    assert [name for name, _ in model.dropped] == (["zero", "six"] if weights.architecture.name == "lite0" else [])


def changed(tiny, **metadata):
    return replace(tiny, metadata=tiny.metadata | metadata)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"padding": "none"}, "as refnet exports them: padding is 'none'"),
        ({"bn_eps": "small"}, "as refnet exports them: could not convert"),
        ({"bn_eps": "nan"}, "as refnet exports them: bn_eps is nan"),
        ({"architecture": "{}"}, "as refnet exports them: architecture must be"),
        ({"recipe": "[]"}, "as refnet exports them: image recipe"),
        ({"licence": "\n"}, "as refnet exports them: licence must be printable"),
        ({"weights_digest": "0"}, "changed after export"),
    ],
)
def test_metadata_that_cannot_be(tiny, metadata, message):
    with pytest.raises(CheckpointError, match=message):
        own_export.restore(changed(tiny, **metadata))


def test_metadata_of_an_earlier_refnet(tiny):
    older = {key: value for key, value in tiny.metadata.items() if key not in ("padding", "bn_eps")}
    with pytest.raises(CheckpointError, match="do not state padding, bn_eps; export it with this refnet"):
        own_export.restore(replace(tiny, metadata=older))


def test_a_file_of_somebody_else():
    model = onnx_file.Model({})
    assert not own_export.is_own(model)
    with pytest.raises(CheckpointError, match="do not state architecture"):
        own_export.restore(model)


def test_other_tensors(tiny):
    bent = tiny.tensors | {"logits/bias": tiny.tensors["logits/bias"] + 1}
    with pytest.raises(CheckpointError, match="changed after export"):
        own_export.restore(replace(tiny, tensors=bent))
    with pytest.raises(CheckpointError, match="not the tensors of tiny: stem/kernel is missing"):
        own_export.restore(replace(tiny, tensors={k: v for k, v in bent.items() if k != "stem/kernel"}))
    bent["logits/bias"] = np.full(3, np.nan, np.float32)
    with pytest.raises(CheckpointError, match=r"as refnet exports them: .* every weight must be finite"):
        own_export.restore(replace(tiny, tensors=bent))


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("name", TOPS)
def test_any_top_comes_back(name, folded, path):
    weights = weights_with(TOPS[name], folded=folded, padding="same@64")
    export_onnx(weights, path, size=(33, 45))
    found = own_export.restore(onnx_file.read(path))
    assert (found.architecture, found.padding) == (weights.architecture, "same@64")
    assert found.digest() == weights.digest()
