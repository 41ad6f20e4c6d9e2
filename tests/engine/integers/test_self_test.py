"""The self-test of integer kernels: right of right kernels, by the definition's own codes."""

from __future__ import annotations

import numpy as np

from refnet.engine.integers import self_test
from refnet.kernels.compilation import function_of
from refnet.kernels.units import INTEGERS
from refnet.reference.digest import tensor_digest
from refnet.reference.integers.evaluate import evaluate


def test_the_digests_are_those_of_the_definition() -> None:
    network, x = self_test.network()
    for name, digests in self_test.DIGESTS.items():
        found = dict(evaluate(network, self_test.rounding_as(name), x[None]))
        assert digests == tuple(tensor_digest(found[output]) for output in self_test.OUTPUTS)
        assert len(np.unique(found["pool"])) > 30
    kinds = {"convolution", "depthwise", "dense", "add", "multiply", "mean", "logistic", "softmax"}
    assert kinds == {operation.kind for operation in network.operations}


def test_kernels_are_right() -> None:
    assert self_test.is_right(function_of(INTEGERS), np.dtype(np.int8))
