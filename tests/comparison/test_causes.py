"""Diagnoses: what the first wrong tensor is handed over with, and that nothing is said where nothing can be."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import recorded_runs

import refnet
from refnet.comparison import compare
from refnet.errors import InputError
from refnet.golden.axes import TensorLayout
from refnet.golden.manifest import Run
from refnet.golden.write import open_writer
from refnet.preprocessing.preprocess import preprocess
from refnet.reference import ops
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.weights import writer


def first(tensor):
    return np.moveaxis(tensor, -1, 1)


@pytest.mark.parametrize(
    ("only", "since"),
    [(["block1a.excite", "block1a.project"], "block1a.excite"), (["stem", "block1a.project"], "stem")],
)
def test_a_step_from_what_the_port_has(recorded, port, only, since):
    """With the step's own input, or run up to it from what there is."""
    doubled = {"block1a.project": first(recorded.tensors["block1a.project"] * 2)}
    found = compare(recorded.path, port(doubled, only=only))
    assert found.first_wrong.run_from == (since,)
    assert found.sentences == ("block1a.project: every number is 2 times what it should be",)


def test_a_fault_in_the_diagnosis_costs_no_verdict(recorded, port, monkeypatch):
    def broken(*_, **__):
        raise IndexError("planted")

    monkeypatch.setattr("refnet.comparison.causes.diagnose", broken)
    found = compare(recorded.path, port({"stem": first(recorded.tensors["stem"] * 2)}))
    assert (found.exit_code, found.first_wrong.name, len(found.tensors)) == (1, "stem", 12)
    (sentence,) = found.sentences
    assert "by a fault of refnet's own: please report it (IndexError: planted)" in sentence


def test_the_largest_errors_are_told_beside_the_first(recorded, port):
    """Of six wrong steps, the first, and the three with the largest errors."""
    factors = {
        "stem": 1.1,
        "block1a.depthwise": 1.2,
        "block1a.excite": 3,
        "block1a.project": 1.3,
        "block2a.squeeze": 4,
        "logits": 5,
    }
    wrong = {name: recorded.tensors[name] * np.float32(factor) for name, factor in factors.items()}
    wrong = {name: first(tensor) if tensor.ndim == 4 else tensor for name, tensor in wrong.items()}
    assert list(compare(recorded.path, port(wrong)).diagnoses) == [
        "stem",
        "block1a.excite",
        "block2a.squeeze",
        "logits",
    ]


def test_nothing_wrong_nothing_said(recorded, port):
    assert compare(recorded.path, port()).sentences == ()


def test_no_numbers_no_diagnosis(recorded, port):
    found = compare(recorded.path, port({"stem": np.full_like(first(recorded.tensors["stem"]), np.nan)}))
    assert (found.first_wrong.name, found.sentences) == ("stem", ())


@pytest.mark.parametrize("with_picture", [True, False])
def test_the_input(b0, tmp_path, with_picture):
    """Red for blue, with the picture or by the right input alone."""
    picture = np.random.default_rng(5).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    x = preprocess(picture, b0.recipe, 40, 56)[None]
    run = Run("b0@synthetic", b0.weights.digest(), (40, 56), "float32", "image x", b0.recipe, NUMERICS_VERSION, "0")
    with open_writer(tmp_path / "golden", run) as writer:
        if with_picture:
            writer.add("picture", "HWC", picture, dtype="uint8", layout=TensorLayout("HWC"))
        writer.add("input", "NHWC", x, layout=TensorLayout("NHWC"))
    place = recorded_runs.save(tmp_path / "port", {"input": x[..., ::-1], "picture": picture.transpose(2, 0, 1)})
    found = compare(tmp_path / "golden", place)
    assert [(row.name, row.outcome) for row in found.tensors] == [("picture", "exact")] * with_picture + [
        ("input", "wrong")
    ]
    assert found.sentences == ("input: the channels are blue, green, red",)


def test_every_tensor_that_is_wrong_by_itself(recorded, port):
    wrong = {"block1a.project": 2.0, "block2a.expand": -1.0}
    found = compare(
        recorded.path, port({name: first(recorded.tensors[name] * factor) for name, factor in wrong.items()})
    )
    assert found.sentences[0] == "block1a.project: every number is 2 times what it should be"
    # The port's depthwise is what the right expansion gives: the port did not go on with what it dumped.
    assert [sentence.partition(":")[0] for sentence in found.sentences] == [*wrong]
    assert [finding.step for finding in found.findings if finding.kind == "dump"] == ["block2a.expand"]


def test_another_tensor_that_was_read(recorded, port):
    """The squeeze of what is read one block earlier: a tensor of another size with as many channels."""
    wrong = recorded.tensors["stem"].mean((1, 2), dtype=np.float64).astype(np.float32)
    found = compare(recorded.path, port({"block1a.squeeze": wrong}))
    assert found.sentences[0] == "block1a.squeeze: it reads stem where block1a.depthwise should be read"


def test_other_weights(recorded, port, b0, tmp_path):
    """Raw weights, where the golden's are moving averages."""
    raw = {
        key: tensor * np.float32(1.01) if key == "block2a/expand/kernel" else tensor
        for key, tensor in b0.weights.tensors.items()
    }
    writer.write(tmp_path / "raw.h5", replace(b0.weights, tensors=raw))
    network = refnet.load(tmp_path / "raw.h5")
    ((_, theirs),) = network.resume(
        {"block1a.project": recorded.tensors["block1a.project"]}, "block2a.expand", size=(40, 56)
    )
    place = port({"block2a.expand": first(theirs)})
    assert "other weights" not in compare(recorded.path, place).sentences[0]
    found = compare(recorded.path, place, other_weights=tmp_path / "raw.h5")
    assert found.first_wrong.name == "block2a.expand"
    assert found.sentences[0].startswith("block2a.expand: all tensors of the step are from the other set of weights")
    with pytest.raises(InputError, match="lite0@synthetic is lite0; want other weights of b0"):
        compare(recorded.path, place, other_weights="lite0@synthetic")


def test_an_order_of_roundings(recorded, port, b0):
    """One chain of all 1280 products instead of blocks of 32: no mistake, but there is a word for it."""
    pool, kernel = b0.features(recorded.x, "pool"), b0.weights.tensors["logits/kernel"]
    chain = np.zeros((1, 1000), np.float32)
    for c in range(1280):
        chain = ops.fma(pool[:, c, None], kernel[c], chain)
    logits = chain + b0.weights.tensors["logits/bias"]
    found = compare(recorded.path, port({"logits": logits}))
    assert (found.exit_code, found.tensors[-1].outcome) == (0, "rounded")
    why = "bit for bit it is multiply-adds that are fused, in one chain, taps in the order HWI"
    assert found.sentences == (f"logits: {why}",)
