"""The checks of tools/reproduce_published.py, on weights that are made here instead of fetched."""

import importlib.util
from pathlib import Path

import pytest
from helpers.places import CHELSEA, ROOT

from refnet.hub.models import synthetic_weights
from refnet.weights import writer
from refnet.weights.labels import imagenet_labels
from refnet.weights.releases import find

SPEC = importlib.util.spec_from_file_location("reproduce_published", ROOT / "tools" / "reproduce_published.py")
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Make ``refnet.fetch`` write the same generated weights for every name, or others for some."""
    others: set[str] = set()

    def fetch(name: str) -> Path:
        path = tmp_path / f"{name.replace(':', '+')}.h5"
        weights = synthetic_weights(find(name).model)
        if name in others:
            weights.tensors["stem/bn/beta"][0] += 1
        writer.write(path, weights)
        return path

    monkeypatch.setattr(tool.refnet, "fetch", fetch)
    return others


def test_identities_hold_for_equal_tensors(fetched):
    checks = list(tool.identities(["lite0"]))
    assert [check.what for check in checks] == [
        "lite0@tf:lite = lite0@timm-tf:in1k",
        "lite0@tf:lite = lite0@lite",
    ]
    assert all(check.holds for check in checks)


def test_and_for_no_others(fetched):
    fetched.add("lite0@lite")
    assert [check.holds for check in tool.identities(["lite0"])] == [True, False]


def test_every_row_names_what_is_published():
    names = [name for row in tool.SAME_IN_TORCHVISION for name in row]
    names += [name for name, _, _ in tool.PRINTED.values()]
    names += [f"{model}@{publisher}" for publisher, wanted in tool.QUBVEL.items() for model in wanted]
    for row in tool.SAME:
        published = [model for model in ("b0", "b8", "l2", "lite0") for name in row if _exists(name.format(model))]
        assert len(published) >= 2, row
    assert [find(name).name for name in names] == names


def _exists(name: str) -> bool:
    return any(release.name == name for release in tool.releases.published())


def test_a_prediction_that_is_not_the_printed_one_fails(fetched):
    photo = (CHELSEA).read_bytes()
    found = list(tool.predictions(photo, ["b0"]))
    assert len(found) == len(tool.PRINTED)
    assert not any(check.holds for check in found)


def test_the_classes_that_are_looked_for():
    labels = imagenet_labels()
    assert labels[tool.PANDA_CLASS].name == "giant panda"
    assert labels[tool.ELEPHANT_CLASS].name == "African elephant"
