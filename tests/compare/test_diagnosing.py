"""Diagnoses: what the first wrong tensor is handed over with, and that nothing is said where nothing can be."""

import numpy as np
import pytest
import recorded_runs

from refnet import images
from refnet.compare import compare
from refnet.golden.layout import Layout
from refnet.golden.manifest import Run
from refnet.golden.writing import open_writer
from refnet.numerics import NUMERICS_VERSION


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
    assert found.first_wrong.since == (since,)
    assert found.diagnosis == "block1a.project: every number is 2 times what it should be"


def test_nothing_wrong_nothing_said(recorded, port):
    assert compare(recorded.path, port()).diagnosis == ""


def test_no_numbers_no_diagnosis(recorded, port):
    found = compare(recorded.path, port({"stem": np.full_like(first(recorded.tensors["stem"]), np.nan)}))
    assert (found.first_wrong.name, found.diagnosis) == ("stem", "")


@pytest.mark.parametrize("with_picture", [True, False])
def test_the_input(b0, tmp_path, with_picture):
    """Red for blue, where the golden has the picture; no word where it has not."""
    picture = np.random.default_rng(5).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    x = images.preprocess(picture, b0.recipe, 40, 56)[None]
    run = Run(
        "b0@synthetic", b0.weights.digest(), (40, 56), "float32", "image x", b0.recipe.to_json(), NUMERICS_VERSION, "0"
    )
    with open_writer(tmp_path / "golden", run) as writer:
        if with_picture:
            writer.add("picture", "HWC", picture, dtype="uint8", layout=Layout("HWC"))
        writer.add("input", "NHWC", x, layout=Layout("NHWC"))
    place = recorded_runs.save(tmp_path / "port", {"input": x[..., ::-1], "picture": picture.transpose(2, 0, 1)})
    found = compare(tmp_path / "golden", place)
    assert [(row.name, row.outcome) for row in found.rows] == [("picture", "exact")] * with_picture + [
        ("input", "wrong")
    ]
    assert found.diagnosis == ("input: the channels are blue, green, red" if with_picture else "")
