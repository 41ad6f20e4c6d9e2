"""Weight files of another structure: refused with a reason, quickly, and before memory is taken for them."""

import zlib
from collections.abc import Callable

import h5py
import numpy as np
import pytest
from helpers.changed_weight_files import KEY, SHAPE, refused, replace_dataset

CONTIGUOUS = "stem/kernel must be stored contiguously, unfiltered and in the file itself"
ZEROS = np.zeros(SHAPE)

# In the place of the dataset stem/kernel: a link, a type, or another dataset.
INSTEAD = {
    "external link": (h5py.ExternalLink("/etc/passwd", "/x"), "'stem/kernel' is not a hard link"),
    "soft link": (h5py.SoftLink("/head/kernel"), "'stem/kernel' is not a hard link"),
    "a type": (np.dtype("<f4"), "stem/kernel is not a dataset"),
    "no space at all": (h5py.Empty("f4"), r"stem/kernel is float of 4 bytes and shape \[\]"),
    "external storage": ({"external": [("/etc/passwd", 0, 864)]}, CONTIGUOUS),
    "compressed": ({"data": ZEROS, "compression": "gzip"}, CONTIGUOUS),
    "chunked": ({"data": ZEROS, "chunks": SHAPE}, CONTIGUOUS),
    "checksummed": ({"data": ZEROS, "fletcher32": True}, CONTIGUOUS),
    "never written": ({}, "stem/kernel needs 864 bytes that the file does not have"),
    "larger than any disk": (
        {"shape": (1 << 40, 1 << 20)},
        r"stem/kernel is float of 4 bytes and shape \[1099511627776, 1048576\], not little-endian",
    ),
    "another shape of the same size": (
        {"data": np.zeros((8, 3, 3, 3)), "shape": (8, 3, 3, 3)},
        r"shape \[8, 3, 3, 3\], not little-endian float32 of shape \[3, 3, 3, 8\]",
    ),
    "a scalar": ({"data": 1.0, "shape": ()}, r"stem/kernel is float of 4 bytes and shape \[\]"),
    "double": ({"data": ZEROS, "dtype": "<f8"}, "stem/kernel is float of 8 bytes"),
    "half": ({"data": ZEROS, "dtype": "<f2"}, "stem/kernel is float of 2 bytes"),
    "big endian": ({"data": ZEROS, "dtype": ">f4"}, "stem/kernel is float of 4 bytes .* not little-endian float32"),
    "integers": ({"data": ZEROS, "dtype": "<i4"}, "stem/kernel is integer of 4 bytes"),
    "strings": ({"data": np.full(SHAPE, b"abcd"), "dtype": "S4"}, "stem/kernel is string of 4 bytes"),
    "pointers into the heap": (
        {"data": np.full(SHAPE, "abcd", object), "dtype": h5py.string_dtype()},
        "stem/kernel is string of",
    ),
    "compound": (
        {"data": np.zeros(SHAPE, "<f4,<f4"), "dtype": "<f4,<f4"},
        "stem/kernel is something else of 8 bytes",
    ),
}


@pytest.mark.parametrize("case", INSTEAD)
def test_something_else_than_the_dataset(path, case):
    other, message = INSTEAD[case]
    with h5py.File(path, "r+") as file:
        if isinstance(other, dict):
            replace_dataset(file, **other)
        else:
            del file[KEY]
            file[KEY] = other
    refused(path, message)


def soft_link_for_a_group(file):
    file.move("stem", "hidden")
    file["stem"] = h5py.SoftLink("/hidden")


def virtual_dataset(file):
    layout = h5py.VirtualLayout(SHAPE, "<f4")
    layout[...] = h5py.VirtualSource("/etc/passwd", "x", SHAPE)
    del file[KEY]
    file.create_virtual_dataset(KEY, layout)


def compact(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    del file[KEY]
    h5py.h5d.create(file.id, KEY.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(SHAPE), plist)


def same_bytes_twice(file):
    del file["stem/bn/gamma"]
    file["stem/bn/gamma"] = file["stem/bn/beta"]


def compressed_bomb(file):
    replace_dataset(file, shape=(1 << 36,), chunks=(1 << 20,), compression="gzip")
    file[KEY].id.write_direct_chunk((0,), zlib.compress(bytes(4 << 20)))


def a_group_for_a_dataset(file):
    del file[KEY]
    file.create_group(KEY)


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
    soft_link_for_a_group: "'stem' is not a hard link; stem/bn/beta is missing",
    virtual_dataset: CONTIGUOUS,
    compact: CONTIGUOUS,
    same_bytes_twice: r"stem/bn/\w+ and stem/bn/\w+ share their bytes",
    compressed_bomb: r"stem/kernel is float of 4 bytes and shape \[68719476736\]",
    a_group_for_a_dataset: "stem/kernel is not a dataset",
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
