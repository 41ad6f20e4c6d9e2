"""Derive the constants of refnet's ``exp``: python tools/fit_exp.py (needs mpmath).

exp(x) = 2**n * p(r),  n = round(x / ln 2),  r = x - n ln 2 in two parts,  |r| <= ln(2) / 2.
p(r) = 1 + r + c2 r**2 + … minimises the largest relative error on that interval (Remez exchange), then each
coefficient is rounded to the format.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np

mp.mp.prec = 200
HALF = mp.log(2) / 2 * (1 + mp.mpf(2) ** -20)  # a little wider: n is found with a rounded 1 / ln 2


def remez(degree: int, rounds: int = 12) -> list[mp.mpf]:
    """Coefficients c2 … c_degree of the polynomial with the smallest relative error."""
    unknowns = degree - 1

    def basis(r: mp.mpf) -> list[mp.mpf]:
        return [r ** (i + 2) * mp.exp(-r) for i in range(unknowns)]

    def error(r: mp.mpf, c: list[mp.mpf]) -> mp.mpf:
        return (1 + r) * mp.exp(-r) - 1 + sum(ci * b for ci, b in zip(c, basis(r), strict=True))

    # Not r = 0: the error is zero there whatever the coefficients.
    points = [HALF * mp.cos(mp.pi * (i + mp.mpf(1) / 10) / (unknowns + mp.mpf(1) / 5)) for i in range(unknowns + 1)]
    c: list[mp.mpf] = []
    for _ in range(rounds):
        rows = [[*basis(r), (-1) ** i] for i, r in enumerate(points)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([1 - (1 + r) * mp.exp(-r) for r in points]))
        c = list(solution[:unknowns])
        grid = [HALF * mp.cos(mp.pi * i / 4000) for i in range(4001)]
        values = [error(r, c) for r in grid]
        extremes = [
            i
            for i in range(4001)
            if (i in (0, 4000) or abs(values[i]) >= max(abs(values[i - 1]), abs(values[i + 1]))) and values[i] != 0
        ]
        chosen: list[int] = []
        for i in extremes:  # alternating signs, the largest of each run
            if chosen and mp.sign(values[chosen[-1]]) == mp.sign(values[i]):
                if abs(values[i]) > abs(values[chosen[-1]]):
                    chosen[-1] = i
            else:
                chosen.append(i)
        while len(chosen) > unknowns + 1:
            chosen.pop(0 if abs(values[chosen[0]]) < abs(values[chosen[-1]]) else -1)
        if len(chosen) < unknowns + 1:
            break
        points = [grid[i] for i in chosen]
    print(f"degree {degree}: largest relative error {mp.nstr(max(abs(v) for v in values), 4)}")
    return c


def show(dtype: type[np.floating], degree: int, digits: int) -> None:
    """Print the constants of one format as hexadecimal floats."""

    def rounded(x: mp.mpf) -> mp.mpf:
        with mp.workprec(digits):
            return +x

    high = rounded(mp.log(2))
    names = ["1/ln2", "ln2 high", "ln2 low", *(f"c{i + 2}" for i in range(degree - 1))]
    values = [1 / mp.log(2), high, mp.log(2) - high, *remez(degree)]
    print(dtype.__name__)
    for name, value in zip(names, values, strict=True):
        print(f"    {name:9s} {float(rounded(value)).hex()}")


if __name__ == "__main__":
    show(np.float32, 6, 24)
    show(np.float64, 11, 53)
