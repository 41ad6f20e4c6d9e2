"""Selection: which tensors of a run are wanted, by name, by glob, or as a part cut out of one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.architecture.step import Shape
from refnet.errors import InputError

Part = tuple[tuple[int, int], ...]

_PATTERN = re.compile(r"\s*([^,\[\]\s]+)\s*(?:\[([^\[\]]*)\])?\s*(?:,|$)")
_RANGE = re.compile(r"\s*(?:(\d{1,9})|(\d{1,9})?\s*:\s*(\d{1,9})?)\s*")


class Selection(NamedTuple):
    """A tensor, or the part of it from ``first`` to before ``end`` on each axis, the batch included."""

    name: str
    part: Part = ()

    @property
    def slices(self) -> tuple[slice, ...]:
        """What cuts the part out of the whole tensor."""
        return tuple(slice(first, end) for first, end in self.part)


class Tensors(NamedTuple):
    """What can be chosen of a network: shapes in execution order, the steps among them, and the parts of each."""

    model: str
    shapes: Mapping[str, Shape]
    steps: Sequence[str]
    parts: Mapping[str, Sequence[str]]

    def matches(self, pattern: str, *, unfused: bool) -> list[str]:
        """Those that a pattern means: steps, or parts where it fits no step."""
        steps = fitting(pattern, self.steps)
        if steps:
            return [one for name in steps for one in ((*self.parts.get(name, ()), name) if unfused else (name,))]
        parts = [part for parts in self.parts.values() for part in parts if fnmatchcase(part, pattern)]
        if parts:
            return parts
        near = get_close_matches(pattern, self.shapes, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(f"{self.model} has no step {pattern!r}; {hint}`refnet plan {self.model}` lists them")


def of_plan(plan: Plan) -> Tensors:
    """The tensors of a network in real numbers."""
    return Tensors(
        plan.architecture.name, plan.shapes, [step.name for step in plan], {step.name: step.parts for step in plan}
    )


def select(
    plan: Plan,
    patterns: Iterable[str] | None = None,
    *,
    batch: int = 1,
    unfused: bool = False,
    tensors: Tensors | None = None,
) -> list[Selection]:
    """Find the tensors that patterns ask for, in execution order; without patterns all steps.

    A pattern is a name, a glob with ``*`` and ``?``, or a block. It means steps; one that fits no step means their
    parts, so ``*.conv`` is every sum. Each text may hold several with commas between them. A part of a tensor is cut
    out as in NumPy, in the order n, h, w, c: ``stem[:, 0:8, 3]``. ``unfused`` adds each step's sums, batch norm and
    activation. ``tensors`` are those that there are, by default a plan's own.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> [name for name, _ in select(make_plan(variant("lite0")), ["block3*.depthwise, stem"])]
    ['stem', 'block3a.depthwise', 'block3b.depthwise']
    >>> select(make_plan(variant("lite0")), ["logits[:, 0:8]"])
    [Selection(name='logits', part=((0, 1), (0, 8)))]
    """
    tensors = tensors or of_plan(plan)
    found: dict[str, Part] = {}
    pairs = [("*", None)] if patterns is None else [pair for text in patterns for pair in _split(text)]
    if not pairs:
        raise InputError("no steps are asked for; want names or globs such as block3*.depthwise")
    for pattern, ranges in pairs:
        if (pattern, ranges) == (names.INPUT, None):
            continue  # every golden holds it, whole
        for name in tensors.matches(pattern, unfused=unfused):
            part = () if ranges is None else _part(name, (batch, *tensors.shapes[name]), ranges)
            if found.setdefault(name, part) != part:
                raise InputError(f"{name} is asked for in two ways; want it whole, or one part of it")
    return [Selection(name, found[name]) for name in tensors.shapes if name in found]


def without_given(plan: Plan, chosen: list[Selection], given: Collection[str], *, everything: bool) -> list[Selection]:
    """Leave out what is given; of ``everything``, also what does not depend on that.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> plan = make_plan(variant("b0"))
    >>> [name for name, _ in without_given(plan, select(plan), ["pool"], everything=True)]
    ['logits', 'probabilities']
    """
    if names.INPUT in given:
        raise InputError("cannot resume at the input; want a step, or another input")
    reached = set(given)
    for step in plan:
        if not reached.isdisjoint(step.inputs):
            reached |= {step.name, *step.parts}
    there = {name for given_name in given for name in (given_name, *plan[given_name].parts)}
    left = [one for one in chosen if one.name not in there and (one.name in reached or not everything)]
    if not left:
        raise InputError(f"nothing to compute after {', '.join(given)}; want steps that come later")
    return left


def fitting(pattern: str, known: Iterable[str]) -> list[str]:
    """Of names, those that a pattern means: that name, what a glob fits, or else the steps of that block.

    Examples
    --------
    >>> steps = ["stem", "stem.conv", "block3a.expand", "block3a.project"]
    >>> fitting("stem", steps), fitting("*.expand", steps), fitting("block3a", steps)
    (['stem'], ['block3a.expand'], ['block3a.expand', 'block3a.project'])
    """
    known = list(known)
    return [name for name in known if fnmatchcase(name, pattern)] or [
        name for name in known if name.startswith(f"{pattern}.")
    ]


def _split(text: str) -> list[tuple[str, str | None]]:
    pairs, at = [], 0
    while at < len(text):
        match = _PATTERN.match(text, at)
        if match is None:
            raise InputError(f"steps {text!r}: want names or globs with commas between them, or parts: stem[:, 0:8]")
        pairs.append((match[1], match[2]))
        at = match.end()
    return pairs


def _part(name: str, shape: Shape, ranges: str) -> Part:
    axes = ranges.split(",")
    if len(axes) > len(shape):
        raise InputError(f"{name}[{ranges}]: {len(axes)} ranges; the tensor has {len(shape)} axes, {list(shape)}")
    bounds = []
    for i, length in enumerate(shape):
        match = _RANGE.fullmatch(axes[i]) if i < len(axes) else _RANGE.fullmatch(":")
        if match is None:
            raise InputError(f"{name}[{ranges}]: cannot read {axes[i]!r}; want a range such as 0:8, a number or :")
        first = int(match[1] or match[2] or 0)
        end = first + 1 if match[1] else int(match[3] or length)
        if not 0 <= first < end <= length:
            raise InputError(
                f"{name}[{ranges}]: {axes[i].strip()} is not inside an axis of {length}; it is {list(shape)}"
            )
        bounds.append((first, end))
    return tuple(bounds)
