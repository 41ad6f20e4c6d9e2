import math
import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import fma as exact_fma
from hypothesis import given
from hypothesis import strategies as st

from refnet.reference.ops import exp, fma, log

FORMATS = [np.float32, np.float64]
WIDTH = {np.float32: 32, np.float64: 64}


def f32(text):
    return np.float32(float.fromhex(text))


# x, y, z and x * y + z rounded once; rounding the product first gives something else. u is 2**-23.
FMA_FLOAT32 = [
    ("0x1.99999ap-4", "0x1.4p3", "-0x1p0", "0x1p-26"),  # 0.1 * 10 - 1: how far the literal 0.1 is from a tenth
    ("0x1.000004p0", "0x1.000004p0", "-0x1p0", "0x1.000002p-21"),  # (1 + 2 u)**2 - 1 = 4 u + 4 u**2
    ("0x1.000002p0", "0x1.fffffcp-1", "-0x1p0", "-0x1p-46"),  # (1 + u) (1 - u) - 1 = -u**2
    ("0x1.000002p0", "0x1.fffffcp-25", "0x1.000002p0", "0x1.000002p0"),  # a trifle below half a unit: down
    ("0x1p-75", "0x1p-75", "0x1p-149", "0x1p-148"),  # 1.5 times the smallest number: to even
    ("0x1.fffffep127", "0x1p1", "-0x1.fffffep127", "0x1.fffffep127"),  # the product alone overflows
]
FMA_FLOAT64 = [
    ("0x1.999999999999ap-4", "0x1.4p3", "-0x1p0", "0x1p-54"),
    ("0x1.0000000000002p0", "0x1.0000000000002p0", "-0x1p0", "0x1.0000000000001p-50"),
    ("0x1.0000000000001p0", "0x1.ffffffffffffep-1", "-0x1p0", "-0x1p-104"),
    ("0x1.0000000000001p0", "0x1.ffffffffffffep-54", "0x1.0000000000001p0", "0x1.0000000000001p0"),
    ("0x1p-537", "0x1p-538", "0x1p-1074", "0x1p-1073"),
    ("0x1.fffffffffffffp1023", "0x1p1", "-0x1.fffffffffffffp1023", "0x1.fffffffffffffp1023"),
]


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [*((np.float32, numbers) for numbers in FMA_FLOAT32), *((np.float64, numbers) for numbers in FMA_FLOAT64)],
)
def test_fma_typed_in(dtype, numbers):
    x, y, z, wanted = (dtype(float.fromhex(text)) for text in numbers)
    got = fma(x, y, z)
    assert got.dtype == dtype
    assert got == wanted == exact_fma(x, y, z, np.dtype(dtype).name)
    with np.errstate(over="ignore", under="ignore"):
        assert x * y + z != wanted


@pytest.mark.parametrize("dtype", FORMATS)
@given(st.data())
def test_fma_is_exact_arithmetic_rounded_once(dtype, data):
    number = st.floats(width=WIDTH[dtype], allow_nan=False, allow_infinity=False)
    x, y, z = (data.draw(number) for _ in range(3))
    with np.errstate(over="ignore"):
        assert fma(dtype(x), dtype(y), dtype(z)) == exact_fma(x, y, z, np.dtype(dtype).name)


@pytest.mark.parametrize("dtype", FORMATS)
@given(st.data())
def test_fma_where_almost_everything_cancels(dtype, data):
    near_one = st.floats(0.5, 2, width=WIDTH[dtype])
    x, y = data.draw(near_one), data.draw(near_one)
    minus = -dtype(x) * dtype(y)
    assert fma(dtype(x), dtype(y), minus) == exact_fma(x, y, minus, np.dtype(dtype).name)


@pytest.mark.parametrize("dtype", FORMATS)
def test_fma_special_values(dtype):
    zero, one, inf, nan = (dtype(a) for a in (0, 1, math.inf, math.nan))
    with np.errstate(invalid="ignore"):
        assert fma(inf, one, one) == inf
        assert fma(-one, inf, one) == -inf
        assert np.isnan(fma(inf, zero, one))
        assert np.isnan(fma(inf, one, -inf))
        assert np.isnan(fma(nan, one, one))
    assert math.copysign(1, fma(-one, zero, zero)) == 1  # -0 + 0 = +0
    assert math.copysign(1, fma(-one, zero, -zero)) == -1
    assert math.copysign(1, fma(one, one, -one)) == 1  # an exact cancellation gives +0


def test_fma_takes_arrays():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    got = fma(x[:, ::-1], np.float32(2), np.ones((2, 1), np.float32))
    np.testing.assert_array_equal(got, [[5, 3, 1], [11, 9, 7]])
    assert got.dtype == np.float32


# exp, typed in: float32 argument and result, both exact.
EXP_FLOAT32 = [
    ("0x0p0", "0x1p0"),
    ("0x1p0", "0x1.5bf0a8p1"),  # e = 2.71828175
    ("-0x1p0", "0x1.78b564p-2"),
    ("0x1p-24", "0x1p0"),
    ("-0x1p-25", "0x1p0"),
    ("-0x1.9fe368p6", "0x1p-149"),  # the last argument whose result is not zero
    ("-0x1.9fe36ap6", "0x0p0"),
    ("0x1.62e42ep6", "0x1.ffff08p127"),  # the last argument whose result is finite
]


@pytest.mark.parametrize(("x", "y"), EXP_FLOAT32)
def test_exp_typed_in(x, y):
    assert exp(f32(x)) == f32(y)


@pytest.mark.parametrize("dtype", FORMATS)
def test_exp_special_values(dtype):
    info = np.finfo(dtype)
    with np.errstate(over="ignore"):
        assert exp(dtype(math.inf)) == math.inf
        assert exp(info.max) == math.inf
        assert exp(dtype(710 if dtype == np.float64 else 89)) == math.inf
    assert math.copysign(1, exp(dtype(-math.inf))) == 1
    assert exp(dtype(-math.inf)) == exp(-info.max) == exp(dtype(-746)) == 0
    assert exp(dtype(0.0)) == exp(dtype(-0.0)) == 1
    assert exp(info.smallest_subnormal) == exp(-info.smallest_subnormal) == 1
    assert np.isnan(exp(dtype(math.nan)))
    assert np.isnan(exp(-dtype(math.nan)))
    assert exp(dtype(1)).dtype == dtype


def units_in_the_last_place(truth, dtype):
    """Spacing of the format at the magnitude of each true result, whatever the format makes of it."""
    info = np.finfo(dtype)
    exponent = np.frexp(np.maximum(truth, info.smallest_normal))[1] - 1
    return np.ldexp(1.0, np.clip(exponent, info.minexp, info.maxexp - 1) - info.nmant)


def test_exp_float32_over_all_binades():
    """Every 4099th bit pattern of a float32, against the float64 exponential; tools/sweep_exp.py does all 2**32."""
    x = np.arange(0, 1 << 32, 4099, dtype=np.uint32).view(np.float32)
    nan = np.isnan(x)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        got = exp(x)
        truth = np.exp(x.astype(np.float64))
    assert np.isnan(got[nan]).all()
    overflow = truth >= 2.0**128 - 2.0**103  # the middle between the largest number and the next
    assert np.isinf(got[overflow]).all()
    got, truth = got[~nan & ~overflow].astype(np.float64), truth[~nan & ~overflow]
    error = np.abs(got - truth) / units_in_the_last_place(truth, np.float32)
    assert error.max() < 1


def test_exp_float32_where_networks_use_it():
    """Closer than the promise of 1 ulp."""
    x = np.linspace(-20, 20, 200_001).astype(np.float32)
    truth = np.exp(x.astype(np.float64))
    error = np.abs(exp(x) - truth) / units_in_the_last_place(truth, np.float32)
    assert error.max() < 0.9


def test_exp_float32_never_falls():
    """Between neighbours, over a few stretches: monotonic."""
    for start in ("-0x1.5p6", "-0x1p3", "-0x1p-1", "0x1p-3", "0x1.8p0", "0x1.4p6"):
        bits = f32(start).view(np.uint32) + np.arange(100_000, dtype=np.uint32)
        y = exp(bits.view(np.float32))
        steps = np.diff(y.astype(np.float64)) * (-1 if start.startswith("-") else 1)
        assert steps.min() >= 0


def test_exp_float64():
    """At most 1 ulp on 2,000 points, against decimal arithmetic."""
    rng = np.random.default_rng(754)
    points = np.concatenate([rng.uniform(-745.2, 709.7, 1000), rng.normal(0, 3, 500), np.ldexp(1.1, np.arange(-60, 9))])
    points = np.concatenate([points, -np.ldexp(1.3, np.arange(-60, 9)), rng.uniform(-745.2, -708, 362)])
    assert len(points) == 2000
    with localcontext(prec=50):
        for x, y in zip(points.tolist(), exp(points).tolist(), strict=True):
            truth = Decimal(x).exp()
            quantum = Decimal(math.ulp(float(truth)))  # of the rounded truth: at a power of two never too small
            assert abs(Decimal(y) - truth) <= quantum


@pytest.mark.parametrize("dtype", FORMATS)
@given(st.data())
def test_exp_by_its_description(dtype, data):
    """The algorithm once more, step by step in fractions."""
    x = dtype(data.draw(st.floats(-80, 80, width=WIDTH[dtype])))
    assert exp(x) == described_exp(float(x), np.dtype(dtype).name)


CONSTANTS = {
    # 1 / ln 2, ln 2 in two parts, coefficients from the highest power
    "float32": (
        "0x1.715476p+0", "0x1.62e43p-1", "-0x1.05c61p-29",
        "0x1.6a244cp-10", "0x1.1239d4p-7", "0x1.5558f2p-5", "0x1.555492p-3", "0x1.fffffcp-2", "0x1p0", "0x1p0",
    ),
    "float64": (
        "0x1.71547652b82fep+0", "0x1.62e42fefa39efp-1", "0x1.abc9e3b39803fp-56",
        "0x1.ad7f78591017fp-26", "0x1.28ad68bdb3a3fp-22", "0x1.71df253bd594cp-19", "0x1.a0199a16c661cp-16",
        "0x1.a01a012a68f86p-13", "0x1.6c16c18426765p-10", "0x1.1111111127b9ep-7", "0x1.555555555088cp-5",
        "0x1.55555555554fap-3", "0x1.000000000000ap-1", "0x1p0", "0x1p0",
    ),
}  # fmt: skip


def described_exp(x, dtype):
    inverse_ln2, ln2_high, ln2_low, *coefficients = map(float.fromhex, CONSTANTS[dtype])
    n = round(Fraction(x) * Fraction(inverse_ln2))
    r = exact_fma(-n, ln2_high, x, dtype)
    r = exact_fma(-n, ln2_low, r, dtype)
    p = coefficients[0]
    for c in coefficients[1:]:
        p = exact_fma(p, r, c, dtype)
    return p * 2.0**n


def test_strided_and_empty_arrays():
    x = np.linspace(-3, 3, 12).astype(np.float32).reshape(3, 4)
    np.testing.assert_array_equal(exp(x.T), exp(x).T)
    np.testing.assert_array_equal(exp(x[::2, 1::2]), exp(x)[::2, 1::2])
    assert exp(x[:0]).shape == (0, 4)


@pytest.mark.parametrize("first", ["float32", "float64"])
def test_the_format_does_not_depend_on_what_was_called_before(first):
    """A ufunc compiled for float64 alone would take float32 as well, and compute in float64."""
    code = f"""
import numpy as np
from refnet.reference.ops import dense, exp, fma
one = np.ones((1, 1), "{first}")
fma(one, one, one), exp(one), dense(one, one.astype("float32"))
for dtype in ("float32", "float64"):
    x = np.full((1, 3), 0.1, dtype)
    print(fma(x, x, x).dtype, exp(x).dtype, dense(x, np.ones((3, 1), "float32")).dtype)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "float32 float32 float32\nfloat64 float64 float64\n"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_special_values(dtype):
    limits = np.finfo(dtype)
    smallest = float(np.log(np.float64(limits.smallest_normal)))
    x = np.array([1, 2, 0, -1, limits.smallest_subnormal, np.inf, np.nan], dtype)
    expected = np.array([0, math.log(2), smallest, smallest, smallest, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(log(x), expected)


def test_log_float32_in_every_binade():
    rng = np.random.default_rng(1)
    x = np.ldexp(rng.uniform(1, 2, 300_000), rng.integers(-126, 128, 300_000)).astype(np.float32)
    near = rng.uniform(0.6, 1.6, 300_000).astype(np.float32)
    for numbers in (x[x < np.inf], near[near != 1]):
        truth = np.log(numbers.astype(np.float64))
        error = np.abs(log(numbers) - truth) / np.spacing(np.abs(truth).astype(np.float32))
        assert error.max() < 2.5


@pytest.mark.parametrize("low", [1e-300, 0.6])
def test_log_float64(low):
    rng = np.random.default_rng(2)
    x = np.exp(rng.uniform(math.log(low), math.log(1.6), 2000))
    with localcontext() as context:
        context.prec = 40
        for number, found in zip(x.tolist(), log(x).tolist(), strict=True):
            truth = Decimal(number).ln()
            assert abs(Decimal(found) - truth) < Decimal("2.5") * Decimal(math.ulp(float(truth)))
