"""Who published the network in a graph, and so how pictures are made for it; the graph itself decides all else.

An exported graph keeps names of some tensors, which narrow down the publisher, and its pads and epsilon tell the
publisher's two families apart. Where they do not tell, the caller must; and may not say what the graph contradicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from refnet.architecture.top import PUBLISHED_TOP
from refnet.architecture.variants import Architecture
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.graph.match import Found
from refnet.checkpoints.identity import identity_by_use
from refnet.checkpoints.pixel_range import from_pixels
from refnet.checkpoints.publishers import PUBLISHERS, Publisher
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import to_float32
from refnet.preprocessing.recipe import Recipe
from refnet.weights import releases
from refnet.weights.releases import Release
from refnet.weights.releases.recipes import of_release

FEW = 8  # shared names that are no evidence: "classifier.weight" is anybody's


@dataclass(frozen=True)
class Origin:
    """What a graph's publisher decides: the network at its size, the rule's name, the recipe; and what told it."""

    publisher: str
    architecture: Architecture
    padding: str
    recipe: Recipe
    told: tuple[str, ...]
    by: str


def find_origin(found: Found, file: Fingerprint, stated: Stated, release: Release | None) -> Origin:
    """Find the publisher by names, pads and epsilon, or by the caller's word."""
    by, publishers = _publishers(found, stated)
    if release is not None:
        publisher, chosen, by = release.publisher, release, "where it was fetched from"
    else:
        identity = identity_by_use(publishers, stated.publisher, found.architecture, by)
        publisher, chosen, by = identity.publisher, identity.release, identity.by
    rules = PUBLISHERS[releases.publisher_without_set(publisher)]
    recipe, told = _recipe(chosen, found)
    return Origin(publisher, _at_size(found, chosen), _padding(rules, found, stated), recipe, told, by)


def _publishers(found: Found, stated: Stated) -> tuple[str, tuple[str, ...]]:
    """Whose it may be, and what says so."""
    if stated.publisher is not None:
        rules = PUBLISHERS[releases.publisher_without_set(stated.publisher)]
        for what, has, wants in _contradictions(rules, found):
            raise CheckpointError(
                f"the graph has {what} {has}, but {stated.publisher}'s {found.architecture.name} has {wants}; "
                f"of those that are known here it may be of {_listed(_consistent(found))}"
            )
        return "the caller's word", (stated.publisher,)
    consistent = _consistent(found)
    named = [publisher for publisher in consistent if _shared(PUBLISHERS[publisher], found) >= FEW]
    if not named:
        raise CheckpointError(
            f"the graph is {found.architecture.name} with {found.padding} pads{_eps(found)}; its tensors' names do not "
            f"tell how pictures are made for it. Say whose it is like with --publisher: {_listed(consistent)}"
        )
    most = max(_shared(PUBLISHERS[publisher], found) for publisher in named)
    best = tuple(publisher for publisher in named if _shared(PUBLISHERS[publisher], found) == most)
    return "its tensors' names, pads and epsilon", best


def _consistent(found: Found) -> list[str]:
    """Publishers whose network of this name is as the graph is."""
    return [name for name, rules in PUBLISHERS.items() if not any(_contradictions(rules, found))]


def _contradictions(rules: Publisher, found: Found) -> Iterator[tuple[str, object, object]]:
    """What the graph has otherwise than a publisher: its name, what the graph has, what the publisher has."""
    name = found.architecture.name
    if name not in rules.variants:
        yield "the blocks of", name, "none of these"
        return
    if rules.padding not in [rule.partition("@")[0] for rule in found.paddings]:
        yield "pads by the rule", found.padding, rules.padding
    if not _is_folded(found) and found.bn_eps != rules.bn_eps[name]:
        yield "an epsilon of", f"{found.bn_eps:g}", f"{rules.bn_eps[name]:g}"


def _is_folded(found: Found) -> bool:
    """Whether no batch norm is left as it was, and with it the publisher's epsilon."""
    return found.architecture.folded or found.bn_eps == 0


def _shared(rules: Publisher, found: Found) -> int:
    """How many of the graph's names are the publisher's."""
    theirs = {pair.theirs for pair in rules.pairs(replace(found.architecture, folded=False, top=PUBLISHED_TOP))}
    return len(theirs & set(found.sources.values()))


def _listed(publishers: list[str]) -> str:
    return ", ".join(publishers) or "none"


def _eps(found: Found) -> str:
    return "" if _is_folded(found) else f" and an epsilon of {found.bn_eps:g}"


def _padding(rules: Publisher, found: Found, stated: Stated) -> str:
    """The rule's name: where two pad alike, the publisher's."""
    if stated.padding is None and rules.padding in found.paddings:
        return rules.padding
    return found.padding


def _at_size(found: Found, release: Release) -> Architecture:
    """The network for the graph's own size, or where it takes any, the published one."""
    if found.size is not None:
        return found.architecture
    coefficients = replace(found.architecture.coefficients, resolution=release.size)
    return replace(found.architecture, coefficients=coefficients)


# Pixels ---------------------------------------------------------------------------------------------------------------


def _recipe(release: Release, found: Found) -> tuple[Recipe, tuple[str, ...]]:
    """The publisher's recipe; but what the graph itself does to its input is right about that."""
    recipe = of_release(release)
    if not found.normalise:
        return recipe, ()
    operations, told = from_pixels(found.normalise)
    if to_float32(operations) == to_float32(recipe.normalise):
        return recipe, told
    return replace(recipe, name=f"{recipe.name}-own", normalise=operations), told
