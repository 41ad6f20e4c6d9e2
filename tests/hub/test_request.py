"""A request is checked before its weights are fetched; its network is kept until the file changes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA

import refnet
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.errors import InputError, UnknownModelError
from refnet.hub.models import outline
from refnet.hub.request import make_request
from refnet.preprocessing.recipe import LITE, RECIPES
from refnet.weights import synthetic, writer
from refnet.weights.weights import Provenance, Weights


def write(path, seed_of):
    """A weight file of a small network; every name that generates its tensors gives a file of the same size."""
    architecture = efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=7)
    tensors = synthetic.tensors(architecture)
    bias = np.roll(np.arange(7, dtype=np.float32), seed_of)
    tensors = {**tensors, "logits/bias": bias}
    writer.write(path, Weights(architecture, "same", 1e-3, LITE, tensors, None, Provenance("a test")))


def test_everything_is_in_one_form(tmp_path):
    request = make_request("EfficientNet-B0@timm-tf", dtype=float, threads=np.int64(2), recipe="keras")
    assert (request.model, request.dtype, request.threads) == ("b0@timm-tf", np.dtype("float64"), 2)
    assert request.recipe == RECIPES["keras"]
    assert request.known == outline("b0@timm-tf:aa")
    assert make_request("lite0") == make_request("LITE0", dtype=np.float32)
    assert make_request(str(tmp_path / "a.h5")) == make_request(tmp_path / "a.h5")
    assert len({make_request("b0"), make_request("B0"), make_request("b0", dtype="float64")}) == 2


def test_the_plan_is_known_where_no_weights_can_say_otherwise(tmp_path):
    assert make_request("b1@synthetic").plan((33, 47)) == make_plan(outline("b1").architecture, (33, 47))
    assert make_request("b1@torchvision").plan(None).padding == "symmetric"
    assert make_request("lite0").plan(None) is None
    assert make_request(tmp_path / "a.h5").plan(None) is None


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"model": "b9"}, UnknownModelError, "unknown model 'b9'"),
        ({"model": 5}, UnknownModelError, "a model cannot be int"),
        ({"model": "b0@tim"}, UnknownModelError, "unknown publisher 'tim'"),
        ({"model": "lite0", "dtype": "int8"}, InputError, "want float32 or float64"),
        ({"model": "lite0", "threads": 0}, InputError, "threads=0"),
        ({"model": "lite0", "recipe": "b0"}, InputError, "unknown recipe 'b0'"),
        ({"model": "b7", "recipe": "torchvision"}, InputError, "makes the shorter side 256 pixels long"),
        ({"model": "b7@synthetic", "recipe": "torchvision"}, InputError, "makes the shorter side 256 pixels long"),
    ],
)
def test_what_is_wrong_is_told_at_once(arguments, error, says):
    with pytest.raises(error, match=says):
        make_request(**arguments)


@pytest.mark.parametrize(
    ("model", "top", "says"),
    [
        ("b0", 1001, "top=1001: want a whole number from 1 to 1000"),
        ("lite0@synthetic", 1001, "top=1001: want a whole number from 1 to 1000"),
        ("lite0", 1 << 21, "top=2097152: want a whole number from 1 to 1048576"),
        ("nowhere.h5", 0, "top=0: want a whole number from 1 to 1048576"),
        ("b1@keras:notop", None, "b1 has no step 'probabilities': these weights have no classifier"),
    ],
)
def test_too_many_predictions(model, top, says):
    with pytest.raises(InputError, match=says):
        make_request(model).check_top(top)


def test_five_predictions_are_no_demand(tmp_path):
    for model in ("b0", "lite0", "nowhere.h5", "b5@timm:sw12k"):
        make_request(model).check_top(None)
    architecture = efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=3)
    tensors = synthetic.tensors(architecture)
    writer.write(tmp_path / "three.h5", Weights(architecture, "same", 1e-3, LITE, tensors, None, Provenance("a test")))
    assert len(refnet.predict(CHELSEA, tmp_path / "three.h5")) == 3
    assert len(refnet.load(tmp_path / "three.h5").predict(CHELSEA)) == 3
    with pytest.raises(InputError, match="top=5: want a whole number from 1 to 3"):
        refnet.predict(CHELSEA, tmp_path / "three.h5", top=5)


class TestKeeping:
    """`refnet.predict` keeps a network for the next call, and reads its file again if that has changed."""

    def test_the_same_network_while_nothing_changes(self, tmp_path):
        write(tmp_path / "a.h5", 0)
        request = make_request(tmp_path / "a.h5")
        assert request.load_once() is make_request(str(tmp_path / "a.h5")).load_once()
        assert make_request("lite0").load_once() is make_request("LITE0").load_once()
        assert request.load() is not request.load()

    @pytest.mark.parametrize("way", ["replaced", "written in place", "of the same time", "a link to another"])
    def test_a_file_that_changes_is_read_again(self, tmp_path, way):
        path, other = tmp_path / "a.h5", tmp_path / "b.h5"
        write(path, 0)
        write(other, 3)
        assert path.stat().st_size == other.stat().st_size
        first = refnet.predict(CHELSEA, path, top=1)
        if way == "replaced":
            other.replace(path)
        elif way == "written in place":
            path.write_bytes(other.read_bytes())
        elif way == "of the same time":
            times = path.stat().st_atime_ns, path.stat().st_mtime_ns
            shutil.copyfile(other, path)
            os.utime(path, ns=times)
        else:
            path.unlink()
            path.symlink_to(other)
        second = refnet.predict(CHELSEA, path, top=1)
        assert first != second
        assert second == refnet.load(path).predict(CHELSEA, top=1)

    def test_a_file_that_goes_is_missed(self, tmp_path):
        write(tmp_path / "a.h5", 0)
        refnet.predict(CHELSEA, tmp_path / "a.h5")
        (tmp_path / "a.h5").unlink()
        with pytest.raises(FileNotFoundError, match="does not exist"):
            refnet.predict(CHELSEA, tmp_path / "a.h5")

    def test_a_relative_path_is_of_the_directory_of_now(self, tmp_path, monkeypatch):
        answers = []
        for number, name in enumerate(("one", "two")):
            (tmp_path / name).mkdir()
            write(tmp_path / name / "a.h5", 3 * number)
            monkeypatch.chdir(tmp_path / name)
            answers.append(refnet.predict(CHELSEA, Path("a.h5"), top=1))
        assert answers[0] != answers[1]
