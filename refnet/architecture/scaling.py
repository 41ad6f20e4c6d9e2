"""Scaling: the published table of coefficients, and the compound rule behind it.

EfficientNet (Tan & Le, ICML 2019) scales one small network in three dimensions at once:

    depth d = alpha**phi,  width w = beta**phi,  resolution r = gamma**phi,
    with alpha * beta**2 * gamma**2 ~ 2,

because the cost of a convolutional network grows as d * w**2 * r**2: each step of phi doubles it.
The published B1-B7 are rounded values near that rule, so the table, not the rule, defines them. B8 and L2 came
later, with AdvProp and Noisy Student (both Xie et al., CVPR 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from refnet.errors import InputError, UnknownModelError

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15  # section 3.3 of the paper: the search result on B0
BASE_RESOLUTION = 224
DIVISOR = 8  # filter counts are multiples of it
MAX_PHI = 64  # already 2**64 times the cost
MAX_BUDGET = 64

Dimension = Literal["width", "depth", "resolution"]


@dataclass(frozen=True)
class Coefficients:
    """What sets one member of the family apart from another.

    Attributes
    ----------
    width
        Factor on the number of filters of each stage.
    depth
        Factor on the number of blocks of each stage.
    resolution
        Side of the square input picture, in pixels.
    dropout
        Rate used in training; kept because it is published, without effect at inference.
    lite
        EfficientNet-Lite: no squeeze-excite, ReLU6, stem and head not widened, first and last stage not deepened.

    Raises
    ------
    InputError
        If a factor is not a finite number above 0, or the resolution not a whole number of pixels.
    """

    width: float = 1.0
    depth: float = 1.0
    resolution: int = BASE_RESOLUTION
    dropout: float = 0.2
    lite: bool = False

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("depth", self.depth)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name}={value}: want a finite factor above 0")
        if not isinstance(self.resolution, int) or self.resolution < 1:
            raise InputError(f"resolution={self.resolution}: want a whole number of pixels, at least 1")


# tensorflow/tpu, models/official/efficientnet: efficientnet_builder.py and lite/efficientnet_lite_builder.py.
TABLE: dict[str, Coefficients] = {
    "b0": Coefficients(1.0, 1.0, 224, 0.2),
    "b1": Coefficients(1.0, 1.1, 240, 0.2),
    "b2": Coefficients(1.1, 1.2, 260, 0.3),
    "b3": Coefficients(1.2, 1.4, 300, 0.3),
    "b4": Coefficients(1.4, 1.8, 380, 0.4),
    "b5": Coefficients(1.6, 2.2, 456, 0.4),
    "b6": Coefficients(1.8, 2.6, 528, 0.5),
    "b7": Coefficients(2.0, 3.1, 600, 0.5),
    "b8": Coefficients(2.2, 3.6, 672, 0.5),
    "l2": Coefficients(4.3, 5.3, 800, 0.5),
    "lite0": Coefficients(1.0, 1.0, 224, 0.2, lite=True),
    "lite1": Coefficients(1.0, 1.1, 240, 0.2, lite=True),
    "lite2": Coefficients(1.1, 1.2, 260, 0.3, lite=True),
    "lite3": Coefficients(1.2, 1.4, 280, 0.3, lite=True),
    "lite4": Coefficients(1.4, 1.8, 300, 0.3, lite=True),
}


def coefficients(name: str) -> Coefficients:
    """Return the published coefficients of a variant.

    Raises
    ------
    UnknownModelError
        If the name is not in the table.

    Examples
    --------
    >>> coefficients("b3")
    Coefficients(width=1.2, depth=1.4, resolution=300, dropout=0.3, lite=False)
    """
    try:
        return TABLE[name]
    except KeyError:
        raise UnknownModelError(f"unknown model {name!r}; known models: {', '.join(TABLE)}") from None


def round_filters(filters: int, width: float) -> int:
    """Scale a filter count and round it to a multiple of 8, never down by more than 10 %.

    Examples
    --------
    >>> round_filters(32, 1.0), round_filters(32, 1.1), round_filters(320, 1.4)
    (32, 32, 448)
    """
    scaled = filters * width
    rounded = max(DIVISOR, int(scaled + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded if rounded >= 0.9 * scaled else rounded + DIVISOR


def round_repeats(repeats: int, depth: float) -> int:
    """Scale a number of blocks, rounding up.

    Examples
    --------
    >>> round_repeats(2, 1.1)
    3
    """
    return math.ceil(depth * repeats)


def cost_factor(alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> float:
    """By how much one step of phi multiplies the cost: alpha * beta**2 * gamma**2, about 2 in the paper.

    Examples
    --------
    >>> round(cost_factor(), 3)
    1.92
    """
    return alpha * beta**2 * gamma**2


def compound(
    phi: float,
    alpha: float = ALPHA,
    beta: float = BETA,
    gamma: float = GAMMA,
    *,
    base: Coefficients | None = None,
) -> Coefficients:
    """Scale depth, width and resolution together by the compound coefficient ``phi``.

    The resolution is rounded to the nearest whole pixel.

    Raises
    ------
    InputError
        If a factor is below 1 or not finite, or phi is out of any use.

    Examples
    --------
    >>> compound(1)
    Coefficients(width=1.1, depth=1.2, resolution=258, dropout=0.2, lite=False)
    """
    for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not (math.isfinite(value) and value >= 1):
            raise InputError(f"{name}={value}: the compound rule needs a finite factor of at least 1")
    if not abs(phi) <= MAX_PHI:
        raise InputError(f"phi={phi}: want a number from -{MAX_PHI} to {MAX_PHI}")
    base = base or Coefficients()
    return replace(
        base,
        width=base.width * beta**phi,
        depth=base.depth * alpha**phi,
        resolution=round(base.resolution * gamma**phi),
    )


def alone(dimension: Dimension, factor: float, *, base: Coefficients | None = None) -> Coefficients:
    """Scale one dimension and leave the others, as the paper does to show that each saturates by itself.

    Raises
    ------
    InputError
        If the dimension is none of width, depth, resolution, or the factor not a finite number above 0.

    Examples
    --------
    >>> alone("resolution", 1.5).resolution
    336
    """
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(f"factor={factor}: want a finite factor above 0")
    base = base or Coefficients()
    if dimension == "width":
        return replace(base, width=base.width * factor)
    if dimension == "depth":
        return replace(base, depth=base.depth * factor)
    if dimension == "resolution":
        return replace(base, resolution=round(base.resolution * factor))
    raise InputError(f"unknown dimension {dimension!r}; one of width, depth, resolution")


@dataclass(frozen=True)
class Candidate:
    """One point of the grid search: the three factors, their cost factor, and the score that was asked for."""

    alpha: float
    beta: float
    gamma: float
    cost: float
    score: float

    @property
    def coefficients(self) -> Coefficients:
        """The network at phi = 1."""
        return compound(1, self.alpha, self.beta, self.gamma)


def grid_search(
    budget: float = 2.0,
    *,
    step: float = 0.05,
    tolerance: float = 0.1,
    cost: Callable[[float, float, float], float] = cost_factor,
    score: Callable[[Coefficients], float] | None = None,
) -> list[Candidate]:
    """Find the (alpha, beta, gamma) that spend a budget: step 1 of the paper's method.

    Every point of the grid 1, 1 + step, … whose cost lies within ``tolerance`` of ``budget`` is a candidate.
    The paper then trains each one and keeps the most accurate; ``score`` stands for that.

    Parameters
    ----------
    budget
        Cost of the scaled network relative to the base one; the paper doubles it.
    step, tolerance
        Spacing of the grid, and the allowed distance from the budget, both absolute.
    cost
        Cost of (alpha, beta, gamma) relative to the base network: the formula alpha * beta**2 * gamma**2, or,
        counting the real network, the ``macs`` of ``make_plan(efficientnet(compound(1, a, b, g)))`` over those of B0
        (2.57 for the paper's choice, since numbers of blocks are rounded up). It must not fall as a factor grows.
    score
        Value to maximise. Without it the candidates closest to the budget come first.

    Raises
    ------
    InputError
        If the budget is below 1 or out of any use, or step or tolerance are not positive.

    Examples
    --------
    >>> best = grid_search(score=lambda c: -abs(c.width - 1.1) - abs(c.depth - 1.2))[0]
    >>> best.alpha, best.beta, best.gamma
    (1.2, 1.1, 1.15)
    """
    if not (1 <= budget <= MAX_BUDGET and step > 0 and tolerance > 0):
        raise InputError(
            f"budget={budget}, step={step}, tolerance={tolerance}: "
            f"need a budget >= 1 (at most {MAX_BUDGET}), the others > 0"
        )

    def grid(limit: float) -> Iterator[float]:
        for i in range(int((limit - 1) / step + 1e-9) + 1):
            yield round(1 + i * step, 10)

    limit = budget + tolerance
    found = []
    for alpha in grid(limit):
        if cost(alpha, 1, 1) > limit + 1e-9:
            break
        for beta in grid(limit):
            if cost(alpha, beta, 1) > limit + 1e-9:
                break
            for gamma in grid(limit):
                spent = cost(alpha, beta, gamma)
                if spent > limit + 1e-9:
                    break
                if spent >= budget - tolerance - 1e-9:
                    value = -abs(spent - budget) if score is None else score(compound(1, alpha, beta, gamma))
                    found.append(Candidate(alpha, beta, gamma, spent, value))
    return sorted(found, key=lambda candidate: -candidate.score)
