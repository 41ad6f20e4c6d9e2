"""Recorder of integers: codes and sums in every format, and a manifest that says how they came about."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers import integer_networks
from helpers.places import DATA

import refnet
from refnet.errors import InputError
from refnet.golden.accumulator import accumulate as follow
from refnet.golden.axes import activation_layout, kernel_layout
from refnet.golden.read import open_reader, to_logical_axes
from refnet.golden.record import record
from refnet.reference.digest import tensor_digest
from refnet.reference.integers.evaluate import accumulate, evaluate
from refnet.reference.integers.fixed_point import Multiplier
from refnet.reference.integers.policy import policy

MODEL = DATA / "integers" / "lite.h5"


@pytest.fixture(scope="module")
def network():
    return refnet.load(MODEL)


@pytest.fixture(scope="module")
def expected(network):
    picture = integer_networks.picture(1)
    return picture, dict(evaluate(network.weights.network, network.weights.engine, picture))


def read_all(target):
    with open_reader(target) as reader:
        return {name: to_logical_axes(reader.read(name)) for name in reader.names}


@pytest.mark.parametrize("kind", ["npy", "raw", "hex", "mem", "coe", "txt", "h", ".h5", ".npz"])
def test_codes_are_the_definition_s_in_every_format(tmp_path, network, expected, kind):
    picture, tensors = expected
    target = tmp_path / ("golden" + kind if kind.startswith(".") else "golden")
    options = {} if kind.startswith(".") else {"format": kind}
    layouts = {"layout": activation_layout("NCHW", "C:16"), "kernel_layout": kernel_layout("OIHW")}
    manifest = record(network, target, x=picture, steps=["stem", "logits", "block2a.*"], **layouts, **options)
    assert {entry.dtype for entry in manifest.entries} == {"int8"}
    assert (manifest.run.dtype, manifest.run.engine, manifest.run.bn_eps) == ("int8", "tflm", None)
    found = read_all(target)
    assert list(found) == [name for name in tensors if name in found]
    for name, tensor in found.items():
        assert tensor.dtype == np.int8
        assert (tensor == tensors[name]).all()
        assert next(entry for entry in manifest.entries if entry.name == name).digest == tensor_digest(tensor)


def test_two_s_complement(tmp_path, network, expected):
    picture, tensors = expected
    record(network, tmp_path / "hex", x=picture, steps=["stem"], format="hex", accumulators=True)
    first, *words = (tmp_path / "hex" / "stem.hex").read_text().split("\n")
    assert first == "// stem: int8 N H W C [1, 24, 24, 32], the last axis varies fastest"
    assert words[:3] == [f"{int(code) & 255:02x}" for code in tensors["stem"].ravel()[:3]]
    _, word, *_ = (tmp_path / "hex" / "stem.accumulator.hex").read_text().split("\n")
    assert len(word) == 8
    record(network, tmp_path / "h", x=picture, steps=["stem"], format="h")
    assert "static const int8_t stem[18432] = {\n" in (tmp_path / "h" / "stem.h").read_text()


def test_the_manifest_is_enough_to_compute_the_codes_from_the_sums(tmp_path, network, expected):
    """Multiplier, shift, zero point and limits as JSON has them, and the sums: nothing else of refnet's."""
    picture, tensors = expected
    record(network, tmp_path / "golden", x=picture, accumulators=True)
    found = read_all(tmp_path / "golden")
    operations = {
        each["name"]: each for each in json.loads((tmp_path / "golden" / "manifest.json").read_text())["operations"]
    }
    sums = [name for name in found if name.endswith(".accumulator")]
    assert len(sums) == sum(each.kernel is not None for each in network.weights.network.operations)
    for name in sums:
        each = operations[name.removesuffix(".accumulator")]
        operation = next(one for one in network.weights.network.operations if one.name == each["name"])
        read = operation.inputs[0]
        assert (found[name] == accumulate(operation, tensors[read], network.codes[read])).all()
        by = Multiplier(*(np.array(each["constants"][key], np.int64) for key in ("multiplier", "shift")))
        codes = policy(each["policy"]).apply(found[name].astype(np.int64), by) + each["zero_point"]
        assert (np.clip(codes, *each["limits"]) == tensors[each["name"]]).all()


def test_padded_with_the_zero_point(tmp_path, network, expected):
    picture, tensors = expected
    record(network, tmp_path / "golden.npz", x=picture, steps=["stem"], padded=True)
    stored = np.load(tmp_path / "golden.npz")["stem"]
    assert stored.shape == (1, 26, 26, 32)
    assert (stored[:, 0] == network.codes["stem"].zero_point).all()
    assert network.codes["stem"].zero_point != 0
    assert (stored[:, 1:-1, 1:-1] == tensors["stem"]).all()


def test_weights_and_what_is_stored_of_scales(tmp_path, network, expected):
    manifest = record(network, tmp_path / "golden", x=expected[0], steps=["stem"], weights=True)
    dtypes = {entry.name: entry.dtype for entry in manifest.entries}
    assert dtypes["stem/kernel"] == "int8"
    assert dtypes["stem/bias"] == dtypes["stem/multiplier"] == "int32"
    assert dtypes["stem/kernel_scale"] == "float32"
    assert not any(name.startswith("block") for name in dtypes)


def test_refused(tmp_path, network):
    with pytest.raises(InputError, match="computed in int8, and its codes are written as they are, not as float16"):
        record(network, tmp_path / "golden", stimulus="codes", dtype="float16")
    with pytest.raises(InputError, match="computed in real numbers; its sums are those of --unfused"):
        record("b0@synthetic", tmp_path / "golden", stimulus="codes", accumulators=True, size=(32, 32))


def test_a_run_goes_on_from_somebody_s_codes(tmp_path, network, expected):
    picture, tensors = expected
    manifest = record(network, tmp_path / "golden", x=picture, given={"head": tensors["head"]})
    assert [entry.name for entry in manifest.entries] == ["input", "head", "pool", "logits", "probabilities"]
    assert (read_all(tmp_path / "golden")["logits"] == tensors["logits"]).all()


def test_one_sum_s_taps_are_those_of_real_numbers(network, expected):
    with pytest.raises(InputError, match="is of integers, whose sums are exact in any order"):
        follow(network, expected[0], "stem:0,1,1,1")
