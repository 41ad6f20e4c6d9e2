"""What kernels compute with: refused where they could not keep to the definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refnet.engine.integers import numbers
from refnet.errors import InputError
from refnet.reference.integers.engine import ENGINES, TFLM, Rescaling
from refnet.reference.integers.network import Kernel, Operation
from refnet.reference.integers.quantisation import Quantisation

FINE, COARSE = Quantisation(np.float32(1e-6), 0), Quantisation(np.float32(1), 0)
SUM = Operation("s", "dense", ("x",), Kernel(np.ones((9, 2), np.int8), np.ones(2, np.float32), np.zeros(2, np.int32)))
ADD = Operation("s", "add", ("x", "y"))


def test_a_result_beyond_32_bits() -> None:
    with pytest.raises(
        InputError, match=r"s: a sum of channel 0 can reach 1152, times 2\*\*\d+: more than 32 bits hold"
    ):
        numbers.of_sums(SUM, COARSE, Quantisation(np.float32(1e-9), 0), TFLM, 0)
    with pytest.raises(InputError, match="more than 32 bits hold"):
        numbers.of_addition(ADD, [COARSE, COARSE], Quantisation(np.float32(1e-8), 0), TFLM)
    with pytest.raises(InputError, match="s: its scales are too far apart to be added"):
        numbers.of_addition(ADD, [COARSE, COARSE], Quantisation(np.float32(1e-8), 0), ENGINES["xnnpack"])


def test_an_infinite_multiplier() -> None:
    largest = Quantisation(np.finfo(np.float32).max, 0)
    with np.errstate(over="ignore"), pytest.raises(InputError, match="s: a multiplier is infinite"):
        numbers.of_sums(SUM, largest, FINE, ENGINES["xnnpack"], 0)


def test_a_way_to_round_without_kernels() -> None:
    engine = replace(TFLM, dense=Rescaling("exact"))
    with pytest.raises(InputError, match="s: there are no kernels that round as 'exact'"):
        numbers.of_sums(SUM, COARSE, COARSE, engine, 0)


def test_sizes_that_32_bits_do_not_hold() -> None:
    with pytest.raises(InputError, match="s: 32 bits do not hold a sum over 10000000 pixels"):
        numbers.of_mean(Operation("s", "mean", ("x",)), COARSE, COARSE, TFLM, 10**7)
    with pytest.raises(InputError, match="s: a softmax in integers has at most 4095 classes, not 5000"):
        numbers.of_softmax(Operation("s", "softmax", ("x",)), COARSE, COARSE, TFLM, 5000)


def test_a_sum_of_two_that_is_nothing_at_the_output_s_scale() -> None:
    found = numbers.of_addition(ADD, [FINE, FINE], Quantisation(np.float32(1e9), 0), ENGINES["xnnpack"])
    assert found.reshape(-1, 16)[2:5, 0].tolist() == [0, 0, 1]
