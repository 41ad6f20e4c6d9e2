"""What the families published for PyTorch have in common: leaf names and axes.

The names of the modules are each family's own: a mapping from step to ``Modules``. From that and the
plan follow all names and shapes, so a map is total and one-to-one, whatever the order of the file.

=============  =============  ============================  =========================
our leaf       of the module  PyTorch's leaf and axes       our axes
=============  =============  ============================  =========================
kernel         layer          weight (K, C, R, S)           (R, S, C, K)
kernel         layer          weight (C, 1, R, S)           (R, S, C) depthwise
kernel         layer          weight (K, C, 1, 1)           (C, K) squeeze-excite
kernel         layer          weight (K, C)                 (C, K) classifier
bias           layer          bias (K,)                     (K,)
bn/gamma       norm           weight (K,)                   (K,)
bn/beta        norm           bias (K,)                     (K,)
bn/mean        norm           running_mean (K,)             (K,)
bn/variance    norm           running_var (K,)              (K,)
(dropped)      norm           num_batches_tracked ()
p              layer          p (1,)                        (1,) generalised mean
=============  =============  ============================  =========================
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from string import ascii_lowercase
from typing import NamedTuple

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Shape, Step
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming.pairing import Pair

COUNTER = "num_batches_tracked"
COUNTER_DROPPED = "counts training steps; inference does not use it"

_LAYER_LEAVES = {"kernel": "weight", "bias": "bias", "p": "p"}
_NORM_LEAVES = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


class Modules(NamedTuple):
    """The PyTorch modules behind one step: its convolution or linear layer, and its batch norm if any."""

    layer: str
    norm: str = ""

    def inside(self, prefix: str) -> Modules:
        """The same modules as parts of another one."""
        return Modules(f"{prefix}.{self.layer}", self.norm and f"{prefix}.{self.norm}")


def modules_by_stage(
    architecture: Architecture,
    root: Mapping[str, Modules],
    block: str,
    *,
    first_stage: int,
    expanding: Mapping[str, Modules],
    plain: Mapping[str, Modules],
) -> dict[str, Modules]:
    """Name the modules of a family whose ``block`` is named after its stage and its place there, from 0."""
    found = dict(root)
    stages = groupby(architecture.blocks, key=lambda block: block.name.rstrip(ascii_lowercase))
    for stage, (_, blocks) in enumerate(stages, start=first_stage):
        for repeat, each in enumerate(blocks):
            prefix = block.format(stage=stage, repeat=repeat)
            for part, modules in (expanding if each.expands else plain).items():
                found[names.part_name(each.name, part)] = modules.inside(prefix)
    return found


def pairs(architecture: Architecture, modules: Mapping[str, Modules]) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    plan = make_plan(architecture)
    own = {step.name: Modules(step.name, step.name) for step in plan if step.weights}  # those of a top are called so
    return tuple(pair for step in plan if step.weights for pair in _pairs_of(step, (own | {**modules})[step.name]))


def counters(pairs: tuple[Pair, ...]) -> dict[str, str]:
    """Name and reason for each counter that a state dict may have beside its tensors."""
    variances = (pair.theirs for pair in pairs if pair.theirs.endswith("running_var"))
    return {name.removesuffix("running_var") + COUNTER: COUNTER_DROPPED for name in variances}


def _pairs_of(step: Step, modules: Modules) -> list[Pair]:
    found = []
    for weight in step.weights:
        leaf = weight.key.removeprefix(names.weight_key(step.name, ""))
        axes: tuple[int, ...] = (0,)
        shape = weight.shape
        if leaf == "kernel":
            axes, shape = kernel(step, weight.shape)
        if leaf in _LAYER_LEAVES:
            theirs = f"{modules.layer}.{_LAYER_LEAVES[leaf]}"
        else:
            theirs = f"{modules.norm}.{_NORM_LEAVES[leaf.removeprefix('bn/')]}"
        found.append(Pair(weight.key, weight.shape, theirs, shape, axes))
    return found


def kernel(step: Step, shape: Shape) -> tuple[tuple[int, ...], Shape]:
    """Where our axes are in PyTorch's kernel, and its shape."""
    if step.op == "convolution":
        R, S, C, K = shape
        return (2, 3, 1, 0), (K, C, R, S)
    if step.op == "depthwise":
        R, S, C = shape
        return (1, 2, 0), (C, 1, R, S)
    C, K = shape
    # Squeeze-excite works on a picture of one pixel there, by convolutions.
    return (1, 0), (K, C, 1, 1) if names.in_block(step.name) else (K, C)
