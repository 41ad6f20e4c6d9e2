"""CRC-32C against a calculation bit by bit, and against published values."""

from helpers.tf_writer import masked, slow_crc32c
from hypothesis import given
from hypothesis import strategies as st

from refnet.checkpoints.readers.tensorflow.crc32c import crc32c, masked_crc32c


@given(st.binary(max_size=100))
def test_against_bit_by_bit(data):
    assert crc32c(data) == slow_crc32c(data)
    assert masked_crc32c(data) == masked(data)


def test_published_values():
    """From RFC 3720, B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_any_buffer():
    assert crc32c(memoryview(b"0123456789")[1:]) == crc32c(bytearray(b"123456789")) == 0xE3069283
