"""From a plan to integer operations: what engines run for each step, where they have more than one way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.architecture.step import Step
from refnet.errors import InputError
from refnet.reference.integers.network import IntegerNetwork, Kernel, Kind, Limit, Operation

SPLIT, TABLE = "split", "table"

#: The kinds of operation that a step may become: the usual one first.
KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "convolution": ("convolution",),
    "depthwise": ("depthwise",),
    "dense": ("dense", "convolution"),
    "mean": ("mean", "average_pool"),
    "excite": ("multiply",),
    "add": ("add",),
    "softmax": ("softmax",),
}
LIMITS: Final[dict[str, Limit]] = {"none": "none", "relu": "relu", "relu6": "relu6"}
TABLES: Final = ("swish", "sigmoid")  # activations that are looked up

#: ``swish`` is ``split`` (a logistic table, then a product) or ``table``; and the kind of means and dense layers by the
#: last part of their names: ``squeeze``, ``reduce``, ``gate``, ``pool``, ``logits``.
Forms = Mapping[str, str]


def lay_out(plan: Plan, forms: Forms, kernels: Mapping[str, Kernel]) -> tuple[Operation, ...]:
    """Make the operations of a plan in execution order.

    Parameters
    ----------
    plan
        Of an architecture whose batch norms are folded into its convolutions.
    forms
        What is not as usual; see ``Forms``.
    kernels
        By the name of the operation: ``stem.conv`` where a swish follows, else ``stem``.

    Raises
    ------
    InputError
        If a step has no integer operation, or a form is none.

    Examples
    --------
    >>> from refnet.architecture.plan import make_plan
    >>> from refnet.architecture.variants import variant
    >>> from dataclasses import replace
    >>> plan = make_plan(replace(variant("b0"), folded=True))
    >>> [each.name for each in lay_out(plan, {}, {})[:3]]
    ['stem.conv', 'stem.sigmoid', 'stem']
    >>> [each.name for each in lay_out(plan, {"swish": "table"}, {})[:2]]
    ['stem.conv', 'stem']
    """
    known = {"swish"} | {_leaf(step) for step in plan if len(KINDS.get(step.op, ())) > 1}
    for key in forms:
        if key not in known:
            raise InputError(f"no step {key[:40]!r} has more than one form; want {', '.join(sorted(known))}")
    return tuple(each for step in plan for each in _operations(step, forms, kernels))


def _operations(step: Step, forms: Forms, kernels: Mapping[str, Kernel]) -> Iterator[Operation]:
    if step.op not in KINDS or step.normalized or step.activation not in (*LIMITS, *TABLES):
        what = "with a batch norm of its own" if step.normalized else f"with {step.activation}" * (step.op in KINDS)
        raise InputError(
            f"{step.name} is a step of the kind {step.op} {what}".rstrip() + ", which has no integer operation; there "
            f"are {', '.join(KINDS)}, with {', '.join((*LIMITS, *TABLES))}"
        )
    made = by_table = names.part_name(step.name, names.CONV) if step.activation in TABLES else step.name
    limit = LIMITS.get(step.activation, "none")
    yield Operation(made, _kind(step, forms), step.inputs, kernels.get(made), step.stride, step.pads, limit)
    if step.activation == "sigmoid":
        yield Operation(step.name, "logistic", (by_table,))
    elif step.activation == "swish" and _form("swish", forms, (SPLIT, TABLE)) == TABLE:
        yield Operation(step.name, "swish", (by_table,))
    elif step.activation == "swish":
        gate = names.part_name(step.name, names.SIGMOID)
        yield Operation(gate, "logistic", (by_table,))
        yield Operation(step.name, "multiply", (by_table, gate))


def _kind(step: Step, forms: Forms) -> Kind:
    kinds = KINDS[step.op]
    if step.op == "dense" and names.in_block(step.name):
        kinds = kinds[::-1]  # vectors in a block are pictures of one pixel
    chosen = _form(_leaf(step), forms, kinds)
    return next(kind for kind in kinds if kind == chosen)


def _form(key: str, forms: Forms, possible: tuple[str, ...]) -> str:
    form = forms.get(key, possible[0])
    if form not in possible:
        raise InputError(f"{key} is to be {form[:40]!r}; want {' or '.join(possible)}")
    return form


def _leaf(step: Step) -> str:
    return step.name.rpartition(".")[2]


def forms_of(network: IntegerNetwork) -> dict[str, str]:
    """The forms of a network's operations, all that could have been others.

    Raises
    ------
    InputError
        If blocks differ, or the operations are not those of the plan in any form.

    Examples
    --------
    >>> from refnet.architecture.plan import make_plan
    >>> from refnet.architecture.variants import variant
    >>> from dataclasses import replace
    >>> plan = make_plan(replace(variant("lite0"), folded=True))
    >>> forms_of(IntegerNetwork(plan, lay_out(plan, {"pool": "average_pool"}, {}), {}))
    {'pool': 'average_pool', 'logits': 'dense'}
    """
    kinds = {each.name: each.kind for each in network.operations}
    forms: dict[str, str] = {}
    for step in network.plan:
        said: dict[str, str] = {}
        if step.activation == "swish":
            said["swish"] = TABLE if kinds.get(step.name) == "swish" else SPLIT
        if len(KINDS.get(step.op, ())) > 1:
            made = names.part_name(step.name, names.CONV) if step.activation in TABLES else step.name
            said[_leaf(step)] = kinds.get(made, "")
        for key, form in said.items():
            if forms.setdefault(key, form) != form:
                raise InputError(f"{step.name}: {key} is {form} here and {forms[key]} in a block before")
    kernels = {each.name: each.kernel for each in network.operations if each.kernel is not None}
    if lay_out(network.plan, forms, kernels) != network.operations:
        raise InputError(f"these are not the operations of {network.plan.architecture.name}")
    return forms


def on(plan: Plan, network: IntegerNetwork) -> IntegerNetwork:
    """The same network for pictures of another size: the plan's."""
    kernels = {each.name: each.kernel for each in network.operations if each.kernel is not None}
    return replace(network, plan=plan, operations=lay_out(plan, forms_of(network), kernels))
