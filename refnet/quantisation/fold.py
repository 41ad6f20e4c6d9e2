"""Kernels with their batch norm multiplied into them: what is quantised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.reference.numerics import fold_batch_norm


class Folded(NamedTuple):
    """What a sum of products is made with, float64: the kernel [..., K] and the bias [K]."""

    kernel: Array
    bias: Array


def fold(step: Step, tensors: Mapping[str, Array], eps: float) -> Folded:
    """Kernel and bias of a step in float64, from the float32 weights: kernel * scale, and the shift.

    Examples
    --------
    >>> import refnet
    >>> net = refnet.load("lite0")
    >>> fold(net.plan["stem"], net.weights.tensors, net.weights.bn_eps).kernel.shape
    (3, 3, 3, 32)
    """
    kernel = tensors[names.weight_key(step.name, "kernel")].astype(np.float64)
    if not step.normalized:
        return Folded(kernel, tensors[names.weight_key(step.name, "bias")].astype(np.float64))
    gamma, beta, mean, variance = (tensors[names.weight_key(step.name, f"bn/{leaf}")] for leaf in names.BN_LEAVES)
    scale, shift = fold_batch_norm(gamma, beta, mean, variance, step.bn_eps(eps), np.float64)
    return Folded(kernel * scale, shift)
