import hashlib
import math
import struct
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import nearest
from hypothesis import given
from hypothesis import strategies as st

from refnet.reference.numerics import EXP, NUMERICS_VERSION, TAPS_PER_BLOCK, fold_batch_norm

LN2 = Fraction("0.6931471805599453094172321214581765680755001343602552541206800094933936219696947")
FORMATS = ["float32", "float64"]


def test_numbers_never_change_within_a_version():
    """If this fails, bits have moved: a new version, new digests and a line in the CHANGELOG."""
    numbers = [TAPS_PER_BLOCK, *(list(vars(EXP[dtype]).values()) for dtype in FORMATS)]
    digest = hashlib.sha256(repr(numbers).encode()).hexdigest()
    assert {NUMERICS_VERSION: digest} == {1: "71a07652e554cb43c02453c65916805193498120439d18a7d506481810e83c80"}


@pytest.mark.parametrize("dtype", FORMATS)
def test_every_constant_is_a_number_of_its_format(dtype):
    for values in vars(EXP[dtype]).values():
        for value in values if isinstance(values, tuple) else (values,):
            assert nearest(Fraction(value), dtype) == value


@pytest.mark.parametrize("dtype", FORMATS)
def test_logarithm_of_two(dtype):
    c = EXP[dtype]
    assert c.inverse_ln2 == nearest(1 / LN2, dtype)
    assert c.ln2_high == nearest(LN2, dtype)
    assert c.ln2_low == nearest(LN2 - Fraction(c.ln2_high), dtype)


@pytest.mark.parametrize(("dtype", "bits"), [("float32", 27), ("float64", 56)])
def test_polynomial_is_exp_near_zero(dtype, bits):
    """To a fraction of the format's precision, so that what remains of the 1 ulp is rounding."""
    coefficients = [Decimal(c) for c in EXP[dtype].coefficients]
    with localcontext(prec=40) as context:
        half = Decimal(2).ln() / 2
        for i in range(-500, 501):
            r = half * i / 500
            p = Decimal(0)
            for c in coefficients:
                p = p * r + c
            assert abs(p / r.exp(context) - 1) < Decimal(2) ** -bits


@pytest.mark.parametrize("dtype", FORMATS)
def test_bounds_of_exp(dtype):
    c, info = EXP[dtype], np.finfo(dtype)
    assert (c.mantissa_bits, c.exponent_bias) == (info.nmant, info.maxexp - 1)
    assert c.shifter == 1.5 * 2**info.nmant
    assert Decimal(c.low).exp() < Decimal(float(info.smallest_subnormal)) / 2  # rounds to zero
    assert Decimal(c.high).exp() > Decimal(2) ** int(info.maxexp)  # rounds to infinity
    assert Decimal(c.sigmoid_bound).exp() + 1 < Decimal(float(info.max))
    assert Decimal(-c.sigmoid_bound).exp() >= Decimal(float(info.smallest_normal))


NUMBERS = st.floats(-100, 100, width=32)
VARIANCES = st.floats(0, 1e4, width=32)
EPS = st.sampled_from([1e-3, 1e-5])


def to_format(value, dtype):
    """One conversion by the C language's rules, without NumPy."""
    return struct.unpack("f", struct.pack("f", value))[0] if dtype == "float32" else value


@pytest.mark.parametrize("dtype", FORMATS)
@given(NUMBERS, NUMBERS, NUMBERS, VARIANCES, EPS)
def test_batch_norm_is_folded_in_float64_and_rounded_once(dtype, gamma, beta, mean, variance, eps):
    scale = gamma / math.sqrt(variance + eps)
    shift = beta - mean * scale
    folded = fold_batch_norm(*(np.array([a], np.float32) for a in (gamma, beta, mean, variance)), eps, dtype)
    assert [a.dtype for a in folded] == [dtype, dtype]
    assert folded[0] == to_format(scale, dtype)
    assert folded[1] == to_format(shift, dtype)


@given(NUMBERS, NUMBERS, NUMBERS, VARIANCES, EPS)
def test_folded_batch_norm_is_the_truth_rounded(gamma, beta, mean, variance, eps):
    """To half a unit in the last place of float32, and what float64 leaves in doubt."""
    with localcontext(prec=60):
        scale = Decimal(gamma) / (Decimal(variance) + Decimal(eps)).sqrt()
        shift = Decimal(beta) - Decimal(mean) * scale
        size = max(abs(Decimal(beta)), abs(Decimal(mean) * scale))
        got = fold_batch_norm(*(np.array([a], np.float32) for a in (gamma, beta, mean, variance)), eps, "float32")
        for value, truth, doubt in ((got[0][0], scale, abs(scale)), (got[1][0], shift, size)):
            allowed = Decimal(float(np.spacing(abs(value)))) / 2 + doubt / 2**50
            assert abs(Decimal(float(value)) - truth) <= allowed


def test_batch_norm_typed_in():
    gamma, beta, mean, variance = np.array([[2, 3, -4], [1, 0, 5], [3, 2, -1], [0, 8, 15]], np.float32)
    scale, shift = fold_batch_norm(gamma, beta, mean, variance, 1, "float32")
    np.testing.assert_array_equal(scale, [2, 1, -1])  # 2 / sqrt(1), 3 / sqrt(9), -4 / sqrt(16)
    np.testing.assert_array_equal(shift, [-5, -2, 4])  # 1 - 3 * 2, 0 - 2 * 1, 5 - -1 * -1


def test_shift_uses_the_unrounded_scale():
    """1 / sqrt(3), rounded first to float32, would give another shift."""
    zero, one, three, five = (np.array([a], np.float32) for a in (0, 1, 3, 5))
    scale, shift = fold_batch_norm(one, zero, five, three, 0, "float32")
    assert shift[0] == np.float32(-5 / math.sqrt(3))
    assert shift[0] != -five[0] * scale[0]


def test_arguments_are_not_changed():
    tensors = [np.full(2, a, np.float32) for a in (1, 2, 3, 4)]
    for tensor in tensors:
        tensor.flags.writeable = False
    fold_batch_norm(*tensors, 1e-3, "float32")
