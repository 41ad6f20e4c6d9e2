"""Sweep refnet's exp over all 2**32 float32 inputs: python tools/sweep_exp.py > docs/results/sweep_exp.md.

For each binade of the argument the largest error against the float64 exponential, in units in the last place (the
spacing of float32 at the magnitude of the true result, subnormal ones included), and the SHA-256 over all results, in
the order of the arguments' bits, little-endian, every NaN written as 0x7FC00000. Takes a few minutes.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from refnet.reference.numerics import NUMERICS_VERSION
from refnet.reference.ops import exp

CHUNK = 1 << 23  # one binade
OVERFLOW = 2.0**128 - 2.0**103  # half a unit above the largest float32: from here on the right result is infinity


def ulps(got: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Distance of each result from the truth, in units in the last place of float32.

    Raises
    ------
    ArithmeticError
        If a result, or its distance, is not a number.
    """
    with np.errstate(over="ignore", under="ignore"):
        truth = np.exp(x.astype(np.float64))
    overflow = truth >= OVERFLOW
    finite = np.where(overflow, 1, truth)
    # Not np.spacing: at the largest float32 it is infinite. Below the normal numbers the spacing stays the same.
    exponent = np.minimum(np.frexp(np.maximum(finite, 2.0**-126))[1] - 1, 127)
    distance = np.abs(got.astype(np.float64) - finite) / np.ldexp(1.0, exponent - 23)
    error = np.where(overflow, np.where(got == np.inf, 0, np.inf), distance)
    wrong = np.isnan(got) | np.isnan(error)
    if wrong.any():
        raise ArithmeticError(f"exp of {float(x[wrong][0]).hex()} is not a number")
    return error


def main() -> None:
    """Print the table."""
    np.seterr(over="ignore", under="ignore", invalid="ignore")
    digest = hashlib.sha256()
    rows = []
    for begin in range(0, 1 << 32, CHUNK):
        bits = np.arange(begin, begin + CHUNK, dtype=np.uint32)
        x = bits.view(np.float32)
        got = exp(x)
        nan = np.isnan(x)
        got[nan] = np.uint32(0x7FC00000).view(np.float32)
        digest.update(got.astype("<f4").tobytes())
        if nan.all():
            continue
        keep = ~nan
        error = ulps(got[keep], x[keep])
        rows.append((float(x[keep][0]), float(x[keep][-1]), float(error.max()), float(x[keep][error.argmax()])))
        if sys.stderr.isatty():
            print(f"\r{begin / (1 << 32):4.0%}", end="", file=sys.stderr)
    print("# exp over all float32 arguments\n")
    print("Made by `python tools/sweep_exp.py`. Largest error in ulp for each binade of the argument.\n")
    print(f"- numerics version {NUMERICS_VERSION}")
    print(f"- largest error anywhere: **{max(row[2] for row in rows):.4f} ulp**")
    order = "in the order of the arguments' bits, little-endian, NaN as 0x7fc00000"
    print(f"- SHA-256 over all 2**32 results, {order}: `{digest.hexdigest()}`\n")
    print("| from | to | largest error (ulp) | at |\n|---|---|---|---|")
    for first, last, error, where in rows:
        if 2**-26 <= abs(first) <= 256:  # outside, exp is 1, 0 or infinite
            print(f"| {first:.9g} | {last:.9g} | {error:.4f} | {where.hex()} |")
    print(f"\nBinades left out: largest error {max(r[2] for r in rows if not 2**-26 <= abs(r[0]) <= 256):.4f} ulp.")


if __name__ == "__main__":
    main()
