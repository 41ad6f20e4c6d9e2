"""Recorder: the digests of everyone else, whatever is recorded and however; its memory; its errors."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.places import CHELSEA

import refnet
from refnet.architecture import names
from refnet.architecture.padding import NO_PADS
from refnet.architecture.plan import make_plan
from refnet.errors import InputError
from refnet.golden.axes import activation_layout, kernel_layout
from refnet.golden.digests import FOLDER, read_tables
from refnet.golden.dtypes import decode, encode
from refnet.golden.read import open_reader, to_logical_axes
from refnet.golden.record import record
from refnet.hub import fetch
from refnet.preprocessing.read_image import read_image
from refnet.preprocessing.recipe import LITE
from refnet.reference.digest import tensor_digest
from refnet.weights.synthetic import picture_tensor

SIZE = (33, 46)
X = np.concatenate([picture_tensor(*SIZE), picture_tensor(*SIZE)[:, ::-1] * np.float32(0.5)])


@pytest.fixture(scope="module")
def network():
    return refnet.load("b0@synthetic")


@pytest.fixture(scope="module")
def plan(network):
    return make_plan(network.weights.architecture, SIZE)


def digests(manifest):
    return {entry.name: entry.digest for entry in manifest.entries}


def read_all(target):
    with open_reader(target) as reader:
        return {name: to_logical_axes(reader.read(name)) for name in reader.names}


class TestDigests:
    @pytest.mark.parametrize(
        ("model", "options"), [("lite0", {"image": CHELSEA}), ("b0@synthetic", {"stimulus": "noise"})]
    )
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_are_those_of_the_published_table(self, tmp_path, model, options, dtype):
        wanted = CHELSEA.name if "image" in options else options["stimulus"]
        (entry,) = (
            entry
            for entry in read_tables(FOLDER)
            if (entry.model, entry.input, entry.size, entry.dtype) == (model, wanted, (224, 224), dtype)
        )
        manifest = record(model, tmp_path / "golden", dtype=dtype, **options)
        found = digests(manifest)
        found.pop("picture", None)
        assert found == dict(entry.steps)
        assert (manifest.run.weights, manifest.run.dtype) == (entry.weights, dtype)

    def test_fused_unfused_streamed_and_whole_are_equal(self, tmp_path, network, plan):
        fused = digests(record(network, tmp_path / "fused", x=X))
        unfused = digests(record(network, tmp_path / "unfused.h5", x=X, unfused=True))
        whole = network.features(X, list(plan.shapes))
        assert fused == {name: unfused[name] for name in fused}
        assert unfused == {"input": tensor_digest(X)} | {name: tensor_digest(whole[name]) for name in plan.shapes}
        one = digests(record(network, tmp_path / "one", x=X, steps=["logits"]))
        assert one["logits"] == fused["logits"] == tensor_digest(network.logits(X))

    def test_are_of_the_tensor_as_computed(self, tmp_path, network):
        whole = digests(record(network, tmp_path / "whole", x=X, steps=["stem"]))
        layout = activation_layout("CHWN", "C:16")
        other = record(network, tmp_path / "part", x=X, steps=["stem[1, 0:3]"], dtype="bfloat16", layout=layout)
        assert digests(other) == whole


class TestWhatIsWritten:
    def test_picture_input_steps_weights(self, tmp_path):
        network = refnet.load("lite0")
        steps = ["block2a.expand", "logits"]
        layouts = {"layout": activation_layout("NCHW"), "kernel_layout": kernel_layout("OIHW")}
        manifest = record(network, tmp_path / "g.npz", image=CHELSEA, steps=steps, weights=True, **layouts)
        expand = [weight.key for weight in network.plan["block2a.expand"].weights]
        names_ = ["picture", "input", *steps, *expand, "logits/kernel", "logits/bias"]
        assert [entry.name for entry in manifest.entries] == names_
        found = read_all(tmp_path / "g.npz")
        x = network.preprocess(CHELSEA)
        assert (found["picture"] == read_image(CHELSEA)).all()
        assert (found["input"] == x).all()
        assert all((found[step] == network.features(x, step)).all() for step in steps)
        assert all((found[key] == network.weights.tensors[key]).all() for key in names_[4:])
        with open_reader(tmp_path / "g.npz") as reader:
            assert reader.read("picture").array.shape == (3, 300, 451)
            assert reader.read("block2a/expand/kernel").array.shape == (96, 16, 1, 1)

    @pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
    def test_rounded_once_from_the_step(self, tmp_path, network, dtype):
        record(network, tmp_path / "g", x=X, dtype=dtype, steps=["block1a.excite"])
        expected = decode(encode(network.features(X, "block1a.excite"), dtype), dtype)
        assert (read_all(tmp_path / "g")["block1a.excite"] == expected).all()

    def test_float64_is_computed_in_float64_unless_told(self, tmp_path):
        options = {"size": SIZE, "stimulus": "noise", "steps": ["head"]}
        wide = refnet.load("b0@synthetic", dtype="float64").features(X[:1], "head")
        narrow = refnet.load("b0@synthetic").features(X[:1], "head")
        for compute, expected in ((None, wide), ("float32", narrow)):
            manifest = record("b0@synthetic", tmp_path / "g", dtype="float64", compute=compute, **options)
            assert (read_all(tmp_path / "g")["head"] == expected).all()
            assert manifest.run.dtype == expected.dtype.name
        manifest = record("b0@synthetic", tmp_path / "g", dtype="float16", compute="float64", **options)
        assert (manifest.run.dtype, digests(manifest)["head"]) == ("float64", tensor_digest(wide))

    def test_parts(self, tmp_path, network):
        manifest = record(network, tmp_path / "g", x=X, steps=["*.conv[1, 0:2, :, 3:5]", "logits[:, 7]"])
        assert all(entry.part == ((0, 2), (7, 8)) for entry in manifest.entries if entry.name == "logits")
        found = read_all(tmp_path / "g")
        whole = network.features(X, ["stem.conv", "logits"])
        assert (found["stem.conv"] == whole["stem.conv"][1:2, 0:2, :, 3:5]).all()
        assert (found["logits"] == whole["logits"][:, 7:8]).all()
        assert len(found) == 1 + 49 + 1

    def test_padded(self, tmp_path, network, plan):
        manifest = record(network, tmp_path / "g", x=X, steps=["stem, block*, pool"], padded=True)
        pads = {entry.name: entry.layout.pads for entry in manifest.entries}
        assert pads["input"] == plan["stem"].pads
        assert pads["stem"] == plan["block1a.depthwise"].pads
        assert pads["block3a.expand"] == plan["block3a.depthwise"].pads
        assert pads["block1a.project"] == pads["pool"] == NO_PADS
        with open_reader(tmp_path / "g") as reader:
            stored = reader.read("stem").array
        assert stored.shape == (2, 17 + 2, 23 + 2, 32)
        assert not stored[:, 0].any()
        assert (stored[:, 1:-1, 1:-1] == network.features(X, "stem")).all()

    def test_run(self, tmp_path, network):
        run = record("lite0", tmp_path / "g", size=(32, 48), steps=["pool"]).run
        assert run.model == "lite0"
        assert (run.size, run.dtype, run.input) == ((32, 48), "float32", "stimulus codes")
        assert run.weights == refnet.load("lite0").weights.digest()
        assert run.recipe == LITE
        run = record(network, tmp_path / "g", x=X, steps=["pool"]).run
        assert (run.model, run.size, run.input, run.recipe) == ("b0", SIZE, "array 2x33x46x3", None)

    def test_another_recipe(self, tmp_path):
        record("lite0", tmp_path / "g", image=CHELSEA, recipe="torchvision", steps=["pool"], size=(224, 224))
        expected = refnet.load("lite0", recipe="torchvision").preprocess(CHELSEA)
        assert (read_all(tmp_path / "g")["input"] == expected).all()


class TestResume:
    def test_their_numbers_go_on(self, tmp_path, network):
        step = "block2b.expand"
        theirs = network.features(X, step) * np.float32(1.5)
        manifest = record(network, tmp_path / "g", x=X, given={step: theirs})
        found = read_all(tmp_path / "g")
        later = list(network.plan.shapes)[list(network.plan.shapes).index(step) + 1 :]
        steps = [name for name in later if name in {each.name for each in network.plan}]
        assert list(found) == ["input", step, *steps]
        assert (found[step] == theirs).all()
        for name, tensor in network.resume({names.INPUT: X, step: theirs}, steps):
            assert (found[name] == tensor).all()
        assert (found["logits"] != network.logits(X)).any()
        assert manifest.run.input == "array 2x33x46x3, resumed at block2b.expand"

    def test_our_own_numbers_change_nothing(self, tmp_path, network):
        plain = digests(record(network, tmp_path / "plain", x=X, unfused=True))
        step = "block3b.gate"
        resumed = digests(record(network, tmp_path / "g", x=X, given={step: network.features(X, step)}, unfused=True))
        assert resumed == {name: plain[name] for name in resumed}
        assert list(resumed)[:4] == ["input", step, "block3b.excite", "block3b.project.conv"]

    def test_chosen_steps(self, tmp_path, network):
        given = {"pool": network.features(X, "pool")}
        found = digests(record(network, tmp_path / "g", x=X, given=given, steps=["logits", "stem"]))
        assert list(found) == ["input", "stem", "pool", "logits"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x: x[:1], "different numbers of pictures"),
            (lambda x: x[:, :5], r"pool is \[2, 5\]"),
            (lambda x: np.where(np.arange(1280) == 7, np.nan, x), r"pool is nan at \[0, 7\]; every element"),
        ],
    )
    def test_refused(self, tmp_path, network, change, message):
        given = {"pool": change(network.features(X, "pool"))}
        with pytest.raises(InputError, match=message):
            record(network, tmp_path / "g", x=X, given=given)
        assert list(tmp_path.iterdir()) == []


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"dtype": "int8"}, "dtype 'int8': want one of float32, float64, float16, bfloat16"),
            ({"compute": "float16"}, "dtype 'float16': want float32 or float64"),
            ({"stimulus": "code"}, "no stimulus 'code'"),
            ({"steps": ["stm"]}, "b1 has no step 'stm'"),
            ({"steps": ["stem[2]"], "x": X}, r"2 is not inside an axis of 2; it is \[2, 17, 23, 32\]"),
            ({"threads": 0}, "threads=0: want a whole number from 1 to 256"),
            ({"x": X, "size": (8, 8)}, r"the input is \(33, 46\), not of the size \(8, 8\)"),
            ({"format": "jpg"}, "format 'jpg'"),
            ({"recipe": "foo"}, "unknown recipe 'foo'"),
        ],
    )
    def test_are_told_before_anything_is_fetched(self, tmp_path, monkeypatch, options, message):
        monkeypatch.setattr(fetch, "fetch", lambda name: pytest.fail("fetched"))
        with pytest.raises(InputError, match=message):
            record("b1", tmp_path / "g", **options)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("target", ["missing/g", "file", "full"])
    def test_so_are_those_of_the_target(self, tmp_path, monkeypatch, target):
        monkeypatch.setattr(fetch, "fetch", lambda name: pytest.fail("fetched"))
        (tmp_path / "file").write_text("")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "thesis.tex").write_text("")
        with pytest.raises(InputError, match=target):
            record("b1", tmp_path / target)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


@pytest.mark.parametrize(("picture", "warned"), [(np.zeros((300, 300, 3), np.uint8), True), (CHELSEA, False)])
def test_an_input_that_shows_nothing_is_warned_of(tmp_path, caplog, picture, warned):
    with caplog.at_level(logging.WARNING, "refnet"):
        record("lite0@synthetic", tmp_path / "g", image=picture, size=(32, 32), steps=["pool"])
    assert ("the input has 1 different value (image ndarray)" in caplog.text) == warned
    assert ("--stimulus codes" in caplog.text) == warned


def test_what_is_watched(tmp_path, network):
    seen = []
    manifest = record(network, tmp_path / "g", x=X, unfused=True, weights=True, watch=seen.append)
    assert tuple(recorded.entry for recorded in seen) == manifest.entries
    covered = {recorded.entry.name: recorded.coverage for recorded in seen}
    assert {name for name, coverage in covered.items() if coverage is None} == set(network.weights.tensors)
    assert covered["stem.conv"].regions is covered["input"].regions is covered["block1a.project"].regions is None
    assert covered["stem.bn"].regions == covered["stem.act"].regions == covered["stem"].regions
    assert covered["stem"].regions.low is not None
    assert covered["block1a.reduce"].regions.low is None
    done = [recorded.done for recorded in seen]
    assert (done[0], done[-1]) == (0, 1)
    assert done == sorted(done)


PEAK = """
import resource, sys
from refnet.golden.record import record
from refnet.hub.models import find_weights
from refnet.network import Network
from refnet.weights.synthetic import picture_tensor
if len(sys.argv) > 1:
    record("b4@synthetic", sys.argv[1], watch=lambda recorded: None)
else:
    Network._consume(find_weights("b4@synthetic")).logits(picture_tensor(380, 380))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs getrusage")
def test_memory_is_that_of_a_plain_run_and_a_step(tmp_path):
    def peak(*arguments):
        command = [sys.executable, "-c", PEAK, *map(str, arguments)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert peak(tmp_path / "b4.h5") < 1.25 * peak()
