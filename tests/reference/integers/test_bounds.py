import numpy as np
import pytest

from refnet.errors import InputError
from refnet.reference.integers.bounds import check_stored, check_sums, largest_sums
from refnet.reference.integers.quantisation import Quantisation
from refnet.reference.integers.sums import dense


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
def test_the_bound_is_reached(zero_point):
    """By the picture that is worst for a channel whose weights have one sign; without bias, it is tight."""
    kernel = np.array([[3, -5], [100, -128]], np.int8)
    of = Quantisation(np.float32(1), zero_point)
    bound = largest_sums(kernel, np.zeros(2, np.int32), of)
    worst = 127 if zero_point < 0 else -128
    sums = dense(np.full((1, 2), worst, np.int8), kernel, np.zeros(2, np.int32), zero_point=zero_point)
    assert np.abs(sums).tolist() == [bound.tolist()]


def test_a_bias_of_either_sign():
    of = Quantisation(np.float32(1), 0)
    assert largest_sums(np.array([[1]], np.int8), np.array([-(2**31)], np.int32), of).item() == 2**31 + 128


def test_refused():
    of = Quantisation(np.float32(1), 0)
    kernel = np.array([[1, 1]], np.int8)
    check_sums("stem", kernel, np.array([0, 2**31 - 129], np.int64), of)
    with pytest.raises(InputError, match="stem: the sum of channel 1 can reach 2147483648"):
        check_sums("stem", kernel, np.array([0, 2**31 - 128], np.int64), of)


def test_a_shift_that_32_bits_do_not_hold():
    """To the last number that they do."""
    kept = {"multiplier": np.array([1 << 30] * 2), "shift": np.array([-3, 1])}
    check_stored("stem", kept, np.array([2**31 - 1, 2**30 - 1]))
    with pytest.raises(InputError, match=r"stem: a sum of channel 1 can reach 1073741824, times 2\*\*1"):
        check_stored("stem", kept, np.array([2**31 - 1, 2**30]))


def test_scales_too_far_apart():
    with pytest.raises(InputError, match="stem: a multiplier is infinite"):
        check_stored("stem", {"factor": np.array([np.inf], np.float32)}, np.array([1]))
    with pytest.raises(InputError, match="add: its scales are too far apart to be added"):
        check_stored("add", {"weights": np.array([1, 1]), "shift": np.array([0])}, np.array([1]))
