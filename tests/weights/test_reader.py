"""Weight files that say something else or are damaged: refused with a reason; and those that hold what they say."""

import dataclasses
import json
import shutil

import h5py
import numpy as np
import pytest
from helpers.changed_weight_files import SHAPE, refused, reseal, state
from helpers.places import ROOT
from helpers.small_weights import assert_same, make_weights, make_weights_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refnet.architecture.variants import variant
from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.preprocessing.recipe import LITE
from refnet.weights import paths, reader, releases, writer
from refnet.weights.schema import ATTRIBUTES, architecture_to_json
from refnet.weights.weights import Weights

# Metadata -------------------------------------------------------------------------------------------------------------


def architecture(**changes: object) -> dict[str, object]:
    stated = json.loads(architecture_to_json(make_weights().architecture))
    return {"architecture": json.dumps({**stated, **changes})}


METADATA = [
    ({"schema": 3}, "schema version 3, where 1 and 2 are read here: a newer refnet reads it"),
    ({"schema": 0}, "schema version 0, where 1 and 2 are read here: there never was one"),
    ({"schema": "1"}, "attribute schema must be one little-endian 64-bit integer"),
    ({"bn_eps": 1}, "attribute bn_eps must be one little-endian 64-bit float"),
    ({"bn_eps": float("nan")}, "bn_eps is nan"),
    ({"bn_eps": float("inf")}, "bn_eps is inf"),
    ({"bn_eps": -1e-3}, "bn_eps is -0.001"),
    ({"padding": "valid"}, "padding is 'valid', not one of same, symmetric"),
    ({"padding": ""}, "padding is ''"),
    ({"padding": 5}, "attribute padding must be one NUL-padded fixed-length string"),
    ({"averaging": "best"}, "averaging is 'best', not one of ema, raw, unknown"),
    ({"source_sha256": "f" * 63}, "not 64 hexadecimal digits"),
    ({"publisher": "\x1b[2J"}, "publisher must be printable"),
    ({"publisher": "x" * 5000}, "attribute publisher must be one NUL-padded fixed-length string of at most 4096"),
    ({"unheard_of": "x"}, "'unheard_of' is unknown"),
    ({"recipe": "{}"}, "recipe"),
    ({"recipe": "[" * 4000}, "recipe"),
    ({"architecture": "[" * 4000}, "architecture is not JSON"),
    ({"architecture": "9" * 4096}, "architecture must be a JSON object|architecture is not JSON"),
    ({"architecture": '"text"'}, "architecture must be a JSON object of name, width"),
    (architecture(blocks=7), "architecture must be a JSON object of name, width"),
    (architecture(depth=1e9), "values that no network has: depth = 1000000000.0"),
    (architecture(width=1e9, depth=1e9), "no network has: width = 1000000000.0, depth = 1000000000.0"),
    (architecture(width=10**300), "architecture is not JSON: a number of 301 digits"),
    (architecture(classes=10**12), "no network has: classes = 1000000000000"),
    (architecture(classes=-1), "no network has: classes = -1"),
    (architecture(classes=0), "'logits' is unknown"),
    (architecture(classes=10.0), "no network has: classes = 10.0"),
    (architecture(classes=True), "no network has: classes = True"),
    (architecture(resolution=1 << 20), "no network has: resolution"),
    (architecture(width=float("nan")), "architecture is not JSON: NaN is no number"),
    (architecture(width=float("inf")), "architecture is not JSON: Infinity is no number"),
    (architecture(width=-1.0), "no network has: width = -1.0"),
    (architecture(depth=0.0), "no network has: depth = 0.0"),
    (architecture(dropout=2.0), "no network has: dropout = 2.0"),
    (architecture(lite=1), "no network has: lite = 1"),
    (architecture(name="a/b"), "no network has: name = a/b"),
    (architecture(name=[]), r"no network has: name = \[\]"),
    (architecture(top=[]), r"architecture: top: \[\] is not an object"),
    (architecture(top={"pooling": "average"}), "top: unknown pooling 'average'"),
    (architecture(top={"pooling": ["mean"]}), "top: 'pooling' is .*; want pooling, layers"),
    (architecture(top={"heads": 1}), "top: 'heads' is '1'; want pooling, layers"),
    (architecture(top={"temperature": 0}), "top: temperature=0: want a finite number above 0"),
    (architecture(top={"temperature": True}), "top: 'temperature' is 'True'"),
    (architecture(top={"output": "exec"}), "top: unknown output 'exec'"),
    (architecture(top={"layers": [3]}), "top: 3 is not an object"),
    (architecture(top={"layers": [{}]}), "top: .*missing 1 required positional argument: 'kind'"),
    (architecture(top={"layers": [{"kind": "lambda"}]}), "top: layer 'lambda' .* not a layer of a top"),
    (architecture(top={"layers": [{"kind": "dense", "units": 1 << 40}]}), "top: layer 'dense' of 1099511627776 units"),
    (architecture(top={"layers": [{"kind": "dense", "units": 1}] * 40}), "top: 40 layers in the top"),
    (architecture(top={"layers": [{"kind": "batch_norm", "eps": -1}]}), "top: layer 'batch_norm' with eps=-1"),
    (architecture(top={"pooling": "gem"}), "pool/p is missing|no dataset `pool/p`|pool/p"),
    (architecture(folded=1), "architecture: folded is 1, not true or false"),
    (architecture(folded=True), "missing"),
    (architecture(width=64.0, depth=64.0, classes=1 << 20), "is missing"),
    (architecture(classes=11), r"logits/kernel is .* not little-endian float32 of shape \[128, 11\]|logits/bias"),
]


@pytest.mark.parametrize(("changes", "message"), METADATA, ids=lambda value: str(value)[:60])
def test_metadata(path, changes, message):
    with h5py.File(path, "r+") as file:
        state(file, **changes)
        if set(changes) <= set(ATTRIBUTES):
            reseal(file)
    refused(path, message)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_missing_attribute(path, name):
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    refused(path, "no attribute `schema`" if name == "schema" else f"attributes of the root: {name} is missing")


@pytest.mark.parametrize(
    ("table", "data", "message"),
    [
        ("labels/wnid", np.array([b"a"] * 9), "must both have 10 rows"),
        ("labels/wnid", np.array([b"a"] * 10), "labels: label 1: the id a comes a second time"),
        ("labels/text", np.array([b"a", b"\xff"] * 5), "labels/text is not UTF-8"),
        ("labels/text", np.array([b"\x1b[2J"] * 10), "labels/text must be printable"),
        ("labels/text", np.zeros(10), "labels/text is float of 8 bytes"),
        ("labels/text", np.array([[b"a"] * 10]), "labels/text is string of 1 bytes and shape"),
        ("labels/text", np.array([b"x" * 5000] * 10), "labels/text is string of 5000 bytes"),
        ("labels/text", np.array(["vlen"] * 10, object), "labels/text is string of"),
        ("dropped/name", np.array([b"a"]), "1 rows in dropped/name but 2 in dropped/reason"),
    ],
)
def test_tables(path, table, data, message):
    with h5py.File(path, "r+") as file:
        del file[table]
        file.create_dataset(table, data=data, dtype=h5py.string_dtype() if data.dtype == object else None)
        if data.ndim == 1 and data.dtype.kind == "S" and b"\xff" not in data:
            reseal(file)
    refused(path, message)


def test_labels_without_ids(path):
    with h5py.File(path, "r+") as file:
        del file["labels/wnid"]
        reseal(file)
    refused(path, "labels/wnid and labels/text must both have 10 rows")


# Values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("logits/kernel", np.nan, r"logits/kernel\[0, 0\] is nan; every weight must be finite"),
        ("logits/kernel", -np.inf, r"logits/kernel\[0, 0\] is -inf"),
        ("stem/bn/variance", -1.0, r"stem/bn/variance\[0\] is -1.0"),
        ("stem/bn/variance", -1e-4, r"stem/bn/variance\[0\] is -9.99\d+e-05"),
    ],
)
def test_values(path, key, value, message):
    with h5py.File(path, "r+") as file:
        file[key][(0,) * file[key].ndim] = value
        reseal(file)
    refused(path, message)


def test_a_flipped_bit_in_a_tensor_is_noticed(path, good):
    weights = reader.read(path)
    for tensor in list(weights.tensors.values())[::7]:
        damaged = bytearray(good)
        where = good.index(tensor.tobytes())
        damaged[where + tensor.nbytes // 2] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="tensors_digest disagrees: a weight was changed or is damaged"):
            reader.read(path)


@pytest.mark.parametrize("text", [b"thing 7", "Jörg".encode(), b"no use either", b"tiny.pth", b"CC0-1.0"])
def test_a_flipped_bit_in_a_text_is_noticed(path, good, text):
    damaged = bytearray(good)
    damaged[good.index(text)] ^= 1
    path.write_bytes(damaged)
    refused(path, "metadata_digest disagrees: an attribute or a table was changed or is damaged")


# Bytes ----------------------------------------------------------------------------------------------------------------


def test_cut_short_anywhere(path, good):
    for length in [*range(0, 200, 7), *range(200, len(good), len(good) // 100), len(good) - 1]:
        path.write_bytes(good[:length])
        with pytest.raises(WeightsError, match="cannot be read as HDF5"):
            reader.read(path)


@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20))
def test_damaged_anywhere(path, good, changes):
    """Either the reader refuses, or the change was in bytes that mean nothing and all content is as written."""
    damaged = bytearray(good)
    for place, value in changes:
        damaged[int(place**3 * len(good))] = value  # mostly near the start, where the structure is
    path.write_bytes(damaged)
    try:
        weights = reader.read(path)
    except WeightsError:
        return
    assert_same(weights, make_weights())


@given(st.binary(max_size=4096))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_file(path, data):
    for start in (b"", b"\x89HDF\r\n\x1a\n"):
        path.write_bytes(start + data)
        with pytest.raises(WeightsError, match=r"cannot be read as HDF5|no attribute `schema`"):
            reader.read(path)


def test_another_hdf5_file(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"stem_conv"]
        file["stem_conv/stem_conv/kernel:0"] = np.zeros(SHAPE, "<f4")
    refused(path, "no attribute `schema`: this HDF5 file is not a weight file of refnet")


def test_what_is_not_a_file(tmp_path):
    for path, what in ((tmp_path / "absent.h5", "does not exist"), (tmp_path, "is not a file")):
        with pytest.raises(WeightsNotFoundError, match=rf"{path} {what}"):
            reader.read(path)


def test_a_path_that_cannot_be_looked_at():
    with pytest.raises(WeightsError, match=r"x\.h5: cannot be read: File name too long"):
        reader.read("/" + "x" * 300 + ".h5")


def test_a_damaged_file_that_was_fetched_says_how_to_get_it_again(tmp_path, monkeypatch):
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
    (tmp_path / "b1@timm-tf+aa.h5").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"; `refnet fetch b1@timm-tf:aa` brings it again"):
        reader.read(tmp_path / "b1@timm-tf+aa.h5")
    with pytest.raises(WeightsNotFoundError, match=r"b2\.h5 does not exist; copy it from its source again"):
        reader.read(tmp_path / "b2.h5")


def test_the_helper_reseals(path):
    """The attacks above are refused for their own reason: what they seal again without a change is read."""
    before = reader.read(path)
    with h5py.File(path, "r+") as file:
        state(file, publisher="someone else")
        reseal(file)
    assert reader.read(path).provenance == dataclasses.replace(before.provenance, publisher="someone else")


def read_as(name: str) -> Weights:
    return reader.read_named(name, paths.find(name))


class TestNamed:
    """A file that was found by a name holds what the name says."""

    @pytest.fixture
    def own(self, tmp_path, monkeypatch):
        monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path))
        return tmp_path

    def test_another_network(self, own):
        shutil.copy(ROOT / "weights" / "lite0.h5", own / "b1.h5")
        with pytest.raises(WeightsError) as caught:
            read_as("b1")
        assert str(caught.value) == (
            f"{own / 'b1.h5'} holds lite0 of lite with 1000 classes, but was found as b1; load it by its path instead, "
            "and move it away so that `refnet fetch b1` can bring b1"
        )
        assert reader.read(own / "b1.h5").architecture.name == "lite0"

    @pytest.mark.parametrize(("publisher", "classes"), [("lite", 1000), ("", 3)])
    def test_anybody_s_own(self, own, publisher, classes):
        writer.write(own / "lite1.h5", make_weights_of("lite1", publisher, classes))
        assert read_as("lite1").architecture.classes == classes

    @pytest.mark.parametrize(
        ("model", "publisher", "classes"),
        [("lite1", "lite", 3), ("lite1", "timm-tf:in1k", 1000), ("lite0", "lite", 1000)],
    )
    @pytest.mark.parametrize("name", ["lite1", "lite1@lite"])
    def test_another_release(self, tmp_path, monkeypatch, name, model, publisher, classes):
        monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
        writer.write(tmp_path / "lite1@lite.h5", make_weights_of(model, publisher, classes))
        with pytest.raises(WeightsError) as caught:
            read_as(name)
        assert str(caught.value) == (
            f"{tmp_path}/lite1@lite.h5 holds {model} of {publisher} with {classes} classes, "
            "but was found as lite1@lite with 1000 classes; `refnet fetch lite1@lite` brings it again"
        )

    def test_a_release_that_is_what_it_says(self, own):
        weights = make_weights_of("lite1", "lite", 1000)
        origin = dataclasses.replace(weights.provenance, source_sha256=releases.find("lite1@lite").member_sha256)
        writer.write(own / "lite1@lite.h5", dataclasses.replace(weights, provenance=origin))
        assert read_as("lite1@lite").provenance.publisher == read_as("lite1").provenance.publisher == "lite"

    def test_a_release_made_of_another_file(self, own):
        """As the command for bringing it by hand makes it of a file that only has the published name."""
        writer.write(own / "lite1@lite.h5", make_weights_of("lite1", "lite", 1000))
        with pytest.raises(WeightsError, match="was made of no file, which has not the hash of lite1@lite; load"):
            read_as("lite1@lite")


class TestLite0:
    """The file that ships."""

    def test_it_is_what_it_says(self):
        weights = reader.read(paths.find("lite0"))
        assert weights.architecture == variant("lite0")
        assert (weights.padding, weights.bn_eps, weights.recipe) == ("same", 1e-3, LITE)
        assert weights.labels[388].name == "giant panda"
        assert weights.provenance.averaging == "ema"
        assert weights.provenance.licence == "Apache-2.0"
        assert len(weights.tensors) == 247
        assert len(weights.provenance.dropped) == 49
        assert weights.digest() == "0a366f83ecea18e801b9f48ec32e58069ca56efca59813b38ed3a87d6624845b"

    def test_it_can_be_read_where_nothing_can_be_written(self, tmp_path):
        shutil.copy(paths.find("lite0"), tmp_path)
        (tmp_path / "lite0.h5").chmod(0o444)
        tmp_path.chmod(0o555)
        try:
            assert reader.read(tmp_path / "lite0.h5").architecture.name == "lite0"
        finally:
            tmp_path.chmod(0o755)
