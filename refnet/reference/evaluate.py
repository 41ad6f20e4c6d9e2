"""A whole plan through the definition: the oracle that the kernels are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refnet.architecture import names
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.reference import ops


def evaluate(steps: Sequence[Step], tensors: Mapping[str, Array], eps: float, x: Array) -> Iterator[tuple[str, Array]]:
    """Run steps in order on x [N, H, W, C]; yield the name and value of each, unfused parts included.

    Below a convolution these are ``.conv`` (the sum), ``.bn`` and, where there is one, ``.act``; then the step itself.
    The dtype of ``x`` is that of the whole run.
    """
    values = {names.INPUT: x}
    last_reader = {name: step for step in steps for name in step.inputs}
    for step in steps:
        value = x
        for name, value in evaluate_step(step, [values[name] for name in step.inputs], tensors, eps):
            yield name, value
        values[step.name] = value
        for name in set(step.inputs):
            if last_reader[name] is step:
                del values[name]


def evaluate_step(
    step: Step, inputs: list[Array], tensors: Mapping[str, Array], eps: float
) -> Iterator[tuple[str, Array]]:
    """Compute one step from its inputs; yield the name and value of each of its parts, then its own."""

    def weight(leaf: str) -> Array:
        return tensors[names.weight_key(step.name, leaf)]

    def batch_norm(x: Array) -> Array:
        gamma, beta, mean, variance = (weight(f"bn/{leaf}") for leaf in names.BN_LEAVES)
        return ops.batch_norm(x, gamma, beta, mean, variance, step.bn_eps(eps))

    operation = getattr(ops, step.op)  # a step is called like the function that defines it
    match step.op:
        case "convolution" | "depthwise":
            x = operation(inputs[0], weight("kernel"), stride=step.stride, pads=step.pads)
        case "dense":
            x = operation(inputs[0], weight("kernel"))
        case "batch_norm":
            x = batch_norm(inputs[0])
        case "gem":
            x = operation(inputs[0], weight("p"))
        case "divide":
            x = operation(inputs[0], step.divisor)
        case _:
            x = operation(*inputs)
    if step.normalized:
        yield names.part_name(step.name, names.CONV), x
        x = batch_norm(x)
        yield names.part_name(step.name, names.BN), x
    elif step.biased:
        x = ops.bias(x, weight("bias"))
    if step.activation != "none":
        x = ops.ACTIVATIONS[step.activation](x)
        if step.normalized:
            yield names.part_name(step.name, names.ACT), x
    yield step.name, x
