"""Every reader on files of a good form with invented contents: as in ``test_fuzz.py``, nothing bad happens.

Most of what a file says is right in each example, so that what is wrong is reached.
"""

import json
import pickletools
import struct
from itertools import pairwise

import pytest
from checkpoints.readers.test_fuzz import SIX, read_index, read_tar
from helpers.fuzzing import EXTREME, EXTREMES, PLACE, changed, fuzzed, harmless
from helpers.tf_writer import block, entry, field, handle, header, item, raw, shape_of, table, table_of
from helpers.torch_files import archive, legacy, named, program, storage, tensor
from hypothesis import given
from hypothesis import strategies as st

from refnet.checkpoints.layout.networks import find_networks
from refnet.checkpoints.readers import onnx_file, safetensors_file
from refnet.checkpoints.readers.torch import pickle_machine, torch_file, torch_zip
from refnet.checkpoints.readers.torch.tensors import NAMES
from refnet.checkpoints.state_dict import find_state_dict

pytestmark = pytest.mark.usefixtures("good_checksums")

find_networks(["x"])  # the names of all variants are made once
TEXTS = ["conv_stem.weight", "x", "0", "state_dict", "a/b", "../x", "/x", "", "ö", "storage", "data/0", "n" * 300]
TEXT = st.sampled_from(TEXTS)
NUMBER = st.integers(0, 8) | EXTREME | EXTREME.map(lambda n: -n)
SHAPE = st.lists(NUMBER, max_size=10)


def usually(good: object, otherwise: st.SearchStrategy) -> st.SearchStrategy:
    """Three times in four the good value."""
    return st.integers(0, 3).flatmap(lambda n: otherwise if n == 3 else st.just(good))


# PyTorch --------------------------------------------------------------------------------------------------------------

STORAGE = st.builds(
    storage,
    usually("0", TEXT | NUMBER),
    usually(6, NUMBER | st.booleans()),
    usually("torch FloatStorage", st.sampled_from(list(NAMES))),
    usually((None,), st.sampled_from([(), (1,), (None, None), (named("torch FloatStorage"),)])),
)
SIDES = SHAPE | st.lists(NUMBER, min_size=2, max_size=2) | st.sampled_from([[True, 6], ["2", 3], [None], [(2,)]])
TENSOR = st.builds(
    tensor,
    usually(0, NUMBER | st.none()),
    usually((2, 3), SIDES.map(tuple) | SIDES),
    usually((3, 1), SIDES.map(tuple)),
    usually(storage(), STORAGE | TEXT),
)
CONTENT = st.recursive(
    TENSOR | TEXT | NUMBER | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=4,
)


@fuzzed
@given(
    st.dictionaries(TEXT | st.sampled_from([1, None, (1, 2), program([])]), TENSOR | CONTENT, min_size=1, max_size=3),
    st.booleans(),
)
def test_tensors_of_pytorch(content, new):
    data = archive(content) if new else legacy(content)
    with harmless(len(data)):
        find_state_dict(torch_file.load(data))


def opcodes(pickled: bytes) -> list[bytes]:
    """Cut a pickle before each opcode; without the first, its protocol, and the last, its end."""
    places = [place for _, _, place in pickletools.genops(pickled)]
    return [pickled[start:end] for start, end in pairwise(places)][1:]


PROGRAM = opcodes(b"\x80\x02" + program({"x": tensor(), "y": [(1, None)], "z": tensor(1, (2,), (1,))}) + b".")
PARTS = [
    *PROGRAM,
    *map(named, NAMES),
    *map(program, [*TEXTS, *EXTREMES, -1, True, None, [], {}, ()]),
    *(code + argument for code in pickle_machine._OPCODES for argument in (b"", b"\0", b"\1", b"\1\0\0\0")),
    storage(),
    tensor(),
]
PART = st.lists(st.sampled_from(PARTS), min_size=1, max_size=2)
REWRITTEN = st.lists(
    st.tuples(st.just("put"), PLACE, PART, st.booleans())
    | st.tuples(st.just("copy"), PLACE, PLACE, st.integers(0, 30))
    | st.tuples(st.just("cut"), PLACE, st.integers(1, 5)),
    min_size=1,
    max_size=4,
)


@fuzzed
@given(REWRITTEN, st.booleans())
def test_programs_of_pytorch(changes, new):
    code = b"".join(changed(PROGRAM, changes))
    data = archive(code) if new else legacy(code)
    with harmless(len(data)):
        find_state_dict(torch_file.load(data))


MEMBERS = st.sampled_from([*TEXTS, "data.pkl", "version", "byteorder"])


@fuzzed
@given(
    st.dictionaries(MEMBERS, st.none() | st.binary(max_size=40), max_size=2),
    usually("x/", st.sampled_from(["x/y/", "../", "/"])),
    usually(0, st.just(8)),
)
def test_members_of_a_zip_archive(members, folder, compression):
    data = archive(None, members, folder, compression=compression)
    with harmless(len(data)):
        torch_zip.load(data)


# Safetensors ----------------------------------------------------------------------------------------------------------

HEADER_ENTRY = st.fixed_dictionaries(
    {
        "dtype": usually("F32", st.sampled_from([*safetensors_file.DTYPES, "F8", "", None, 1])),
        "shape": usually([2, 3], SHAPE | NUMBER),
        "data_offsets": usually([0, 24], st.lists(NUMBER | st.just(24), min_size=1, max_size=3)),
    }
)


@fuzzed
@given(
    st.dictionaries(st.sampled_from([*TEXTS, "__metadata__"]), HEADER_ENTRY, max_size=2),
    usually(24, st.integers(0, 48)),
)
def test_headers_of_safetensors(entries, size):
    text = json.dumps(entries).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(size)
    with harmless(len(data)):
        safetensors_file.load(data)


# TensorFlow -----------------------------------------------------------------------------------------------------------

FIELD = st.builds(field, st.integers(0, 9), NUMBER | st.binary(max_size=5))
ENTRY = st.builds(
    entry,
    st.just(SIX),
    dtype=usually(1, st.sampled_from([2, 3, 7, 9, 14, 19, 99]) | NUMBER),
    shape=st.builds(lambda sides: shape_of(*sides), usually([6], SHAPE)),
    shard=usually(0, NUMBER),
    offset=usually(0, NUMBER),
    size=usually(None, NUMBER),
    crc=st.just(0),
    more=usually(b"", st.binary(max_size=5) | FIELD),
)
HEADER = st.builds(header, usually(1, NUMBER), usually(b"", FIELD))
KEY = st.sampled_from([b"a", b"b", b"c", b"\0s", b"\xff", b"k" * 1000])


@fuzzed
@given(st.dictionaries(KEY, ENTRY, max_size=2), HEADER)
def test_entries_of_an_index(entries, first):
    data = table({b"": first} | entries)
    with harmless(len(data)):
        read_index(data)


ITEM = st.builds(item, KEY | st.just(b""), ENTRY, usually(0, NUMBER))
BLOCK = st.builds(
    lambda items, restarts, kind: block(item(b"", header()) + b"".join(items), tuple(restarts), kind, 0),
    st.lists(ITEM, max_size=3),
    usually([0], st.lists(st.integers(0, (1 << 32) - 1), max_size=3)),
    usually(0, st.integers(0, 255)),
)
HANDLE = st.builds(handle, NUMBER, NUMBER)


@fuzzed
@given(st.lists(BLOCK, max_size=2), usually(None, st.lists(HANDLE, max_size=3)), usually(None, HANDLE))
def test_tables(blocks, handles, index):
    data = table_of(*blocks, handles=handles, index=index)
    with harmless(len(data)):
        read_index(data)


EXTENDED = st.sampled_from([b"12 path=a/bcd\n", b"11 path=ab\n", b"999999 a=\n", b"9 =b\n", b"7 a=b\n0"])
MEMBER = st.builds(
    raw,
    st.sampled_from([text.encode()[:100] for text in TEXTS]),
    usually(b"0", st.sampled_from([bytes([kind]) for kind in b"\x00123456789LKxgSAX"])),
    st.binary(max_size=40) | EXTENDED,
    usually(None, NUMBER.map(lambda n: b"%o" % n) | st.binary(max_size=12)),
)


@fuzzed
@given(st.lists(MEMBER, max_size=5))
def test_members_of_a_tar(members):
    data = b"".join(members) + bytes(1024)
    with harmless(len(data)):
        read_tar(data)


# ONNX -----------------------------------------------------------------------------------------------------------------

VALUE = NUMBER | st.binary(max_size=24) | st.just(SIX)
KINDS = st.sampled_from([(1, 4), (7, 7), (10, 5), (10, 9), (11, 10), (16, 5)]) | st.tuples(NUMBER, st.integers(4, 11))
CONSTANT = st.builds(
    lambda sides, kind, name, values, more: b"".join(
        [
            *(field(1, side) for side in sides),
            field(2, kind[0]) + field(8, name.encode()),
            *(field(kind[1], value) for value in values),
            *(field(*each) for each in more),
        ]
    ),
    usually([2, 3], SHAPE),
    usually((1, 9), KINDS),
    usually("a", TEXT),
    usually([SIX], st.lists(VALUE, min_size=1, max_size=2)),
    usually([], st.lists(st.tuples(st.integers(0, 16), VALUE), max_size=1)),
)
NODE = st.lists(st.tuples(st.integers(0, 8), VALUE | st.sampled_from([b"Identity", b"Conv", b"a"])), max_size=3)
FIELDS = usually([], st.lists(st.tuples(st.integers(0, 16), VALUE), max_size=2))


@fuzzed
@given(st.lists(CONSTANT, min_size=1, max_size=2), usually([], st.lists(NODE, max_size=2)), FIELDS)
def test_graphs(constants, nodes, more):
    content = b"".join(field(5, each) for each in constants)
    content += b"".join(field(1, b"".join(field(*each) for each in node)) for node in nodes)
    data = field(7, content) + b"".join(field(*each) for each in more)
    with harmless(len(data)):
        onnx_file.load(data)
