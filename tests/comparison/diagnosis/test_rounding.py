"""Orders of roundings, made here by other means and found bit for bit."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from refnet.architecture.names import BN_LEAVES
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.diagnosis.computation import computation_of
from refnet.comparison.diagnosis.computation import evaluate as fast
from refnet.comparison.diagnosis.rounding import explain_rounding
from refnet.comparison.diagnosis.summation import MULTIPLY_ADDS, sum_by, sums
from refnet.reference import ops
from refnet.reference.evaluate import evaluate
from refnet.weights import synthetic

PLAN = make_plan(variant("lite0"), (16, 24))
TENSORS = synthetic.tensors(PLAN.architecture)
EPS = 1e-3


def computation(name):
    step = PLAN[name]
    x = synthetic.uniform("x", (1, *step.in_shape)) * np.float32(3)
    return computation_of(step, TENSORS, EPS, [x])


def one_chain(x, w, add):
    """Of every pixel: x [..., C], w [C, K]."""
    acc = np.float32(0)
    for c in range(x.shape[-1]):
        acc = add(x[..., c, None], w[c], acc)
    return acc


def plain(x, w, acc):
    return acc + x * w


def scale_and_shift(name):
    gamma, beta, mean, variance = (TENSORS[f"{name.replace('.', '/')}/bn/{leaf}"] for leaf in BN_LEAVES)
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + EPS)
    return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)


def test_the_definition_itself():
    name = "block3a.project"
    c = computation(name)
    step = PLAN[name]
    alone = replace(step, inputs=("input",))
    actual = dict(evaluate([alone], TENSORS, EPS, c.inputs[0]))[name]
    found = explain_rounding(c, actual)
    assert found.sentence == (
        "bit for bit it is multiply-adds that are fused, in blocks of 32, taps in the order HWI, "
        "batch norm as one multiply-add"
    )


@pytest.mark.parametrize("name", ["block3a.project", "block4b.expand"])
@pytest.mark.parametrize(
    ("add", "words"), [(plain, "products that are rounded"), (ops.fma, "multiply-adds that are fused")]
)
def test_one_chain(name, add, words):
    c = computation(name)
    scale, shift = scale_and_shift(name)
    actual = one_chain(c.inputs[0], c.kernel[0, 0], add) * scale + shift
    if c.activation == "relu6":
        actual = np.clip(actual, 0, 6)
    found = explain_rounding(c, actual)
    assert found.sentence == (
        f"bit for bit it is {words}, in one chain, taps in the order HWI, batch norm as a product and a sum"
    )


def test_folded():
    name = "block3a.project"
    c = computation(name)
    scale, shift = scale_and_shift(name)
    actual = one_chain(c.inputs[0], c.kernel[0, 0] * scale, ops.fma) + shift
    found = explain_rounding(c, actual)
    assert found.sentence == (
        "bit for bit it is multiply-adds that are fused, in one chain, taps in the order HWI, "
        "batch norm folded into the kernel"
    )
    assert found.before < 1e-6


def test_sums_in_float64():
    """Then batch norm in float32; or all of it in float64, as languages do that have no float32."""
    c = computation("block3a.project")
    scale, shift = scale_and_shift("block3a.project")
    total = c.inputs[0].astype(np.float64) @ c.kernel[0, 0]
    sentence = explain_rounding(c, total.astype(np.float32) * scale + shift).sentence
    assert sentence == (
        "bit for bit it is products and sums in float64, rounded once to float32, taps in the order HWI, "
        "batch norm as a product and a sum"
    )
    norm = c.norms[0]
    wide = (total - norm.mean) / np.sqrt(norm.variance.astype(np.float64) + norm.eps) * norm.gamma + norm.beta
    found = explain_rounding(c, wide.astype(np.float32))
    assert found.sentence == "bit for bit it is all of the step in float64, rounded once to float32"


def test_ways_that_give_the_same_bits_are_told_together():
    """Of 27 taps, 32 interleaved chains of fused multiply-adds are one chain of rounded products: no fma is claimed."""
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((40, 27, 1)).astype(np.float32), rng.standard_normal((27, 8)).astype(np.float32)
    total = np.zeros((40, 8), np.float32)
    for tap in range(27):
        total = total + x[:, tap] * w[tap]
    (ways,) = [ways for ways, found in sums(x, w) if np.array_equal(found, total)]
    assert ways[0] == ("products that are rounded", "in one chain")
    assert ("multiply-adds that are fused", "in 32 interleaved chains") in ways


def test_toward_zero():
    """By exact arithmetic, for one output: every sum cut to 24 bits."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 200)).astype(np.float32)
    exact = Fraction(0)
    for a, b in zip(x.tolist(), w.tolist(), strict=True):
        total = Fraction(a) * Fraction(b) + exact
        near = np.float32(float(total))
        if abs(Fraction(float(near))) > abs(total):
            near = np.nextafter(near, np.float32(0))
        exact = Fraction(float(near))
    got = sum_by(x[None, :, None], w[:, None], MULTIPLY_ADDS["multiply-adds that round toward zero"], [np.arange(200)])
    assert float(got[0, 0]) == exact


def test_no_order_gives_wrong_numbers():
    c = computation("block3a.project")
    assert explain_rounding(c, np.ones((1, *PLAN["block3a.project"].shape), np.float32)) is None


def test_orders_that_give_the_same_bits_are_not_told_apart():
    """Whole numbers: nothing is rounded, whatever the order."""
    c = computation("block3a.depthwise")
    whole = replace(c, inputs=(np.rint(c.inputs[0]),), kernel=np.rint(c.kernel * 9), norms=(), activation="none")
    said = explain_rounding(whole, fast(whole, np.float32)).sentence
    assert said.startswith("bit for bit it is multiply-adds that are fused or products that are rounded or ")
    assert "in one chain or in one chain from the last to the first or in blocks of 4 or 8 or 16 or" in said
    assert said.endswith("with 25 taps these give the same bits")
