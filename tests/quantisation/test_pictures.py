"""Pictures that are read again and again."""

import numpy as np
import pytest
from helpers.photos import write_pictures
from helpers.quantisable import SIDE, network, pictures

from refnet.errors import ImageError, InputError
from refnet.quantisation.pictures import Pictures


def prepared(found: Pictures) -> list[np.ndarray]:
    return list(found.prepared(network("lite"), "looking"))


def test_a_folder_twice(tmp_path):
    paths = write_pictures(tmp_path, 5)
    found = Pictures(str(tmp_path))
    first, second = prepared(found), prepared(found)
    assert len(found) == len(first) == 5
    assert first[0].shape == (1, SIDE, SIDE, 3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, prepared(Pictures(iter(paths))))


def test_some_of_them(tmp_path):
    every = prepared(Pictures(write_pictures(tmp_path, 5)))
    np.testing.assert_array_equal(prepared(Pictures(str(tmp_path), count=2)), [every[0], every[2]])
    assert len(Pictures(str(tmp_path), count=9)) == 5


def test_digest_of_any_order():
    x = pictures(4)
    digests = set()
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [0, 1, 2, 2]):
        found = Pictures(x[order])
        prepared(found)
        digests.add(found.digest)
    assert len(digests) == 2


def test_a_folder_without(tmp_path):
    with pytest.raises(InputError, match="there are no pictures; want some to calibrate on"):
        Pictures(str(tmp_path))
    with pytest.raises(InputError, match="there are no pictures"):
        Pictures([])


def test_one_that_cannot_be_read(tmp_path):
    write_pictures(tmp_path, 2)
    (tmp_path / "photo0001.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"photo0001\.png"):
        prepared(Pictures(str(tmp_path)))
    with pytest.raises(ImageError, match=r"missing\.png"):
        Pictures(str(tmp_path / "missing.png"))
    with pytest.raises(ImageError, match=r"missing.*there is no file of that name"):
        Pictures(str(tmp_path / "missing*"))


def test_arrays_of_another_size():
    with pytest.raises(InputError, match="want"):
        prepared(Pictures(np.zeros((1, 48, 48, 3), np.float32)))
    with pytest.raises(InputError, match="float32"):
        prepared(Pictures(np.zeros((1, SIDE, SIDE, 3))))


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_counts_that_are_none(count):
    with pytest.raises(InputError, match="want a whole number of pictures"):
        Pictures(pictures(2), count=count)
