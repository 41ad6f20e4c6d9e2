"""Weight files of integers: what is written is read back, and what was changed is refused by name."""

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.changed_weight_files import refused_any, replace_dataset, reseal, state
from helpers.integer_networks import FILES, network
from helpers.places import DATA
from helpers.quantised_weights import make_quantised
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refnet.errors import WeightsError
from refnet.reference.integers.bounds import check_network
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.quantisation import Quantisation
from refnet.weights import reader, writer
from refnet.weights.quantised import QuantisedWeights, unsigned


def read_back(tmp_path: Path, weights: QuantisedWeights) -> QuantisedWeights:
    writer.write(tmp_path / "tiny.h5", weights)
    return reader.read_any(tmp_path / "tiny.h5")


@pytest.mark.parametrize(("file", "engine"), [(FILES[0], "tflm"), *((FILES[1], engine) for engine in ENGINES)])
def test_everything_comes_back(tmp_path, file, engine):
    weights = make_quantised(file, engine=ENGINES[engine])
    again = read_back(tmp_path, weights)
    for field in dataclasses.fields(QuantisedWeights):
        if field.name != "network":
            assert getattr(again, field.name) == getattr(weights, field.name)
    ours, theirs = again.network, weights.network
    assert (ours.plan, ours.codes, ours.given) == (theirs.plan, theirs.codes, theirs.given)
    for one, other in zip(ours.operations, theirs.operations, strict=True):
        assert dataclasses.replace(one, kernel=None) == dataclasses.replace(other, kernel=None)
        assert (one.kernel is None) == (other.kernel is None)
    assert again.digest() == weights.digest()
    for key, tensor in again.tensors.items():
        assert tensor.tobytes() == weights.tensors[key].tobytes()


def test_the_same_content_is_the_same_bytes():
    assert writer.file_bytes(make_quantised()) == writer.file_bytes(make_quantised())


def test_the_fixture_holds_what_its_source_does():
    held = reader.read_any(DATA / "integers" / "lite.h5")
    assert held.digest() == make_quantised().digest()
    x = np.random.default_rng(3).uniform(-1, 1, (1, 48, 48, 3)).astype(np.float32)
    for one, other in zip(
        evaluate(held.network, held.engine, x), evaluate(network("relu6.tflite").network, held.engine, x), strict=True
    ):
        assert one[0] == other[0]
        assert (one[1] == other[1]).all()


def test_pictures_of_uint8_come_back(tmp_path):
    weights = make_quantised()
    given = unsigned(weights.network.codes["input"])
    weights = dataclasses.replace(weights, network=dataclasses.replace(weights.network, given=given))
    assert read_back(tmp_path, weights).network.given == given


def test_real_numbers_are_asked_for(tmp_path):
    writer.write(tmp_path / "tiny.h5", make_quantised())
    with pytest.raises(WeightsError, match="holds tinylite in integers, where real numbers are wanted"):
        reader.read(tmp_path / "tiny.h5")


class TestWhatCannotBeWritten:
    def not_written(self, tmp_path: Path, weights: QuantisedWeights, message: str) -> None:
        with pytest.raises(WeightsError, match=message):
            writer.write(tmp_path / "tiny.h5", weights)
        assert not list(tmp_path.iterdir())

    def test_codes_of_a_picture_that_are_not_the_inputs_own(self, tmp_path):
        weights = make_quantised()
        other = dataclasses.replace(weights.network, given=Quantisation(np.float32(1), 3, "uint8"))
        self.not_written(tmp_path, dataclasses.replace(weights, network=other), "not the input's own as uint8")

    def test_sums_that_32_bits_do_not_hold(self, tmp_path):
        weights = make_quantised()
        first = weights.network.operations[0]
        kernel = first.kernel._replace(bias=np.full_like(first.kernel.bias, 2**31 - 1))
        operations = (dataclasses.replace(first, kernel=kernel), *weights.network.operations[1:])
        network = dataclasses.replace(weights.network, operations=operations)
        self.not_written(tmp_path, dataclasses.replace(weights, network=network), "stem: the sum of channel")

    def test_a_set_of_policies_that_has_no_name(self, tmp_path):
        engine = dataclasses.replace(ENGINES["tflm"], add="single")
        self.not_written(tmp_path, make_quantised(engine=engine), "cannot state these blocks, or engine tflm")


# What somebody changed ------------------------------------------------------------------------------------------------


def changed(tmp_path: Path, change, *, sealed: bool = True) -> Path:
    path = tmp_path / "tiny.h5"
    path.write_bytes((DATA / "integers" / "lite.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
        if sealed:
            reseal(file)
    return path


NUMBERS = [
    ("stem/kernel", np.zeros((3, 3, 3, 31), np.int8), r"stem/kernel is .* not int8 of shape \[3, 3, 3, 32\]"),
    ("stem/kernel", np.zeros((3, 3, 3, 32), np.int32), "stem/kernel is .* not int8"),
    ("stem/bias", np.zeros(32, np.float32), "stem/bias is .* not little-endian int32"),
    ("stem/bias", np.full(32, 2**31 - 1, np.int32), "stem: the sum of channel 7 can reach .* 32 bits"),
    ("stem/scale", np.zeros(1, np.float32), "a scale of 0.0: want a positive number"),
    ("stem/scale", np.full(1, np.nan, np.float32), "a scale of nan"),
    ("stem/scale", np.full(1, 0.5, np.float32), "stem/multiplier is not what tflm makes of the scales beside it"),
    ("stem/scale", np.full(1, 1e-38, np.float32), "stem: a multiplier must be from 0 to below"),
    (
        "stem/scale",
        np.full(1, 1e-9, np.float32),
        r"stem: a sum of channel 0 can reach \d+, times 2\*\*\d+: more than 32",
    ),
    ("stem/kernel_scale", np.full(32, -1, np.float32), "stem: a scale of its kernel is no positive number"),
    ("stem/kernel_scale", np.full(32, np.inf, np.float32), "stem: a scale of its kernel is no positive number"),
    ("stem/zero_point", np.full(1, 128, np.int32), "a zero point of 128: want one of int8"),
    ("stem/multiplier", np.zeros(32, np.int32), "stem/multiplier is not what tflm makes"),
    ("stem/shift", np.zeros(32, np.int32), "stem/shift is not what tflm makes"),
    ("probabilities/zero_point", np.zeros(1, np.int32), "probabilities: a softmax comes out at a scale of 1/256"),
]


@pytest.mark.parametrize(("key", "value", "message"), NUMBERS)
def test_numbers(tmp_path, key, value, message):
    def change(file: h5py.File) -> None:
        replace_dataset(file, key, data=value, shape=value.shape, dtype=value.dtype)

    refused_any(changed(tmp_path, change), message)


def said(**changes: object) -> dict[str, object]:
    return changes


METADATA = [
    (said(engine="tensorflow"), "no engine 'tensorflow'; want one of tflm"),
    (said(engine="tflite"), "not what the schema says"),
    (said(given="int16"), "given is 'int16', not one of int8, uint8"),
    (said(height=0), "a picture of 0x48"),
    (said(width=1 << 40), "a picture of 48x"),
    (said(padding="valid"), "padding is 'valid'"),
    (said(operations="[" * 4000), "operations is not JSON"),
    (said(operations="[]"), "operations must be a JSON object of texts"),
    (said(operations='{"pool": 3}'), "operations must be a JSON object of texts"),
    (said(operations='{"pool": "max"}'), "pool is to be 'max'; want mean or average_pool"),
    (said(operations='{"stem": "dense"}'), "no step 'stem' has more than one form"),
    (said(calibration="{}"), "calibration must be a JSON object of method"),
    (said(calibration="x"), "calibration is not JSON"),
    (said(bn_eps=0.1), "'bn_eps' is unknown"),
]


@pytest.mark.parametrize(("changes", "message"), METADATA)
def test_metadata(tmp_path, changes, message):
    refused_any(changed(tmp_path, lambda file: state(file, **changes)), message)


CALIBRATIONS = [
    ({"pictures": -1}, "calibration on -1 pictures"),
    ({"pictures": 1.5}, "calibration: pictures is '1.5'"),
    ({"per": "layer"}, "scales per 'layer'"),
    ({"equalised": 1}, "calibration: equalised is '1'"),
    ({"weights_digest": "beef"}, "calibration: weights_digest is 'beef'"),
]


@pytest.mark.parametrize(("changes", "message"), CALIBRATIONS)
def test_calibrations(tmp_path, changes, message):
    text = json.dumps({**dataclasses.asdict(make_quantised().calibration), **changes})
    refused_any(changed(tmp_path, lambda file: state(file, calibration=text)), message)


def test_an_architecture_whose_batch_norms_are_not_folded(tmp_path):
    def change(file: h5py.File) -> None:
        stated = json.loads(file.attrs["architecture"])
        state(file, architecture=json.dumps({**stated, "folded": False}))

    refused_any(changed(tmp_path, change), "folded is not true")


def test_a_number_that_was_changed_and_not_sealed(tmp_path):
    def change(file: h5py.File) -> None:
        file["stem/kernel"][0, 0, 0, 0] += 1

    refused_any(changed(tmp_path, change, sealed=False), "tensors_digest disagrees")


# Bytes ----------------------------------------------------------------------------------------------------------------


GOOD = (DATA / "integers" / "lite.h5").read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20))
def test_damaged_anywhere(tmp_path, changes):
    """Either the reader refuses, or the change was in bytes that mean nothing and all content is as written."""
    damaged = bytearray(GOOD)
    for place, value in changes:
        damaged[int(place**3 * len(GOOD))] = value  # mostly near the start, where the structure is
    (tmp_path / "tiny.h5").write_bytes(damaged)
    try:
        weights = reader.read_any(tmp_path / "tiny.h5")
    except WeightsError:
        return
    assert weights.digest() == make_quantised().digest()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_numbers_that_were_changed_and_sealed(tmp_path, data):
    """A network comes out that 32 bits hold, or an error of weights."""
    key = data.draw(st.sampled_from(sorted(make_quantised().tensors)))

    def change(file: h5py.File) -> None:
        values = file[key][()]
        raw = bytearray(values.tobytes())
        for _ in range(data.draw(st.integers(1, 4))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        file[key][...] = np.frombuffer(raw, values.dtype).reshape(values.shape)

    try:
        weights = reader.read_any(changed(tmp_path, change))
    except WeightsError:
        return
    check_network(weights.network, weights.engine)
