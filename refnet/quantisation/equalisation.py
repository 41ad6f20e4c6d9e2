"""Cross-layer equalisation: channels that share a scale are brought to ranges of one size.

Multiply what makes a channel by a positive factor and divide what reads it by the same, and the network is the same as
long as only additions, means, ReLU and linear convolutions lie between. A swish or a sigmoid is no such thing: there,
nothing is changed. A ReLU6 is one for a channel that stays below 6 before and after: the factor keeps to that, on the
pictures of the calibration, and a channel that reaches 6 keeps its size.

So in a Lite network every convolution takes part, in one with swish those of the blocks' ends: of each stage, what the
blocks add to and the next blocks read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.network.network import Network
from refnet.quantisation.fold import fold
from refnet.quantisation.layers import Per
from refnet.quantisation.twin import Twin

PASSING = ("add", "mean")  # operations that a factor passes through
POSITIVE = ("none", "relu", "relu6")  # activations that a positive factor passes through
SIX = 6.0
HEADROOM = 4.0  # by which a channel may be larger on other pictures
LARGEST_FACTOR = 256.0  # beyond, a channel is as good as nothing beside the others
SWEEPS = 8  # over all groups; a layer belongs to two


@dataclass(frozen=True)
class Group:
    """Tensors whose channels have one factor, the steps that make them, and those that read them.

    Attributes
    ----------
    tensors
        Names of steps.
    producers, readers
        Steps with a kernel: of the producers the outputs are scaled, of the readers the inputs.
    """

    tensors: tuple[str, ...]
    producers: tuple[Step, ...]
    readers: tuple[Step, ...]

    @property
    def capped(self) -> bool:
        """Whether a ReLU6 is among them."""
        return any(step.activation == "relu6" for step in self.producers)


def find_groups(plan: Plan) -> tuple[Group, ...]:
    """The groups of a plan, in the order of their first tensors.

    Examples
    --------
    >>> from refnet.architecture.plan import make_plan
    >>> from refnet.architecture.variants import variant
    >>> for group in find_groups(make_plan(variant("b0")))[:2]:
    ...     print(*group.tensors, "->", *(step.name for step in group.readers))
    block1a.project -> block2a.expand
    block2a.project block2b.project block2b.add -> block2b.expand block3a.expand
    >>> [group.tensors for group in find_groups(make_plan(variant("lite0")))][:2]
    [('stem',), ('block1a.depthwise',)]
    """
    tied = {step.name: [step.name] for step in plan}  # each tensor's group, one list for all of its members
    for step in plan:
        if step.op in PASSING:
            for other in step.inputs:
                if other in tied and tied[other] is not tied[step.name]:
                    tied[other] += tied[step.name]
                    for name in tied[step.name]:
                        tied[name] = tied[other]
    unique = {id(members): members for members in tied.values()}
    groups = (_group(plan, set(members)) for members in unique.values())
    return tuple(group for group in groups if group is not None)


def _group(plan: Plan, members: set[str]) -> Group | None:
    """The group of these tensors, unless something that makes or reads them does not let a factor through."""
    makers = [step for step in plan if step.name in members]
    readers = [step for step in plan if members.intersection(step.inputs) and step.op not in PASSING]
    shut = [step for step in makers if not (step.op in PASSING or (step.weights and step.activation in POSITIVE))]
    shut += [step for step in readers if step.op not in ("convolution", "depthwise", "dense")]
    from_outside = any(not members.issuperset(step.inputs) for step in makers if step.op in PASSING)
    producers = tuple(step for step in makers if step.op not in PASSING)
    if shut or from_outside or not producers or not readers or members.intersection(plan.outputs):
        return None
    return Group(tuple(step.name for step in makers), producers, tuple(readers))


@dataclass(frozen=True)
class Equalised:
    """A network whose channels are equalised, and by which factors: of each tensor, by its step's name."""

    network: Network
    factors: Mapping[str, Array]


def equalise(network: Network, pictures: Iterable[Array], per: Per) -> Equalised:
    """Equalise a network, from the ranges of its channels on pictures f32[1, H, W, C]."""
    groups = find_groups(network.plan)
    factors = _find_factors(network, groups, _largest(network, groups, pictures), per)
    tensors = {key: tensor.astype(np.float64) for key, tensor in network.weights.tensors.items()}
    for group in groups:
        _scale_tensors(group, tensors, factors[group])
    rounded = {key: tensor.astype(np.float32) for key, tensor in tensors.items()}
    scaled = Network(
        replace(network.weights, tensors=rounded),
        threads=network.threads,
        recipe=network.recipe,
        size=(network.plan.height, network.plan.width),
    )
    return Equalised(scaled, {name: factors[group] for group in groups for name in group.tensors})


def _find_factors(
    network: Network, groups: tuple[Group, ...], seen: Mapping[str, Array], per: Per
) -> dict[Group, Array]:
    """The factor of each channel of each group, found group by group, several times over."""
    weights = network.weights
    layers = {step.name: step for group in groups for step in (*group.producers, *group.readers)}
    kernels = {name: np.abs(fold(step, weights.tensors, weights.bn_eps).kernel) for name, step in layers.items()}
    factors = {group: np.ones(group.producers[0].shape[-1]) for group in groups}
    for _ in range(SWEEPS):
        for group in groups:
            wanted = factors[group] * _balance(group, seen, kernels, factors[group], per)
            allowed = _allowed(group, seen, wanted)
            _apply(group, kernels, allowed / factors[group])
            factors[group] = allowed
    return factors


def _largest(network: Network, groups: Iterable[Group], pictures: Iterable[Array]) -> dict[str, Array]:
    """Of each channel the largest number before an activation, or largest magnitude where there is none."""
    twin = Twin(network)
    wanted = {name for group in groups for name in group.tensors}
    wanted = {before if (before := names.part_name(name, names.CONV)) in twin.names else name for name in wanted}
    largest: dict[str, Array] = {}
    for x in pictures:
        for name, tensor in twin.run(x, wanted):
            sized = np.abs(tensor) if name in network.plan.shapes else np.maximum(tensor, 0)
            found = sized.max(axis=tuple(range(tensor.ndim - 1))).astype(np.float64)
            largest[name] = np.maximum(largest.get(name, found), found)
    suffix = names.part_name("", names.CONV)
    return {name.removesuffix(suffix): found for name, found in largest.items()}


def _balance(group: Group, seen: Mapping[str, Array], kernels: Mapping[str, Array], now: Array, per: Per) -> Array:
    """By what to multiply each channel, so that its share in both scales is the same.

    One scale is that of the tensors, or, where a layer has one scale for all its weights, of the kernels that make
    them; the other that of the kernels that read them. A depthwise kernel with a scale for each channel is in
    nobody's way.
    """
    if per == "tensor":
        made = np.max([_relative(_by_output(kernels[step.name])) for step in group.producers], axis=0)
    else:
        made = np.max([_relative(_after(step, seen[step.name]) * now) for step in group.producers], axis=0)
    read = np.max([_share(step, kernels[step.name], per) for step in group.readers], axis=0)
    alive = (made > 0) & (read > 0)
    factor = np.sqrt(np.where(alive, read, 1) / np.where(alive, made, 1))
    if per == "channel" and all(step.op == "depthwise" for step in group.readers):
        factor = 1 / np.where(alive, made, 1)
    largest = (made * factor)[alive].max(initial=0)
    return np.where(alive, factor / (largest or 1), 1)  # the largest channel stays as large as it was


def _allowed(group: Group, seen: Mapping[str, Array], wanted: Array) -> Array:
    """Factors within bounds; behind a ReLU6, so that no channel that stays below 6 comes to it."""
    factor = np.clip(wanted, 1 / LARGEST_FACTOR, LARGEST_FACTOR)
    if not group.capped:
        return factor
    largest = np.max([seen[step.name] for step in group.producers], axis=0)
    most = SIX / HEADROOM / np.maximum(largest, SIX / HEADROOM / LARGEST_FACTOR)
    return np.where(most <= 1, 1, np.minimum(factor, most))


def _after(step: Step, largest: Array) -> Array:
    return np.minimum(largest, SIX) if step.activation == "relu6" else largest


def _by_output(kernel: Array) -> Array:
    result: Array = kernel.max(axis=tuple(range(kernel.ndim - 1)))
    return result


def _relative(ranges: Array) -> Array:
    return ranges / (ranges.max() or 1)


def _share(step: Step, kernel: Array, per: Per) -> Array:
    """How large the weights are that read each channel, beside the largest that has the same scale."""
    if step.op == "depthwise":
        largest = _by_output(kernel)
        return _relative(largest) if per == "tensor" else np.sign(largest)
    by_channel = kernel.max(axis=tuple(range(kernel.ndim - 2)))  # [C, K]
    scale = by_channel.max() if per == "tensor" else by_channel.max(axis=0)
    result: Array = (by_channel / np.where(scale > 0, scale, 1)).max(axis=1)
    return result


def _apply(group: Group, kernels: dict[str, Array], factor: Array) -> None:
    for step in group.producers:
        kernels[step.name] = kernels[step.name] * factor
    for step in group.readers:
        kernels[step.name] = kernels[step.name] / _along_input(step, factor)


def _along_input(step: Step, factor: Array) -> Array:
    return factor if step.op == "depthwise" else factor[:, None]


def _scale_tensors(group: Group, tensors: dict[str, Array], factor: Array) -> None:
    """Scale the weights themselves: behind a batch norm's scale lies all that a channel is."""
    for step in group.producers:
        for leaf in ("bn/gamma", "bn/beta") if step.normalized else ("kernel", "bias"):
            key = names.weight_key(step.name, leaf)
            tensors[key] = tensors[key] * factor
    for step in group.readers:
        key = names.weight_key(step.name, "kernel")
        tensors[key] = tensors[key] / _along_input(step, factor)
