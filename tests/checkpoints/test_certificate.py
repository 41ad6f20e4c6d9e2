"""The certificate of a conversion: what it says, and that it is proven again."""

import hashlib
import json
from dataclasses import replace

import pytest
from helpers.generated_checkpoints import generated, state

import refnet
from refnet.architecture.top import Top
from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import convert
from refnet.errors import WeightsError
from refnet.weights import reader


class TestCertificate:
    @pytest.fixture
    def written(self, torchvision_file, tmp_path):
        return convert(torchvision_file, out=tmp_path / "a.h5")

    def test_what_it_says(self, written, torchvision_file):
        content = json.loads(certificate.beside(written).read_text("ascii"))
        assert content["conversion"] == {
            "file": torchvision_file.name,
            "bytes": torchvision_file.stat().st_size,
            "sha256": hashlib.sha256(torchvision_file.read_bytes()).hexdigest(),
            "md5": None,
            "format": "safetensors",
            "recognised_by": "the tensors' names",
            "normalisation": "the publisher's",
            "state_dict": "",
            "prefix": "",
            "widened": [],
            "told": [
                "the file does not say the pooling: mean is taken, as usual; --pooling says otherwise",
                "the file does not say the output: softmax is taken, as usual; --output says otherwise",
            ],
            "labels": "ImageNet's, by the number of classes; others go with --labels",
        }
        weights = content["weights"]
        assert (weights["model"], weights["publisher"], weights["finite"]) == ("b0", "torchvision", True)
        assert weights["source_sha256"] == hashlib.sha256(torchvision_file.read_bytes()).hexdigest()
        assert weights["digest"] == reader.read(written).digest()
        by_name = {entry["name"]: entry for entry in weights["tensors"]}
        assert len(by_name) == 311
        stem = generated()["stem/kernel"]
        assert by_name["stem/kernel"] | {"digest": ""} == {
            "name": "stem/kernel",
            "source": "features.0.0.weight",
            "source_shape": [32, 3, 3, 3],
            "shape": [3, 3, 3, 32],
            "min": float(stem.min()),
            "max": float(stem.max()),
            "subnormals": 0,
            "digest": "",
        }

    def test_subnormals_are_counted(self, save, tmp_path):
        content = state("torchvision")
        content["features.0.1.bias"][:3] = 1e-40
        content["features.0.1.bias"][3] = 0
        written = convert(save("a.safetensors", content), out=tmp_path / "a.h5")
        assert json.loads(certificate.beside(written).read_text())["weights"]["subnormals"] == 3

    def test_it_is_proven_again(self, written):
        assert certificate.prove(written, reader.read(written)) is None

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"averaging": "ema"}, "weights.averaging is 'ema' there and 'unknown' in the weights"),
            ({"tensors": []}, "weights.tensors is [] there"),
            ({"digest": "0"}, "weights.digest is '0' there"),
            ({"finite": 1}, "weights.finite is 1 there and True in the weights"),
        ],
    )
    def test_a_certificate_that_says_something_else(self, written, change, where):
        path = certificate.beside(written)
        content = json.loads(path.read_text())
        content["weights"] |= change
        path.write_text(json.dumps(content))
        assert certificate.prove(written, reader.read(written)).startswith(where)

    def test_of_another_file(self, written):
        path = certificate.beside(written)
        content = json.loads(path.read_text())
        content["weights"]["tensors"][5]["max"] = 3.5
        path.write_text(json.dumps(content))
        difference = certificate.prove(written, reader.read(written))
        assert difference.startswith("weights.tensors[block1a/depthwise/kernel].max is 3.5 there")

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", "[" * 100_000, '{"certificate": 2, "conversion": 0, "weights": 0}']
    )
    def test_hostile(self, written, text):
        certificate.beside(written).write_text(text)
        with pytest.raises(WeightsError, match=r"a\.certificate\.json"):
            certificate.prove(written, reader.read(written))


def test_a_top_of_its_own_is_stated():
    """An answer that is none of probabilities is part of what is proven."""
    ours = refnet.load("lite0").weights
    assert "top" not in certificate.statement(ours)
    other = replace(ours, architecture=replace(ours.architecture, top=Top(output="sigmoid")))
    assert certificate.statement(other)["top"] == {"output": "sigmoid", "layers": []}
