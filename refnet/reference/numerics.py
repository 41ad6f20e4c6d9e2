"""The numbers of the bit contract, shared by the definition and the kernels.

Changing one of them changes bits: that takes a new ``NUMERICS_VERSION`` and a line in the CHANGELOG.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

NUMERICS_VERSION: Final = 1

#: Taps of a convolution that are summed in one chain before the chain is added to the result.
TAPS_PER_BLOCK: Final = 32


@dataclass(frozen=True)
class ExpConstants:
    """The constants of ``exp`` in one format; derived by tools/fit_exp.py.

    exp(x) = 2**n * p(r) with n = round(x / ln 2), r = x - n ln 2 and p(r) = 1 + r + c2 r**2 + ….

    Attributes
    ----------
    inverse_ln2, ln2_high, ln2_low
        1 / ln 2, and ln 2 as the sum of two numbers of the format.
    coefficients
        Of p, from the highest power down to r**0, in the order of Horner's rule.
    shifter
        1.5 * 2**(mantissa bits): adding it leaves the rounded integer in the low bits.
    mantissa_bits, exponent_bias
        Of the format.
    low, high
        exp is 0 below ``low`` and infinite above ``high``; arguments are first brought into this range.
    sigmoid_bound
        The sigmoid's argument is brought into +- this, where exp and 1 + exp are normal numbers.
    """

    inverse_ln2: float
    ln2_high: float
    ln2_low: float
    coefficients: tuple[float, ...]
    shifter: float
    mantissa_bits: int
    exponent_bias: int
    low: float
    high: float
    sigmoid_bound: float


def _hex(*texts: str) -> tuple[float, ...]:
    return tuple(float.fromhex(text) for text in texts)


EXP: Final[dict[str, ExpConstants]] = {
    "float32": ExpConstants(
        inverse_ln2=float.fromhex("0x1.715476p+0"),
        ln2_high=float.fromhex("0x1.62e43p-1"),
        ln2_low=float.fromhex("-0x1.05c61p-29"),
        coefficients=_hex(
            "0x1.6a244cp-10", "0x1.1239d4p-7", "0x1.5558f2p-5", "0x1.555492p-3", "0x1.fffffcp-2", "0x1p0", "0x1p0"
        ),
        shifter=1.5 * 2**23,
        mantissa_bits=23,
        exponent_bias=127,
        low=-104.0,
        high=89.0,
        sigmoid_bound=87.0,
    ),
    "float64": ExpConstants(
        inverse_ln2=float.fromhex("0x1.71547652b82fep+0"),
        ln2_high=float.fromhex("0x1.62e42fefa39efp-1"),
        ln2_low=float.fromhex("0x1.abc9e3b39803fp-56"),
        coefficients=_hex(
            "0x1.ad7f78591017fp-26", "0x1.28ad68bdb3a3fp-22", "0x1.71df253bd594cp-19", "0x1.a0199a16c661cp-16",
            "0x1.a01a012a68f86p-13", "0x1.6c16c18426765p-10", "0x1.1111111127b9ep-7", "0x1.555555555088cp-5",
            "0x1.55555555554fap-3", "0x1.000000000000ap-1", "0x1p0", "0x1p0",
        ),
        shifter=1.5 * 2**52,
        mantissa_bits=52,
        exponent_bias=1023,
        low=-746.0,
        high=710.0,
        sigmoid_bound=708.0,
    ),
}  # fmt: skip


def constants_in_hex(dtype: str) -> dict[str, Any]:
    """The constants of ``exp`` and of the sigmoid in one format, as hexadecimal floats, for whoever ports them.

    Examples
    --------
    >>> constants_in_hex("float32")["coefficients"][:2]
    ['0x1.6a244c0000000p-10', '0x1.1239d40000000p-7']
    """
    names = ("inverse_ln2", "ln2_high", "ln2_low", "shifter", "low", "high", "sigmoid_bound")
    exp = EXP[dtype]
    return {name: getattr(exp, name).hex() for name in names} | {"coefficients": [c.hex() for c in exp.coefficients]}


@dataclass(frozen=True)
class LogConstants:
    """The constants of ``log`` in one format; ln 2 is that of ``EXP``.

    log(2**n * m) = n ln 2 + 2 s (1 + s**2 / 3 + s**4 / 5 + …) with s = (m - 1) / (m + 1), the series of atanh.

    Attributes
    ----------
    root_2
        The square root of 2: m is at most that, and more than half of it.
    least
        The smallest normal number: arguments are at least that.
    coefficients
        1/23 or 1/9, …, 1/5, 1/3, in the order of Horner's rule: what is left out is below half of the last place.
    """

    root_2: float
    least: float
    coefficients: tuple[float, ...]


LOG: Final[dict[str, LogConstants]] = {
    name: LogConstants(
        root_2=float(kind(2**0.5)),
        least=float(np.finfo(kind).smallest_normal),
        coefficients=tuple(float(kind(1 / k)) for k in range(last, 1, -2)),
    )
    for name, kind, last in (("float32", np.float32, 9), ("float64", np.float64, 23))
}

#: The generalised mean raises its inputs to this first: 0 has no logarithm. All who publish it do so.
GEM_FLOOR: Final = 1e-6


def fold_batch_norm(
    gamma: npt.NDArray[Any],
    beta: npt.NDArray[Any],
    mean: npt.NDArray[Any],
    variance: npt.NDArray[Any],
    eps: float,
    dtype: npt.DTypeLike,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Compute the scale and shift of a batch norm, in float64, rounded once to ``dtype``.

    scale = gamma / sqrt(variance + eps),  shift = beta - mean * scale (with the unrounded scale).
    gamma, beta, mean and variance are f32[K] as published, eps is the publisher's; both results are dtype[K].

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1, np.float32)
    >>> fold_batch_norm(one, one, one, 3 * one, 1.0, np.float32)
    (array([0.5], dtype=float32), array([0.5], dtype=float32))
    """
    gamma, beta, mean, variance = (a.astype(np.float64) for a in (gamma, beta, mean, variance))
    scale = gamma / np.sqrt(variance + np.float64(eps))
    shift = beta - mean * scale
    return scale.astype(dtype), shift.astype(dtype)
