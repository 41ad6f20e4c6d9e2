"""Which rule a graph's pads follow: TensorFlow's for the picture's size, symmetric, or static ones of a size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refnet.architecture.padding import NO_PADS, Pads, output_size, pads, size_of
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import BASE_RESOLUTION, TABLE
from refnet.architecture.step import Step
from refnet.architecture.variants import Architecture
from refnet.checkpoints.graph.graph import Node
from refnet.checkpoints.graph.walk import refusal

# Zeros of TensorFlow's rule depend on whether sides are even: any 32 sizes in a row have them all.
_EVERY_PATTERN = range(33, 65)

Size = tuple[int, int]
Convolutions = Sequence[tuple[Step, Node]]


def find_paddings(
    architecture: Architecture, convolutions: Convolutions, size: Size | None, wish: str | None = None
) -> tuple[str, ...]:
    """Find the rules that fit, the likelier first, or refuse the first convolution that departs from the likeliest.

    For a picture whose sides are odd at every depth TensorFlow's zeros and the symmetric ones are the same. Rules of
    one size are tried where no other fits, but for the one that is wished for, which comes first.

    ``size`` is that of the picture, if the graph is for one alone. ``convolutions`` come with the plan's steps, in
    order.
    """
    rules: dict[str, list[Node]] = {}
    fitting: list[str] = []
    for rule, wanted in _rules(architecture, size, wish):
        if fitting and rule.startswith("same@"):
            break
        rules[rule] = _departing(convolutions, wanted, size)
        if not rules[rule]:
            fitting.append(rule)
    if fitting:
        return tuple(fitting)
    likeliest = min(rules, key=lambda rule: len(rules[rule]))
    node = rules[likeliest][0]
    step = next(step for step, each in convolutions if each is node)
    by_rule = dict(_rules(architecture, size))[likeliest]
    raise refusal(
        node,
        f"pads by {_in_words(node)}",
        f"the other convolutions pad by the rule {likeliest!r}, by which {step.name} has {_shown(by_rule[step.name])}",
    )


def _rules(
    architecture: Architecture, size: Size | None, wish: str | None = None
) -> Iterator[tuple[str, Mapping[str, Pads | str]]]:
    """Every rule, the likelier first, and the pads of every step by it."""
    if wish is not None and (side := size_of(wish)) is not None:
        yield wish, _pads_of(architecture, (side, side))
    if size is not None:
        yield "same", _pads_of(architecture, size)
    else:
        steps = make_plan(architecture).steps
        yield (
            "same",
            {step.name: pads("symmetric", 1, 1, step.kernel, 1) if step.stride == 1 else "same" for step in steps},
        )
    yield "symmetric", {step.name: step.pads for step in make_plan(architecture, padding="symmetric")}
    sizes = (architecture.resolution, BASE_RESOLUTION, *(each.resolution for each in TABLE.values()), *_EVERY_PATTERN)
    for side in dict.fromkeys(sizes):
        yield f"same@{side}", _pads_of(architecture, (side, side))


def _pads_of(architecture: Architecture, size: Size) -> dict[str, Pads | str]:
    return {step.name: step.pads for step in make_plan(architecture, size)}


def _departing(convolutions: Convolutions, wanted: Mapping[str, Pads | str], size: Size | None) -> list[Node]:
    """Convolutions that pad in another way."""
    found = []
    for step, node in convolutions:
        H, W = size or (0, 0)
        has, wants = _resolved(node, step, size), wanted[step.name]
        if size is None or isinstance(has, str) or isinstance(wants, str):
            same = has == wants
        else:
            # Zeros below and to the right that no window reaches do not count.
            out, planned = (output_size(H, W, each, step.kernel, step.stride) for each in (has, wants))
            same = (has.top, has.left, out) == (wants.top, wants.left, planned)
            size = planned
        if not same:
            found.append(node)
    return found


def _resolved(node: Node, step: Step, size: Size | None) -> Pads | str:
    """A node's zeros; "same" only where they depend on a size that is not known."""
    has = node.settings.get("pads", NO_PADS)
    if has != "same":
        return Pads(*has)
    if step.stride == 1:
        return pads("symmetric", 1, 1, step.kernel, 1)
    return "same" if size is None else pads("same", *size, step.kernel, step.stride)


def _in_words(node: Node) -> str:
    return _shown(node.settings.get("pads", NO_PADS))


def _shown(around: Pads | str) -> str:
    return (
        "TensorFlow's rule for the size that comes"
        if isinstance(around, str)
        else "top {}, bottom {}, left {}, right {}".format(*around)
    )
