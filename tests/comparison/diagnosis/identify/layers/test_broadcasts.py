"""What belongs to a channel, indexed by the wrong part of an address: planted by loops over flat memory."""

import numpy as np
import pytest
from helpers.one_step import PROJECT, Step

from refnet.comparison.diagnosis.computation import total
from refnet.reference.numerics import fold_batch_norm


def by_address(x, vectors, index, order):
    """Element i of each picture, in memory of this order, times the vector's number at ``index(i)``."""
    N, H, W, C = x.shape
    laid = x.transpose(0, 3, 1, 2) if order == "NCHW" else x
    flat = laid.reshape(N, -1)
    places = index(np.arange(H * W * C), C, H * W)
    made = np.stack([flat[n] * vectors[n % len(vectors)][places] for n in range(N)]).reshape(laid.shape)
    return made.transpose(0, 2, 3, 1) if order == "NCHW" else made


def modulo(i, C, pixels):
    return i % C


def divided(i, C, pixels):
    return i // pixels


@pytest.mark.parametrize(
    ("order", "index", "words"), [("NCHW", modulo, "number i mod C"), ("NHWC", divided, "number i / (H W)")]
)
def test_gate(order, index, words):
    one = Step("block2b.excite")
    x, gate = one.inputs
    assert f"the gate of element i of a picture is {words}" in one.said(by_address(x, gate, index, order))


def test_batch_norm():
    one = Step(PROJECT)
    (norm,) = one.right.norms
    scale, shift = fold_batch_norm(norm.gamma, norm.beta, norm.mean, norm.variance, norm.eps, np.float32)
    sums = total(one.right, np.float32)
    made = by_address(sums, scale[None], modulo, "NCHW")
    made = made + by_address(np.ones_like(sums), shift[None], modulo, "NCHW")
    assert "the batch norm of element i of a picture is number i mod C" in one.said(made)
