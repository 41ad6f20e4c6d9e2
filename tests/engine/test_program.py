"""Kernels against the definition, step by step: every byte equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.tops import TOPS, weights_with
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.architecture.padding import NO_PADS, output_size, pads
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Step, Weight, batch_norm_weights
from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.engine.program import _tiles_in_a_row
from refnet.engine.runner import Engine
from refnet.kernels.machine import Registers, tile_shapes
from refnet.reference.evaluate import evaluate
from refnet.weights.synthetic import picture_tensor

DTYPES = ["float32", "float64"]


def convolution_step(op: str, H: int, W: int, C: int, K: int, kernel: int, stride: int, padding: str, act: str) -> Step:
    around = pads(padding, H, W, kernel, stride)
    shape = (*output_size(H, W, around, kernel, stride), K)
    kernel_shape = (kernel, kernel, C, K) if op == "convolution" else (kernel, kernel, C)
    weights = (Weight("s/kernel", kernel_shape), *batch_norm_weights("s", K))
    return Step("s", op, ("input",), (H, W, C), shape, kernel, stride, around, act, weights)


def random_tensors(steps: list[Step], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    tensors = {}
    for step in steps:
        for weight in step.weights:
            values = rng.standard_normal(weight.shape).astype(np.float32)
            tensors[weight.key] = abs(values) + np.float32(0.5) if weight.key.endswith("variance") else values
    return tensors


def make_engine(steps: list[Step], tensors: dict[str, np.ndarray], eps: float, dtype: str, threads: int = 1) -> Engine:
    return Engine(steps, lambda height, width: steps, dict(tensors).pop, eps, np.dtype(dtype), threads)


def assert_same(steps: list[Step], dtype: str, seed: int = 0, *, threads: int = 2) -> None:
    """Whole steps and every part of them, fused and split, from the kernels and from ops."""
    tensors = random_tensors(steps, seed)
    x = np.random.default_rng(seed + 1).standard_normal((1, *steps[0].in_shape)).astype(np.float32)
    expected = dict(evaluate(steps, tensors, 1e-3, x.astype(dtype)))
    engine = make_engine(steps, tensors, 1e-3, dtype, threads)
    for wanted in ([steps[-1].name], list(expected)):
        got = dict(engine.run({"input": x[0]}, wanted, x.shape[1:3]))
        assert list(got) == wanted
        for name in wanted:
            assert got[name].dtype == np.dtype(dtype)
            assert got[name].tobytes() == expected[name][0].tobytes(), name


# Channel tails (1, 17, 33), one and several chains of 32 taps, pixel counts below, at and above a tile.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("act", ["none", "swish", "relu6"])
@pytest.mark.parametrize(
    ("H", "W", "C", "K"),
    [
        (1, 1, 16, 16),
        (5, 7, 20, 24),
        (9, 9, 70, 33),
        (14, 15, 130, 40),
        (7, 7, 64, 112),
        (4, 4, 32, 5),
        (6, 3, 33, 48),
        (3, 5, 65, 1),
        (2, 2, 1, 17),
        (7, 7, 480, 40),
        (3, 5, 511, 33),
    ],
)
def test_pointwise(H: int, W: int, C: int, K: int, act: str, dtype: str) -> None:
    assert_same([convolution_step("convolution", H, W, C, K, 1, 1, "same", act)], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize(("H", "W", "C"), [(1, 1, 16), (1, 2, 17), (2, 9, 5), (15, 16, 33), (16, 15, 48), (31, 30, 20)])
def test_depthwise(H: int, W: int, C: int, kernel: int, stride: int, padding: str, dtype: str) -> None:
    assert_same([convolution_step("depthwise", H, W, C, C, kernel, stride, padding, "swish")], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (3, 1), (5, 2)])
@pytest.mark.parametrize(("H", "W", "C", "K"), [(1, 1, 3, 32), (15, 16, 3, 40), (8, 9, 20, 33)])
def test_large_kernel(H: int, W: int, C: int, K: int, kernel: int, stride: int, padding: str, dtype: str) -> None:
    assert_same([convolution_step("convolution", H, W, C, K, kernel, stride, padding, "relu6")], dtype)


# One strip and several, line buffers smaller and larger than the picture, rows of every mixture of tiles.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize(
    ("H", "W", "C", "K"),
    [(1, 1, 8, 16), (3, 2, 5, 33), (9, 8, 300, 40), (70, 9, 40, 48), (300, 131, 3, 17), (12, 520, 3, 17)],
)
def test_expansion_and_depthwise(
    H: int, W: int, C: int, K: int, kernel: int, stride: int, padding: str, dtype: str
) -> None:
    assert_same(expanded_steps(H, W, C, K, kernel, stride, padding), dtype)


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("machine", [Registers(32, 64), Registers(16, 32), Registers(16, 16), Registers(32, 16)])
def test_tiles_make_whole_rows_and_leave_few_pixels_over(machine: Registers, itemsize: int) -> None:
    tiles = tile_shapes(itemsize, machine)
    for width in range(1, 300):
        longs, shorts = _tiles_in_a_row(width, tiles)
        left = width - longs * tiles.row_pixels - shorts * tiles.short_row_pixels
        assert min(longs, shorts) >= 0
        assert 0 <= left < tiles.short_row_pixels
        assert left == 0 or width < tiles.row_pixels * tiles.short_row_pixels


def test_a_residual_before_a_depthwise_convolution_is_kept() -> None:
    """No variant has a block without expansion after a residual; an architecture of one's own may."""
    blocks = [convolution_step("convolution", 6, 5, 16, 16, 1, 1, "same", "none")]
    depthwise = convolution_step("depthwise", 6, 5, 16, 16, 3, 1, "same", "none")
    weights = tuple(Weight("d" + weight.key.removeprefix("s"), weight.shape) for weight in depthwise.weights)
    picture = (6, 5, 16)
    steps = [
        *blocks,
        Step("add", "add", ("s", "input"), picture, picture),
        replace(depthwise, name="d", inputs=("add",), weights=weights),
    ]
    assert_same(steps, "float32")


def expanded_steps(H: int, W: int, C: int, K: int, kernel: int, stride: int, padding: str) -> list[Step]:
    """An expansion, a depthwise convolution, and the mean of what it makes."""
    expand = convolution_step("convolution", H, W, C, K, 1, 1, "same", "swish")
    depthwise = convolution_step("depthwise", H, W, K, K, kernel, stride, padding, "swish")

    def renamed(step: Step, name: str, source: str) -> Step:
        weights = tuple(Weight(name + weight.key.removeprefix("s"), weight.shape) for weight in step.weights)
        return replace(step, name=name, inputs=(source,), weights=weights)

    return [
        renamed(expand, "expand", "input"),
        renamed(depthwise, "depthwise", "expand"),
        Step("squeeze", "mean", ("depthwise",), depthwise.shape, (K,)),
    ]


def vector_steps(H: int, W: int, C: int, squeezed: int) -> list[Step]:
    """A squeeze-excite with a residual: mean, two dense layers, excite, add."""
    picture = (H, W, C)

    def dense(name: str, last: str, n: int, k: int, act: str) -> Step:
        weights = (Weight(f"{name}/kernel", (n, k)), Weight(f"{name}/bias", (k,)))
        return Step(name, "dense", (last,), (n,), (k,), 1, 1, NO_PADS, act, weights)

    return [
        Step("squeeze", "mean", ("input",), picture, (C,)),
        dense("reduce", "squeeze", C, squeezed, "swish"),
        dense("gate", "reduce", squeezed, C, "sigmoid"),
        Step("excite", "excite", ("input", "gate"), picture, picture),
        Step("add", "add", ("excite", "input"), picture, picture),
        Step("pool", "mean", ("add",), picture, (C,)),
        Step("probabilities", "softmax", ("pool",), (C,), (C,)),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("H", "W", "C", "squeezed"), [(1, 1, 16, 4), (7, 7, 100, 6), (12, 31, 33, 1), (5, 3, 1, 1), (3, 2, 300, 40)]
)
def test_squeeze_excite_residual_softmax(H: int, W: int, C: int, squeezed: int, dtype: str) -> None:
    assert_same(vector_steps(H, W, C, squeezed), dtype)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["convolution", "depthwise"]),
    st.integers(1, 24),
    st.integers(1, 24),
    st.integers(1, 80),
    st.integers(1, 50),
    st.sampled_from([(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)]),
    st.sampled_from(["same", "symmetric"]),
    st.sampled_from(["none", "swish", "relu6"]),
    st.integers(1, 3),
)
def test_any_convolution(op, H, W, C, K, geometry, padding, act, threads) -> None:  # type: ignore[no-untyped-def]
    kernel, stride = geometry if op == "convolution" else max(geometry, (3, 1))
    K = C if op == "depthwise" else K
    assert_same([convolution_step(op, H, W, C, K, kernel, stride, padding, act)], "float32", threads=threads)


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_over_their_whole_range(dtype: str) -> None:
    """An identity convolution carries special and extreme values through every activation."""
    special = [0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 87, -87, 88, -88, 89, -89, 1e30, -1e30, 3e38, -3e38, 6, 7]
    sweep = np.linspace(-110, 110, 16 * 1000 - len(special))
    x = np.array([*special, *sweep], np.float32).reshape(1, 1000, 1, 16)
    for act in ("swish", "relu6", "sigmoid", "relu", "tanh"):
        step = convolution_step("convolution", 1000, 1, 16, 16, 1, 1, "same", act)
        tensors = random_tensors([step], 0)
        tensors["s/kernel"] = np.eye(16, dtype=np.float32).reshape(1, 1, 16, 16)
        tensors |= {f"s/bn/{leaf}": np.full(16, v, np.float32) for leaf, v in (("gamma", 1), ("beta", 0), ("mean", 0))}
        tensors["s/bn/variance"] = np.ones(16, np.float32)
        with np.errstate(over="ignore", under="ignore"):
            (*_, (_, expected)) = evaluate([step], tensors, 0.0, x.astype(dtype))
        engine = make_engine([step], tensors, 0.0, dtype)
        ((_, got),) = engine.run({"input": x[0]}, ["s"], x.shape[1:3])
        assert got.tobytes() == expected[0].tobytes(), act


def test_a_sum_of_underflowed_products_keeps_its_sign() -> None:
    """-0 and +0 are different bits; both views keep the one that the chain gives."""
    step = convolution_step("convolution", 1, 1, 65, 16, 1, 1, "same", "none")
    tensors = random_tensors([step], 0)
    tensors["s/kernel"] = np.full((1, 1, 65, 16), -1e-30, np.float32)
    tensors["s/kernel"][..., 64, :] = 0
    x = np.full((1, 1, 1, 65), 1e-30, np.float32)
    expected = dict(evaluate([step], tensors, 1e-3, x))
    got = dict(make_engine([step], tensors, 1e-3, "float32").run({"input": x[0]}, list(expected), x.shape[1:3]))
    for name, value in expected.items():
        assert got[name].tobytes() == value[0].tobytes(), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("top", [PUBLISHED_TOP, *TOPS.values()], ids=["published", *TOPS])
def test_networks_with_any_top(top: Top, folded: bool, dtype: str) -> None:
    """Whole networks, all tensors and the answer alone; 37 and 20 units do not fill their blocks of 16."""
    weights = weights_with(top, folded=folded, padding="same@40")
    plan = make_plan(weights.architecture, (37, 45), padding=weights.padding)
    x = picture_tensor(37, 45)
    expected = dict(evaluate(plan.steps, weights.tensors, weights.bn_eps, x.astype(dtype)))
    engine = make_engine(list(plan.steps), dict(weights.tensors), weights.bn_eps, dtype)
    for wanted in ([plan.answer], list(expected)):
        for name, tensor in engine.run({"input": x[0]}, wanted, (37, 45)):
            assert tensor.tobytes() == expected[name][0].tobytes(), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("H", "W", "C"), [(1, 1, 1), (1, 7, 16), (5, 3, 33), (14, 15, 40)])
def test_poolings(H: int, W: int, C: int, dtype: str) -> None:
    for op in ("max", "gem"):
        weights = (Weight("s/p", (1,)),) if op == "gem" else ()
        step = Step("s", op, ("input",), (H, W, C), (C,), weights=weights)
        tensors = {"s/p": np.array([2.5], np.float32)}
        x = np.random.default_rng(1).standard_normal((1, H, W, C)).astype(np.float32)
        *_, (_, expected) = evaluate([step], tensors, 0.0, x.astype(dtype))
        ((_, found),) = make_engine([step], dict(tensors), 0.0, dtype).run({"input": x[0]}, ["s"], (H, W))
        assert found.tobytes() == expected[0].tobytes(), op


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("C", [1, 16, 37, 1000])
def test_vectors(C: int, dtype: str) -> None:
    """What a vector goes through behind the pool, each with its own step, in odd sizes."""
    pool = Step("pool", "mean", ("input",), (2, 3, C), (C,))
    norm = Step(
        "norm", "batch_norm", ("pool",), (C,), (C,), activation="tanh", weights=batch_norm_weights("norm", C), eps=0.1
    )
    steps = [
        pool,
        norm,
        Step("act", "identity", ("norm",), (C,), (C,), activation="relu"),
        Step("both", "concatenate", ("act", "norm"), (C,), (2 * C,)),
        Step("scaled", "divide", ("both",), (2 * C,), (2 * C,), divisor=0.3),
        Step("answer", "log_softmax", ("scaled",), (2 * C,), (2 * C,)),
    ]
    assert_same(steps, dtype)
