"""Hostile and damaged weight files: each is refused with a reason, quickly, and before memory is taken for it."""

import dataclasses
import json
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from weights.test_weights import assert_same, make_weights

from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.reference.digest import tensors_digest
from refnet.weights import reader, writer
from refnet.weights.schema import ATTRIBUTES, TABLES, Metadata

KEY = "stem/kernel"
SHAPE = (3, 3, 3, 8)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "tiny.h5"
    writer.write(path, make_weights())
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, good) -> Path:
    path = tmp_path / "tiny.h5"
    path.write_bytes(good)
    return path


def refused(path: Path, message: str) -> None:
    """Reading fails for this reason, and takes no memory worth speaking of."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=message) as caught:
            reader.read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("copy it from its source again, or convert it anew")


def replace(file: h5py.File, key: str = KEY, **how: object) -> None:
    """Put another dataset in the place of one."""
    values = how.pop("data", None)
    del file[key]
    file.create_dataset(key, data=values, **{"shape": SHAPE, "dtype": "<f4", "track_times": False, **how})


def reseal(file: h5py.File) -> None:
    """Make both digests agree with what the file now holds."""
    tensors = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and name not in TABLES:
            tensors[name] = item[()]

    file.visititems(visit)
    attributes = {n: v.decode() if isinstance(v, bytes) else np.asarray(v).item() for n, v in file.attrs.items()}
    tables = {t: tuple(row.decode() for row in file[t][()].tolist()) for t in TABLES if t in file}
    state(file, tensors_digest=tensors_digest(tensors), metadata_digest=Metadata(attributes, tables).digest())


def state(file: h5py.File, **attributes: object) -> None:
    """Set attributes of the root as the schema types them."""
    for name, value in attributes.items():
        if isinstance(value, str):
            file.attrs.create(name, value.encode(), dtype=h5py.string_dtype("utf-8", max(1, len(value.encode()))))
        else:
            file.attrs.create(name, value, dtype={int: "<i8", float: "<f8"}[type(value)])


# Structure ------------------------------------------------------------------------------------------------------------


def external_link(file):
    del file[KEY]
    file[KEY] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file):
    del file[KEY]
    file[KEY] = h5py.SoftLink("/head/kernel")


def soft_link_for_a_group(file):
    file.move("stem", "hidden")
    file["stem"] = h5py.SoftLink("/hidden")


def virtual_dataset(file):
    layout = h5py.VirtualLayout(SHAPE, "<f4")
    layout[...] = h5py.VirtualSource("/etc/passwd", "x", SHAPE)
    del file[KEY]
    file.create_virtual_dataset(KEY, layout)


def external_storage(file):
    replace(file, external=[("/etc/passwd", 0, 864)])


def compressed(file):
    replace(file, data=np.zeros(SHAPE), compression="gzip")


def chunked(file):
    replace(file, data=np.zeros(SHAPE), chunks=SHAPE)


def checksummed(file):
    replace(file, data=np.zeros(SHAPE), fletcher32=True)


def compact(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    del file[KEY]
    h5py.h5d.create(file.id, KEY.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(SHAPE), plist)


def never_written(file):
    replace(file)


def same_bytes_twice(file):
    del file["stem/bn/gamma"]
    file["stem/bn/gamma"] = file["stem/bn/beta"]


def larger_than_any_disk(file):
    replace(file, shape=(1 << 40, 1 << 20))


def compressed_bomb(file):
    replace(file, shape=(1 << 36,), chunks=(1 << 20,), compression="gzip")
    file[KEY].id.write_direct_chunk((0,), zlib.compress(bytes(4 << 20)))


def another_shape_of_the_same_size(file):
    replace(file, data=np.zeros((8, 3, 3, 3)), shape=(8, 3, 3, 3))


def a_scalar(file):
    replace(file, data=1.0, shape=())


def no_space_at_all(file):
    del file[KEY]
    file[KEY] = h5py.Empty("f4")


def double(file):
    replace(file, data=np.zeros(SHAPE), dtype="<f8")


def half(file):
    replace(file, data=np.zeros(SHAPE), dtype="<f2")


def big_endian(file):
    replace(file, data=np.zeros(SHAPE), dtype=">f4")


def integers(file):
    replace(file, data=np.zeros(SHAPE), dtype="<i4")


def strings(file):
    replace(file, data=np.full(SHAPE, b"abcd"), dtype="S4")


def pointers_into_the_heap(file):
    replace(file, data=np.full(SHAPE, "abcd", object), dtype=h5py.string_dtype())


def compound(file):
    replace(file, data=np.zeros(SHAPE, "<f4,<f4"), dtype="<f4,<f4")


def a_group_for_a_dataset(file):
    del file[KEY]
    file.create_group(KEY)


def a_type_for_a_dataset(file):
    del file[KEY]
    file[KEY] = np.dtype("<f4")


def missing(file):
    del file[KEY], file["logits/bias"], file["block3a"]


def additional(file):
    file["stem/extra"] = np.zeros(3, "<f4")
    file.create_group("empty")
    file["type"] = np.dtype("<f4")


def a_circle(file):
    file["stem/again"] = file["/"]


def a_second_name(file):
    file["stem2"] = file["stem"]


def more_names_than_any_network(file):
    for i in range(1 << 14):
        file[f"{i}"] = file["stem"]


def one_crowded_group_in_many_places(file):
    crowd = file.create_group("crowd")
    for i in range(1 << 12):
        crowd[f"{i}"] = crowd
    for name in [name for name in file if name.startswith("block")]:
        del file[name]
        file[name] = crowd


def groups_in_groups(file):
    group = file.id
    for _ in range(20_000):
        group = h5py.h5g.create(group, b"deeper")


def a_dataset_for_a_group(file):
    del file["stem"]
    file["stem"] = np.zeros(3, "<f4")


STRUCTURE = {
    external_link: "'stem/kernel' is not a hard link",
    soft_link: "'stem/kernel' is not a hard link",
    soft_link_for_a_group: "'stem' is not a hard link; stem/bn/beta is missing",
    virtual_dataset: "stem/kernel must be stored contiguously, unfiltered and in the file itself",
    external_storage: "stem/kernel must be stored contiguously",
    compressed: "stem/kernel must be stored contiguously",
    chunked: "stem/kernel must be stored contiguously",
    checksummed: "stem/kernel must be stored contiguously",
    compact: "stem/kernel must be stored contiguously",
    never_written: "stem/kernel needs 864 bytes that the file does not have",
    same_bytes_twice: r"stem/bn/\w+ and stem/bn/\w+ share their bytes",
    larger_than_any_disk: r"stem/kernel is float of 4 bytes and shape \[1099511627776, 1048576\], not little-endian",
    compressed_bomb: r"stem/kernel is float of 4 bytes and shape \[68719476736\]",
    another_shape_of_the_same_size: r"shape \[8, 3, 3, 3\], not little-endian float32 of shape \[3, 3, 3, 8\]",
    a_scalar: r"stem/kernel is float of 4 bytes and shape \[\]",
    no_space_at_all: r"stem/kernel is float of 4 bytes and shape \[\]",
    double: "stem/kernel is float of 8 bytes",
    half: "stem/kernel is float of 2 bytes",
    big_endian: "stem/kernel is float of 4 bytes .* not little-endian float32",
    integers: "stem/kernel is integer of 4 bytes",
    strings: "stem/kernel is string of 4 bytes",
    pointers_into_the_heap: "stem/kernel is string of",
    compound: "stem/kernel is something else of 8 bytes",
    a_group_for_a_dataset: "stem/kernel is not a dataset",
    a_type_for_a_dataset: "stem/kernel is not a dataset",
    missing: "block3a/depthwise/bn/beta is missing; .*logits/bias is missing; stem/kernel is missing",
    additional: "'empty' is unknown; 'stem/extra' is unknown; 'type' is unknown",
    a_circle: "'stem/again' is unknown",
    a_second_name: "'stem2' is unknown",
    more_names_than_any_network: "'0' is unknown; '1' is unknown; .*; and more",
    one_crowded_group_in_many_places: "'block1a/0' is unknown|'block7a/0' is unknown",
    groups_in_groups: "'deeper' is unknown",
    a_dataset_for_a_group: "stem is not a group",
}


@pytest.mark.parametrize("attack", STRUCTURE, ids=lambda attack: attack.__name__)
def test_structure(path, attack: Callable[[h5py.File], None]):
    with h5py.File(path, "r+") as file:
        attack(file)
    refused(path, STRUCTURE[attack])


# Metadata -------------------------------------------------------------------------------------------------------------


def architecture(**changes: object) -> dict[str, object]:
    stated = {
        "name": "tiny",
        "width": 0.1,
        "depth": 0.1,
        "resolution": 32,
        "dropout": 0.2,
        "lite": False,
        "classes": 10,
    }
    return {"architecture": json.dumps({**stated, **changes})}


METADATA = [
    ({"schema": 2}, "schema version 2, where 1 is read here: a newer refnet reads it"),
    ({"schema": 0}, "schema version 0, where 1 is read here: there never was one"),
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
    (architecture(width=10**300), "no network has: width = 1000"),
    (architecture(classes=10**12), "no network has: classes = 1000000000000"),
    (architecture(classes=-1), "no network has: classes = -1"),
    (architecture(classes=0), "'logits' is unknown"),
    (architecture(classes=10.0), "no network has: classes = 10.0"),
    (architecture(classes=True), "no network has: classes = True"),
    (architecture(resolution=1 << 20), "no network has: resolution"),
    (architecture(width=float("nan")), "no network has: width = nan"),
    (architecture(width=float("inf")), "no network has: width = inf"),
    (architecture(width=-1.0), "no network has: width = -1.0"),
    (architecture(depth=0.0), "no network has: depth = 0.0"),
    (architecture(dropout=2.0), "no network has: dropout = 2.0"),
    (architecture(lite=1), "no network has: lite = 1"),
    (architecture(name="a/b"), "no network has: name = a/b"),
    (architecture(name=[]), r"no network has: name = \[\]"),
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
    "value", [["a", "b"], h5py.Empty("S5"), np.array(b"same", "S9000"), "of variable length", 1 + 2j]
)
def test_an_attribute_of_another_type(path, value):
    with h5py.File(path, "r+") as file:
        file.attrs["padding"] = value
    refused(path, "attribute padding must be one NUL-padded fixed-length string")


def test_an_attribute_that_is_not_text(path):
    with h5py.File(path, "r+") as file:
        file.attrs.create("publisher", b"\xff\xfe", dtype=h5py.string_dtype("utf-8", 2))
    refused(path, "publisher is not UTF-8")


def test_a_thousand_attributes(path):
    with h5py.File(path, "r+") as file:
        for i in range(1000):
            file.attrs[f"a{i}"] = i
    refused(path, "1012 attributes of the root")


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
