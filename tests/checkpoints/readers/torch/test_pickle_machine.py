"""The pickle machine: against Python's own on plain data, and on programs that no checkpoint has."""

import io
import pickle

import pytest
from helpers.refusal import refuse
from hypothesis import given
from hypothesis import strategies as st

from refnet.checkpoints.readers.torch import pickle_machine, torch_legacy
from refnet.errors import CheckpointError


def refused(data: bytes, message: str) -> None:
    refuse(torch_legacy.load, data, message, (1 << 20) + 300 * len(data))


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"", "malformed"),
        (b".", "takes from an empty stack"),
        (b"\x80\x02", "malformed"),
        (b"\x80\x04N.", "protocol 4"),
        (b"\x80\xffN.", "protocol 255"),
        (b"t.", "a mark that it never set"),
        (b"(t0.", "opcode POP"),
        (b"(\x85.", "takes from an empty stack"),
        (b"N(\x85.", "takes from an empty stack"),
        (b"N(.", "takes from an empty stack"),
        (b"a.", "takes from an empty stack"),
        (b"NNa.", "no list where one is needed"),
        (b"NX\x01\x00\x00\x00aNs.", "no dict where one is needed"),
        (b"}(Nu.", "pairs of a text or number and a value"),
        (b"}NNs.", "pairs of a text or number and a value"),
        (b"}))s.", "pairs of a text or number and a value"),
        (b"}]Ns.", "pairs of a text or number and a value"),
        (b"q\x00.", "no object where one is needed"),
        (b"h\x00.", "recalls item 0, which it never stored"),
        (b"j\xff\xff\xff\xff.", "recalls item 4294967295"),
        (b"X\xff\xff\xff\xffabc.", "malformed"),
        (b"X\x02\x00\x00\x00\xff\xff.", "malformed"),
        (b"\x8a\xff\x00.", "malformed"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "opcode BINUNICODE8"),
        (b"I" + b"9" * 10000 + b"\n.", "opcode INT"),
        (b"\xff.", r"the opcode b'\\xff'"),
        (b"cos", "malformed"),
        (b"cos\nsystem", "malformed"),
        (b"c\xff\n\xff\n.", "malformed"),
        (b"cco\\x6clections\nOrderedDict\n.", "names 'co"),
    ],
)
def test_malformed(pickled, message):
    refused(pickled, message)


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"N" * 2_000_000, "more than 131072 opcodes"),
        (b"(" * 2_000_000, "more than 131072 opcodes"),
        (b")" + b"\x85" * 130_000 + b".", "magic number"),  # a tuple in a tuple in a tuple …
        (b"]" * 65_000 + b"a" * 64_999 + b".", "magic number"),
        (b"})" + b"\x85" * 130_000 + b"Ns.", "pairs of a text or number"),  # … as a key
        (b")" + b"q\x00h\x00\x86" * 40_000 + b".", "magic number"),  # twice as wide at every level
        (b"}q\x00X\x01\x00\x00\x00ah\x00s.", "magic number"),  # a dictionary in itself
        (b"]q\x00h\x00a.", "magic number"),
        (b"N" + b"r\xff\xff\xff\x7f" * 100_000 + b".", "magic number"),
    ],
)
def test_bombs(pickled, message):
    refused(pickled, message)


class TestMachine:
    """The pickle machine by itself, against Python's own."""

    PLAIN = st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 64), 1 << 64) | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=5).map(tuple)
            | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        ),
        max_leaves=20,
    )

    @given(PLAIN)
    def test_plain_data(self, value):
        stream = io.BytesIO(pickle.dumps(value, protocol=2) + b"what follows")
        assert pickle_machine.load(stream, {}) == value
        assert stream.read() == b"what follows"

    def test_one_object_twice_stays_one(self):
        inner = ["x"]
        one, other = pickle_machine.load(io.BytesIO(pickle.dumps([inner, inner], protocol=2)), {})
        assert one is other

    def test_outside_data_where_there_is_none(self):
        with pytest.raises(CheckpointError, match="outside data where there is none"):
            pickle_machine.load(io.BytesIO(b"NQ."), {})
