"""The pickle machine: against Python's own on plain data, and on programs that no checkpoint has."""

import io
import pickle

import pytest
from helpers.refusal import refuse
from hypothesis import given
from hypothesis import strategies as st

from refnet.checkpoints.readers.torch import pickle_machine, torch_legacy
from refnet.checkpoints.readers.torch.pickle_machine import MAX_WHOLE
from refnet.checkpoints.readers.torch.tensors import NAMES
from refnet.errors import CheckpointError


def refused(data: bytes, message: str) -> None:
    refuse(torch_legacy.load, data, message, (1 << 20) + 300 * len(data))


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"", "malformed"),
        (b".", "takes from an empty stack"),
        (b"\x80\x02", "malformed"),
        (b"\x80\x01N.", "protocol 1"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\x80\xffN.", "protocol 255"),
        (b"t.", "a mark that it never set"),
        (b"(t0.", "opcode POP"),
        (b"(\x85.", "takes from an empty stack"),
        (b"N(\x85.", "takes from an empty stack"),
        (b"N(.", "takes from an empty stack"),
        (b"a.", "takes from an empty stack"),
        (b"NNa.", "no list where one is needed"),
        (b"NX\x01\x00\x00\x00aNs.", "no dict where one is needed"),
        (b"}(Nu.", "pairs of a plain key and a value"),
        (b"})\x85Ns.", "pairs of a plain key and a value"),
        (b"}(" + b"N" * 17 + b"tNs.", "pairs of a plain key and a value"),
        (b"}]Ns.", "pairs of a plain key and a value"),
        (b"q\x00.", "no object where one is needed"),
        (b"h\x00.", "recalls item 0, which it never stored"),
        (b"j\xff\xff\xff\xff.", "recalls item 4294967295"),
        (b"X\xff\xff\xff\xffabc.", "malformed"),
        (b"X\x02\x00\x00\x00\xff\xff.", "malformed"),
        (b"\x8a\xff\x00.", "malformed"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "malformed"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.", "malformed"),
        (b"\x8c\x02\xff\xff.", "not UTF-8"),
        (b"NN\x93.", "what it names is no text"),
        (b"NNN\x92.", "calls what is not a function"),
        (b"\x94.", "no object where one is needed"),
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
        (b"})" + b"\x85" * 130_000 + b"Ns.", "pairs of a plain key"),  # … as a key
        (b")" + b"q\x00h\x00\x86" * 40_000 + b".", "magic number"),  # twice as wide at every level
        (b"}q\x00X\x01\x00\x00\x00ah\x00s.", "magic number"),  # a dictionary in itself
        (b"]q\x00h\x00a.", "magic number"),
        (b"N" + b"r\xff\xff\xff\x7f" * 100_000 + b".", "magic number"),
    ],
)
def test_bombs(pickled, message):
    refused(pickled, message)


KEYS = (
    st.none()
    | st.booleans()
    | st.integers(1 - MAX_WHOLE, MAX_WHOLE - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)


class TestMachine:
    """The pickle machine by itself, against Python's own."""

    PLAIN = st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 64), 1 << 64) | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=5).map(tuple)
            | st.dictionaries(KEYS | st.lists(KEYS, max_size=3).map(tuple), inner, max_size=4)
        ),
        max_leaves=20,
    )

    @given(PLAIN, st.integers(2, 5))
    def test_plain_data(self, value, protocol):
        stream = io.BytesIO(pickle.dumps(value, protocol=protocol) + b"what follows")
        assert pickle_machine.load(stream, {}) == value
        assert stream.read() == b"what follows"

    @pytest.mark.parametrize("protocol", [3, 4, 5])
    def test_bytes_and_sets(self, protocol):
        value = {b"key": b"x" * 300, "array": bytearray(b"abc"), "set": {3}, "frozen": frozenset({"x"})}
        found = pickle_machine.load(io.BytesIO(pickle.dumps(value, protocol=protocol)), NAMES, foreign=True)
        assert (found[b"key"], found["set"], found["frozen"]) == (b"x" * 300, [3], ["x"])

    def test_strings_of_python_2(self):
        assert pickle_machine.load(io.BytesIO(b"\x80\x02U\x03abcT\x01\x00\x00\x00\xff\x86."), {}) == ("abc", b"\xff")

    def test_one_object_twice_stays_one(self):
        inner = ["x"]
        one, other = pickle_machine.load(io.BytesIO(pickle.dumps([inner, inner], protocol=2)), {})
        assert one is other

    def test_outside_data_where_there_is_none(self):
        with pytest.raises(CheckpointError, match="outside data where there is none"):
            pickle_machine.load(io.BytesIO(b"NQ."), {})
