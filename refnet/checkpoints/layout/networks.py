"""The networks among named tensors, found by their structure: whatever prefix the names of a family are behind.

The kernels of the stem and of the last convolution have one name in all variants of a family. Wherever a name ends so,
what is in front of it may be the prefix of a network; it is one if its names are, by half at least, those of a variant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from refnet.architecture import names
from refnet.architecture.variants import variant
from refnet.checkpoints.names_and_shapes import names_of
from refnet.checkpoints.publishers import PUBLISHERS, Publisher
from refnet.errors import CheckpointError

ENDS = tuple(names.weight_key(step, "kernel") for step in (names.STEM, names.HEAD))
LEAST = 0.5  # share of names
MAX_NETWORKS = 32
# What wrappers of PyTorch put between the parts of a network's own names.
WRAPPERS = frozenset({"_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod"})


@dataclass(frozen=True)
class Family:
    """One way to name tensors: who publishes by it, the names of each variant, and what they begin with."""

    publishers: tuple[str, ...]
    known: tuple[tuple[frozenset[str], frozenset[str]], ...]
    roots: frozenset[str]


@dataclass(frozen=True)
class Network:
    """Tensors of one family behind one prefix.

    Attributes
    ----------
    prefix
        What is in front of every name, wrappers between its parts left out; ends with a dot, or is empty.
    shown
        The same as it stands in the file.
    family
        Whose names they are.
    names
        Name in the family to name in the file, for all that begin like a name of the family.
    """

    prefix: str
    shown: str
    family: Family
    names: Mapping[str, str]

    @property
    def key(self) -> str:
        """What a person calls it by, with ``--key``; a dot for one without a prefix."""
        return self.prefix[:-1] or "."


def find_networks(tensors: Iterable[str]) -> list[Network]:
    """Find the networks among tensors of these names, in the order of the file.

    Examples
    --------
    >>> shapes = PUBLISHERS["timm"].shapes(variant("b0", classes=3))
    >>> (found,) = find_networks([f"encoder.0.{name}" for name in shapes] + ["head.bias"])
    >>> found.prefix, found.family.publishers
    ('encoder.0.', ('timm-tf', 'timm'))
    """
    cleaned = {without_wrappers(name): name for name in tensors}
    begun: dict[tuple[str, Family], str] = {}
    for clean, name in cleaned.items():
        for end, family in _ends().items():
            if clean == end or clean.endswith(f".{end}"):
                shown = name[: -len(end)] if name.endswith(end) else clean[: -len(end)]
                begun.setdefault((clean[: -len(end)], family), shown)
    if len(begun) > MAX_NETWORKS:
        raise CheckpointError(f"{len(begun)} networks in one file; want at most {MAX_NETWORKS}")
    found = [_network(prefix, shown, family, cleaned) for (prefix, family), shown in begun.items()]
    return [network for network in found if network is not None]


def without_wrappers(name: str) -> str:
    """Leave out of a name what wrappers put into it."""
    if "_wrapped_module" not in name and "_orig_mod" not in name:
        return name
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _network(prefix: str, shown: str, family: Family, cleaned: Mapping[str, str]) -> Network | None:
    inside = {clean[len(prefix) :]: name for clean, name in cleaned.items() if clean.startswith(prefix)}
    own = {clean: name for clean, name in inside.items() if clean.partition(".")[0] in family.roots}
    found = own.keys()
    share = max(len(found & known) / len((found - spare) | known) for known, spare in family.known)
    return Network(prefix, shown, family, own) if share >= LEAST else None


@cache
def _ends() -> dict[str, Family]:
    """Names that a network is found by."""
    found: dict[str, Family] = {}
    for publishers in _kin().values():
        family = _family(publishers)
        pairs = publishers[0].pairs(variant(publishers[0].variants[0]))
        ends = [pair.theirs for pair in pairs if pair.ours in ENDS]
        found |= {end: family for end in ends if "/" not in end}  # TensorFlow's and Keras's have their own files
    return found


def _kin() -> dict[str, list[Publisher]]:
    """Publishers by the name of their stem's kernel: those of one family have the same."""
    kin: dict[str, list[Publisher]] = {}
    for publisher in PUBLISHERS.values():
        stem = next(pair.theirs for pair in publisher.pairs(variant(publisher.variants[0])) if pair.ours == ENDS[0])
        kin.setdefault(stem, []).append(publisher)
    return kin


def _family(publishers: list[Publisher]) -> Family:
    known: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for publisher in publishers:
        known |= dict(zip(publisher.variants, names_of(publisher), strict=True))
    roots = {name.partition(".")[0] for all_names, _ in known.values() for name in all_names}
    return Family(tuple(publisher.name for publisher in publishers), tuple(known.values()), frozenset(roots))
