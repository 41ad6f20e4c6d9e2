"""Names of the weights in refnet's own ONNX files: ours, with the axes that ONNX's operators want.

=============  ======================  =========================
our leaf       ONNX's axes             our axes
=============  ======================  =========================
kernel         (K, C, R, S)            (R, S, C, K)
kernel         (C, 1, R, S)            (R, S, C) depthwise
kernel         (K, C, 1, 1)            (C, K) squeeze-excite
kernel         (C, K)                  (C, K) dense, behind the pool
all others     (K,)                    (K,)
=============  ======================  =========================
"""

from __future__ import annotations

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Step, Weight
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import torch_layout
from refnet.checkpoints.naming.pairing import Pair


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> stem = pairs(variant("b0"))[0]
    >>> stem.theirs, stem.our_shape, stem.their_shape
    ('stem/kernel', (3, 3, 3, 32), (32, 3, 3, 3))
    """
    return tuple(_pair(step, weight) for step in make_plan(architecture) for weight in step.weights)


def _pair(step: Step, weight: Weight) -> Pair:
    axes, shape = tuple(range(len(weight.shape))), weight.shape
    if weight.key == names.weight_key(step.name, "kernel") and (step.op != "dense" or names.in_block(step.name)):
        axes, shape = torch_layout.kernel(step, weight.shape)
    return Pair(weight.key, weight.shape, weight.key, shape, axes)
