"""What a port's own test fails with."""

import numpy as np
import pytest

import refnet
from refnet.testing import assert_matches


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    path = tmp_path_factory.mktemp("testing") / "golden"
    refnet.record("lite0", path, stimulus="codes", steps=["logits", "probabilities"])
    return path


def test_arrays_and_files_that_match(golden):
    assert_matches(golden, golden)
    assert_matches(golden, {"logits": np.load(golden / "logits.npy")})


def test_the_sentence(golden):
    logits = np.load(golden / "logits.npy")
    powers = np.exp2(logits - logits.max())
    with pytest.raises(AssertionError, match=r"(?s)first wrong: probabilities .*powers of 2 instead of e"):
        assert_matches(golden, {"logits": logits, "probabilities": powers / powers.sum()})
