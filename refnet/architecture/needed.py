"""Needed: the steps between tensors that are given and tensors that are wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from refnet.architecture.step import Step
from refnet.errors import InputError


def needed(steps: Sequence[Step], given: Collection[str], wanted: Collection[str]) -> tuple[Step, ...]:
    """Choose the steps that make ``wanted`` (steps or their parts) of ``given``, in execution order.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> plan = make_plan(variant("b0"))
    >>> [step.name for step in needed(plan.steps, ["block1a.depthwise"], ["block1a.project"])]
    ['block1a.squeeze', 'block1a.reduce', 'block1a.gate', 'block1a.excite', 'block1a.project']
    """
    for step in (step for step in steps if step.name in given):
        for name in (step.name, *step.parts):
            if name in wanted:
                raise InputError(f"nothing makes {name}: {step.name} is given; want steps that come after it")
    open_names = set(wanted)
    parts = open_names - {step.name for step in steps}  # only what is wanted may be a part: steps read steps
    chosen = []
    for step in reversed(steps):
        if step.name not in given and (step.name in open_names or (parts and not parts.isdisjoint(step.parts))):
            chosen.append(step)
            open_names |= set(step.inputs)
    chosen.reverse()
    made = {step.name for step in chosen}
    missing = {name for step in chosen for name in step.inputs} - made - set(given)
    if missing:
        raise InputError(_explain(chosen, given, made))
    return tuple(chosen)


def _explain(chosen: Sequence[Step], given: Collection[str], made: set[str]) -> str:
    """Say which tensor is missing beside those that are given: the last one that nothing given leads to."""
    if not given:
        return f"nothing is given to make {chosen[-1].name} of; want the input"
    reached = set(given)
    beside = None
    for step in chosen:
        if reached.isdisjoint(step.inputs):
            continue
        reached.add(step.name)
        others = [name for name in step.inputs if name not in reached]
        if others and beside is None:
            beside = f"{step.name} also reads {others[0]}"
    if beside is None:
        beside = f"nothing of {', '.join(given)} leads to {chosen[-1].name}"
    return f"{beside}; want that given as well, or the input"
