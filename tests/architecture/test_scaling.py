import dataclasses
import functools
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import (
    TABLE,
    Candidate,
    Coefficients,
    alone,
    coefficients,
    compound,
    cost_factor,
    grid_search,
    round_filters,
    round_repeats,
)
from refnet.architecture.variants import efficientnet
from refnet.errors import InputError, UnknownModelError

B0 = Coefficients(width=1.0, depth=1.0, resolution=224, dropout=0.2, lite=False)


@functools.cache
def macs(coefs):
    return make_plan(efficientnet(coefs)).macs


def params(coefs):
    return make_plan(efficientnet(coefs)).params


# width, depth, resolution, dropout: efficientnet_builder.py and lite/efficientnet_lite_builder.py of tensorflow/tpu.
PUBLISHED = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
    "b8": (2.2, 3.6, 672, 0.5),
    "l2": (4.3, 5.3, 800, 0.5),
    "lite0": (1.0, 1.0, 224, 0.2),
    "lite1": (1.0, 1.1, 240, 0.2),
    "lite2": (1.1, 1.2, 260, 0.3),
    "lite3": (1.2, 1.4, 280, 0.3),
    "lite4": (1.4, 1.8, 300, 0.3),
}


def test_the_table_is_the_published_one():
    assert list(TABLE) == list(PUBLISHED)
    for name, (width, depth, resolution, dropout) in PUBLISHED.items():
        assert coefficients(name) == Coefficients(width, depth, resolution, dropout, lite=name.startswith("lite"))


@pytest.mark.parametrize("name", ["b9", "B0", "lite", "", "b0 ", "efficientnet-b0", None])
def test_unknown_names(name):
    with pytest.raises(UnknownModelError) as error:
        coefficients(name)
    assert repr(name) in str(error.value)
    assert "b0, b1, b2, b3, b4, b5, b6, b7, b8, l2, lite0, lite1, lite2, lite3, lite4" in str(error.value)


# Filters of B0 times a width, worked out with the published rule by hand.
@pytest.mark.parametrize(
    ("filters", "width", "rounded"),
    [
        (32, 1.0, 32),
        (32, 1.1, 32),  # 35.2: the nearest multiple of 8 is 32, 9.1 % less
        (16, 1.1, 16),  # 17.6
        (16, 1.2, 24),  # 19.2: 16 would be 17 % less
        (40, 1.1, 48),  # 44.0: the middle goes up
        (24, 1.4, 32),  # 33.6
        (24, 1.8, 40),  # 43.2
        (1280, 1.1, 1408),
        (320, 4.3, 1376),
        (1, 1.0, 8),  # never below 8
        (8, 0.1, 8),
    ],
)
def test_filters_round_to_multiples_of_8(filters, width, rounded):
    assert round_filters(filters, width) == rounded


@given(st.integers(1, 4096), st.floats(0.1, 8))
def test_filters_lose_at_most_a_tenth(filters, width):
    rounded = round_filters(filters, width)
    assert rounded % 8 == 0
    assert rounded >= 8
    assert rounded >= 0.9 * filters * width
    assert rounded <= max(8, filters * width + 8)


@pytest.mark.parametrize(
    ("repeats", "depth", "rounded"), [(1, 1.0, 1), (1, 1.1, 2), (4, 1.1, 5), (2, 3.1, 7), (4, 3.1, 13), (3, 2.0, 6)]
)
def test_repeats_round_up(repeats, depth, rounded):
    assert round_repeats(repeats, depth) == rounded


@given(st.floats(0, 8), st.floats(1, 2), st.floats(1, 1.5), st.floats(1, 1.5))
def test_compound_rule(phi, alpha, beta, gamma):
    net = compound(phi, alpha, beta, gamma)
    assert net.depth == pytest.approx(alpha**phi)
    assert net.width == pytest.approx(beta**phi)
    assert abs(net.resolution - 224 * gamma**phi) <= 0.5
    assert (net.dropout, net.lite) == (B0.dropout, B0.lite)


@given(st.floats(0, 4), st.floats(0, 4))
def test_compound_steps_multiply(phi, more):
    twice = compound(more, base=compound(phi))
    once = compound(phi + more)
    assert twice.depth == pytest.approx(once.depth)
    assert twice.width == pytest.approx(once.width)
    assert abs(twice.resolution - once.resolution) <= 1.5  # the first rounding, magnified by gamma**4


def test_compound_of_nothing_is_the_base():
    assert compound(0) == B0
    assert compound(0, base=TABLE["lite3"]) == TABLE["lite3"]


def test_the_paper_doubles_the_cost():
    assert cost_factor() == pytest.approx(1.2 * 1.1**2 * 1.15**2)
    assert abs(cost_factor() - 2) < 0.1
    for phi in range(1, 8):
        counted = macs(compound(phi)) / macs(B0)
        assert cost_factor() ** phi <= counted <= 1.35 * cost_factor() ** phi  # repeats and filters round up


@pytest.mark.parametrize(
    ("name", "phi"), [("b0", 0), ("b1", 0.5), ("b2", 1), ("b3", 2), ("b4", 3.5), ("b5", 5), ("b6", 6), ("b7", 7)]
)
def test_the_published_table_is_near_the_rule(name, phi):
    rule, published = compound(phi), coefficients(name)
    assert rule.depth == pytest.approx(published.depth, rel=0.16)
    assert rule.width == pytest.approx(published.width, rel=0.07)
    assert rule.resolution == pytest.approx(published.resolution, rel=0.06)


@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
@pytest.mark.parametrize("factor", [0.99, 0, -1, math.nan, math.inf])
def test_factors_below_one(name, factor):
    with pytest.raises(InputError, match=f"{name}="):
        compound(1, **{name: factor})


def test_one_dimension_changes_alone():
    for dimension in ("width", "depth", "resolution"):
        scaled = alone(dimension, 1.5)
        assert dataclasses.replace(scaled, **{dimension: getattr(B0, dimension)}) == B0
        assert getattr(scaled, dimension) == 1.5 * getattr(B0, dimension)
    assert alone("depth", 2, base=TABLE["b1"]) == dataclasses.replace(TABLE["b1"], depth=2.2)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_cost_is_linear_in_depth_and_quadratic_in_width_and_resolution(factor):
    def growth(dimension):
        return macs(alone(dimension, factor)) / macs(B0)

    assert growth("depth") == pytest.approx(factor, rel=0.03)
    assert growth("width") == pytest.approx(factor**2, rel=0.10)  # depthwise convolutions grow only with w
    assert growth("resolution") == pytest.approx(factor**2, rel=0.005)  # all but squeeze-excite and classifier


def test_parameters_do_not_depend_on_resolution():
    assert {params(alone("resolution", factor)) for factor in (0.1, 0.5, 1, 2, 4)} == {5_288_548}


@pytest.mark.parametrize("dimension", ["dropout", "Width", "", None])
def test_unknown_dimension(dimension):
    with pytest.raises(InputError, match="one of width, depth, resolution"):
        alone(dimension, 2)


def test_grid_search_finds_the_papers_factors():
    """Of all networks of twice the cost, the paper keeps the one that trains best; the score stands for that."""
    best = grid_search(2, score=lambda net: net == compound(1, 1.2, 1.1, 1.15))[0]
    assert best == Candidate(1.2, 1.1, 1.15, cost_factor(), score=True)
    assert best.coefficients == compound(1)


@pytest.mark.parametrize(
    ("budget", "step", "tolerance"), [(2, 0.05, 0.1), (2, 0.1, 0.1), (1, 0.05, 0.2), (3, 0.25, 0.3), (1.5, 0.07, 0.04)]
)
def test_grid_search_is_exhaustive(budget, step, tolerance):
    factors = [round(1 + i * step, 10) for i in range(int(3 / step))]
    wanted = {
        (a, b, c)
        for a, b, c in itertools.product(factors, repeat=3)
        if abs(a * b * b * c * c - budget) <= tolerance + 1e-9
    }
    candidates = grid_search(budget, step=step, tolerance=tolerance)
    assert len(candidates) == len(wanted)
    assert {(c.alpha, c.beta, c.gamma) for c in candidates} == wanted


def test_grid_search_with_the_cost_of_real_networks():
    def measured(alpha, beta, gamma):
        return macs(compound(1, alpha, beta, gamma)) / macs(B0)

    candidates = grid_search(2, step=0.2, tolerance=0.25, cost=measured)
    wanted = {
        (a / 5, b / 5, c / 5): measured(a / 5, b / 5, c / 5)
        for a, b, c in itertools.product(range(5, 13), range(5, 8), range(5, 8))
    }
    wanted = {factors: cost for factors, cost in wanted.items() if abs(cost - 2) <= 0.25}
    assert wanted
    assert {(c.alpha, c.beta, c.gamma): c.cost for c in candidates} == wanted


def test_grid_search_without_a_score_prefers_the_budget():
    costs = [abs(c.cost - 2) for c in grid_search(2)]
    assert costs == sorted(costs)
    assert all(c.score == -abs(c.cost - 2) for c in grid_search(2))


def test_grid_search_sorts_by_score():
    scores = [c.score for c in grid_search(score=lambda net: net.resolution)]
    assert scores == sorted(scores, reverse=True)


def test_grid_search_may_find_nothing():
    assert grid_search(2, cost=lambda alpha, beta, gamma: 7.0) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": 0.99},
        {"budget": math.nan},
        {"step": 0},
        {"step": -1},
        {"tolerance": 0},
        {"step": math.nan},
        {"budget": math.inf},
    ],
)
def test_grid_search_errors(wrong):
    with pytest.raises(InputError, match="need a budget >= 1"):
        grid_search(**wrong)


def test_values_cannot_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        coefficients("b0").width = 2
    assert hash(coefficients("b0")) == hash(B0)
    assert Candidate(1, 1, 1, 1, 0).coefficients == B0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Coefficients(width=0),
        lambda: Coefficients(depth=-1),
        lambda: Coefficients(width=math.nan),
        lambda: Coefficients(depth=math.inf),
        lambda: Coefficients(resolution=0),
        lambda: Coefficients(resolution=224.0),
        lambda: compound(math.nan),
        lambda: compound(1e6),
        lambda: alone("resolution", math.nan),
        lambda: alone("depth", -1),
    ],
)
def test_impossible_networks_are_refused(wrong):
    with pytest.raises(InputError, match="want"):
        wrong()


def test_a_measured_cost_can_exceed_the_formula():
    """A factor whose measured cost grows slower than its square is searched all the way to the budget."""
    found = grid_search(2.0, step=0.25, tolerance=0.01, cost=lambda alpha, beta, gamma: alpha * beta * gamma)
    assert {(c.alpha, c.beta, c.gamma) for c in found} >= {(2.0, 1.0, 1.0), (1.0, 2.0, 1.0), (1.0, 1.0, 2.0)}
