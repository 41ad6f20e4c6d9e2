"""Weights of an integer network: what they are, and all that is needed to run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.padding import Padding
from refnet.architecture.plan import Plan
from refnet.architecture.variants import Architecture
from refnet.preprocessing.recipe import Recipe
from refnet.reference.digest import tensors_digest
from refnet.reference.integers.constants import constants
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.layout import Forms, lay_out
from refnet.reference.integers.network import IntegerNetwork, Kernel, Operation
from refnet.reference.integers.quantisation import DType, Quantisation
from refnet.weights.labels import Labels
from refnet.weights.weights import Provenance

Tensors = Mapping[str, npt.NDArray[Any]]

KERNEL: Final = "kernel"  # int8[...]: kernels HWIO, depthwise HWC, dense CK
KERNEL_SCALE: Final = "kernel_scale"  # f32[K]
BIAS: Final = "bias"  # int32[K], of scale kernel_scale * the input's scale
SCALE: Final = "scale"  # f32[1]: of the codes that the operation makes
ZERO_POINT: Final = "zero_point"  # int32[1]
UNSIGNED: Final = 128  # what a code of uint8 is larger by than the same one of int8


@dataclass(frozen=True)
class Calibration:
    """How scales came about.

    Attributes
    ----------
    method
        Such as ``min-max`` or ``percentile 99.9``; empty where the network came with its scales.
    pictures, pictures_digest
        How many it was calibrated on, and a digest of them, whatever their order.
    per
        ``channel`` or ``tensor``: what each scale of a kernel is for.
    equalised, bias_corrected
        What was done beside.
    weights_digest
        Of the float32 tensors that were quantised.
    """

    method: str = ""
    pictures: int = 0
    pictures_digest: str = ""
    per: str = "channel"
    equalised: bool = False
    bias_corrected: bool = False
    weights_digest: str = ""


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """An integer network and all that is needed to run it: the content of one weight file of integers.

    Attributes
    ----------
    network
        Plan, operations with their kernels, scales and zero points.
    engine
        Whose roundings it is computed with.
    recipe
        How a picture becomes the network's input, before that becomes codes.
    labels
        What the classes are called, if known.
    provenance
        Where the weights come from.
    calibration
        Where the scales come from.
    """

    network: IntegerNetwork
    engine: Engine
    recipe: Recipe
    labels: Labels | None = field(repr=False)
    provenance: Provenance
    calibration: Calibration = Calibration()

    @property
    def architecture(self) -> Architecture:
        """The network they belong to."""
        return self.network.plan.architecture

    @property
    def padding(self) -> Padding:
        """The padding rule."""
        return self.network.plan.padding

    @property
    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """All numbers, by their paths in the file: those of ``to_tensors``."""
        return to_tensors(self.network, self.engine)

    def digest(self) -> str:
        """Digest over all tensors, as the file states it."""
        return tensors_digest(self.tensors)


def to_tensors(network: IntegerNetwork, engine: Engine) -> dict[str, npt.NDArray[Any]]:
    """All numbers of a network, and what engines of its kind make of them before they run.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from refnet.architecture.plan import make_plan
    >>> from refnet.architecture.variants import variant
    >>> from refnet.reference.integers.engine import TFLM
    >>> plan = make_plan(replace(variant("lite0"), folded=True))
    >>> list(to_tensors(outline(plan, {}), TFLM))[:6]
    ['input/scale', 'input/zero_point', 'stem/kernel', 'stem/kernel_scale', 'stem/bias', 'stem/scale']
    """
    tensors = dict(_codes(names.INPUT, network.codes[names.INPUT]))
    shapes = network.shapes
    for each in network.operations:
        if each.kernel is not None:
            tensors[_key(each.name, KERNEL)] = each.kernel.weights
            tensors[_key(each.name, KERNEL_SCALE)] = each.kernel.scales
            tensors[_key(each.name, BIAS)] = each.kernel.bias
        tensors.update(_codes(each.name, network.codes[each.name]))
        of, to = [network.codes[name] for name in each.inputs], network.codes[each.name]
        kept = constants(each, of, to, engine, prod(shapes[each.inputs[0]][:-1]))
        tensors.update((_key(each.name, name), value) for name, value in kept.items())
    return tensors


def _codes(name: str, codes: Quantisation) -> tuple[tuple[str, npt.NDArray[Any]], ...]:
    return (
        (_key(name, SCALE), np.array([codes.scale], np.float32)),
        (_key(name, ZERO_POINT), np.array([codes.zero_point], np.int32)),
    )


def _key(name: str, leaf: str) -> str:
    return names.weight_key(name, leaf)


def from_tensors(plan: Plan, forms: Forms, given: DType, tensors: Tensors) -> IntegerNetwork:
    """The network that has these numbers; ``given`` is how a picture in codes comes. Scales are checked, not sums."""
    kernels = {
        each.name: Kernel(*(tensors[_key(each.name, leaf)] for leaf in (KERNEL, KERNEL_SCALE, BIAS)))
        for each in lay_out(plan, forms, {})
        if _has_kernel(each)
    }
    operations = lay_out(plan, forms, kernels)
    codes = {
        name: Quantisation(tensors[_key(name, SCALE)][0], int(tensors[_key(name, ZERO_POINT)][0]))
        for name in (names.INPUT, *(each.name for each in operations))
    }
    return IntegerNetwork(plan, operations, codes, unsigned(codes[names.INPUT]) if given == "uint8" else None)


def unsigned(codes: Quantisation) -> Quantisation:
    """The same real numbers in codes of uint8.

    Examples
    --------
    >>> unsigned(Quantisation(np.float32(0.5), -128))
    Quantisation(scale=np.float32(0.5), zero_point=0, dtype='uint8')
    """
    return Quantisation(codes.scale, codes.zero_point + UNSIGNED, "uint8")


def outline(plan: Plan, forms: Forms) -> IntegerNetwork:
    """A network without its numbers, which takes no memory: what tensors it has, and of which shape and dtype."""
    zero, one = np.int8(0), np.float32(1)
    kernels = {}
    for step in plan:
        if step.op in ("convolution", "depthwise", "dense"):
            shape, K = step.weights[0].shape, step.shape[-1]
            kernel = Kernel(*(np.broadcast_to(x, s) for x, s in ((zero, shape), (one, (K,)), (np.int32(0), (K,)))))
            kernels[step.name] = kernels[names.part_name(step.name, names.CONV)] = kernel
    operations = lay_out(plan, forms, kernels)
    unit = Quantisation(one, 0)
    return IntegerNetwork(plan, operations, dict.fromkeys((names.INPUT, *(each.name for each in operations)), unit))


def _has_kernel(operation: Operation) -> bool:
    return operation.kind in ("convolution", "depthwise", "dense")
