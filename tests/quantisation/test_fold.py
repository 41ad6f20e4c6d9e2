"""Batch norms in kernels."""

from dataclasses import replace

import numpy as np
from helpers.quantisable import weights

from refnet.architecture.plan import make_plan
from refnet.quantisation.fold import fold
from refnet.reference.evaluate import evaluate_step


def test_a_folded_layer_is_the_layer():
    of = weights(lite=True)
    plan = make_plan(of.architecture)
    rng = np.random.default_rng(0)
    for step in plan:
        if not step.weights:
            continue
        x = rng.standard_normal((1, *step.in_shape))
        bare = replace(step, activation="none")
        *_, (_, there) = evaluate_step(bare, [x], of.tensors, of.bn_eps)
        kernel, bias = fold(step, of.tensors, of.bn_eps)
        assert kernel.dtype == bias.dtype == np.float64
        plain = replace(
            bare, weights=(bare.weights[0], replace(bare.weights[-1], key=bare.weights[0].key[:-6] + "bias"))
        )
        tensors = {plain.weights[0].key: kernel, plain.weights[1].key: bias}
        *_, (_, folded) = evaluate_step(plain, [x], tensors, of.bn_eps)
        np.testing.assert_allclose(folded, there, rtol=1e-9, atol=1e-9)
