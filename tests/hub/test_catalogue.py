from pathlib import Path

import pytest

from refnet.architecture.variants import variant
from refnet.errors import UnknownModelError
from refnet.hub.catalogue import PAPER_GIGA_MACS, describe, describe_model, weight_file


@pytest.mark.parametrize("name", PAPER_GIGA_MACS)
def test_a_variant_beside_the_paper(name):
    known = describe(variant(name))
    assert known["name"] == name
    assert known["macs"] / 1e9 == pytest.approx(known["paper_giga_macs"], rel=0.05)


def test_a_model_whose_weights_are_here():
    known = describe_model("lite0")
    assert Path(known["file"]).name == "lite0.h5"
    assert known["weights"]["licence"] == "Apache-2.0"
    assert known["weights"]["tensors"] == 247
    assert known["paper_giga_macs"] is None


def test_a_model_whose_weights_are_not(monkeypatch, tmp_path):
    monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path))
    known = describe_model("b7")
    assert known["params"] == 66_347_960
    assert known["file"] is known["weights"] is None
    assert "b7.h5" in known["missing"]


def test_generated_weights_are_in_no_file():
    assert weight_file("b0@synthetic") is None
    assert describe_model("b0@synthetic")["weights"]["publisher"] == "synthetic"


def test_no_such_model():
    with pytest.raises(UnknownModelError, match="b9"):
        describe_model("b9")
