"""Find the network's tensors by name in what a checkpoint file holds, whichever framework wrote it.

People save a state dict by itself or beside other things, with a moving average of the weights or without,
and with the names of wrappers in front of all names. What was found and done is part of the result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.layout.networks import Network, find_networks
from refnet.checkpoints.layout.strays import sort_out
from refnet.checkpoints.layout.tree import Tree, flatten
from refnet.errors import CheckpointError, first_few
from refnet.weights.releases.release import Averaging

# NumPy has no bfloat16; a reader hands out the bits under this type.
BFLOAT16 = np.dtype([("bfloat16", "<u2")])

# Of names of parts: what is a moving average of the weights.
_AVERAGED = re.compile(r"(\w+_)?(ema|swa|averaged?|avg)(_\w+)?")
ONLINE = "online"  # the other network in ema-pytorch's state dict
# Wrappers of PyTorch and parts of own models, taken off the names of a stranger's network.
PREFIXES = ("module.", "model.", "_orig_mod.", "backbone.", "net.")
MAX_WRAPPERS = 8
ROOT = "."  # the key of a network whose names have no prefix
SCRIPT = "TorchScript"  # the name of what a program's archive holds


@dataclass(frozen=True)
class StateDict:
    """The tensors of one network by name.

    Attributes
    ----------
    tensors
        Name to array, in the file's order.
    averaging
        ``ema`` if a moving average of the weights was taken by its name, else ``unknown``: many publish the
        average under a plain name.
    found_under
        The name under which it was found, or that was asked for; empty if it was all there is.
    prefix
        What was taken off the front of every name.
    widened
        Names of tensors that came in a 16-bit float type and are float32 now, which is exact.
    dropped
        Name and reason for each tensor that was left out.
    beside
        Tensors outside the network's own names that may change its answers: a classifier by another name, for one.
    key
        What names the network alone, without anything that is beside it.
    told
        What else was found and done, in words.
    """

    tensors: dict[str, Array] = field(repr=False)
    averaging: Averaging = "unknown"
    found_under: str = ""
    prefix: str = ""
    widened: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    beside: dict[str, Array] = field(default_factory=dict, repr=False)
    key: str = ""
    told: tuple[str, ...] = ()


def find_state_dict(content: Mapping[Any, object], key: str | None = None) -> StateDict:
    """Pick the network's tensors from the content of a checkpoint file; of several copies, the moving average.

    ``key`` names the part to take: that of a mapping in the file, of a prefix, or a dot for names without a prefix.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.checkpoints.publishers import PUBLISHERS
    >>> shapes = PUBLISHERS["timm"].shapes(variant("b0", classes=2))
    >>> weights = {f"module.{name}": np.empty(shape, np.float32) for name, shape in shapes.items()}
    >>> found = find_state_dict({"epoch": 3, "state_dict": weights, "state_dict_ema": weights})
    >>> len(found.tensors), found.found_under, found.prefix, found.averaging
    (311, 'state_dict_ema', 'module.', 'ema')
    """
    tree = flatten(content)
    networks = find_networks(tree.tensors)
    if not networks:
        return _of_a_stranger(tree, key)
    _check_program(tree, networks, key)
    chosen = _choose(networks, tree, key)
    others = [network for network in networks if network is not chosen]
    beside, dropped = sort_out(tree, chosen, others, "" if key is None else key)
    _check_others(tree, chosen)
    place = tree.place[next(iter(chosen.names.values()))]
    under = place if chosen.shown.startswith(f"{place}.") else ""
    named = {clean: tree.tensors[name] for clean, name in chosen.names.items()}
    return _state(
        named,
        averaging="ema" if _is_average(chosen) else "unknown",
        found_under=under if key is None else key,
        prefix=chosen.shown.removeprefix(f"{under}.") if under else chosen.shown,
        dropped=tuple(dropped),
        beside={name: widen(array) for name, array in beside.items()},
        key=chosen.key,
    )


def _state(named: Mapping[str, Array], **facts: Any) -> StateDict:
    _check_precision(named)
    wide = {name: widen(array) for name, array in named.items()}
    return StateDict(wide, widened=tuple(name for name, array in named.items() if wide[name] is not array), **facts)


def _choose(networks: list[Network], tree: Tree, key: str | None) -> Network:
    """Of several networks the one that was asked for; else the moving average of another one, or one of equals."""
    options = [f"--key {network.key}" for network in networks]
    if key is not None:
        asked = [network for network in networks if f"{network.key}.".startswith(f"{key}.") or network.key == key]
        if not asked:
            there = first_few([repr(network.key) for network in networks], by=", ")
            raise CheckpointError(f"no network under {key!r}; there is {there}", options=options)
        networks = asked
    averaged = [network for network in networks if _is_average(network)]
    candidates = averaged if len(averaged) == 1 and _are_one(networks, tree) else networks
    if len(candidates) > 1 and not _are_equal(candidates, tree):
        there = first_few([repr(network.key) for network in candidates], by=", ")
        raise CheckpointError(
            f"{len(candidates)} networks, and no telling which is meant: {there}; name one with --key",
            details=[network.key for network in candidates],
            options=[f"--key {network.key}" for network in candidates],
        )
    return candidates[0]


def _is_average(network: Network) -> bool:
    parts = network.prefix.lower().split(".")
    return any(map(_AVERAGED.fullmatch, parts)) and not any(part.startswith(ONLINE) for part in parts)


def _are_one(networks: list[Network], tree: Tree) -> bool:
    """Whether all are copies of one network: the same names and shapes."""
    first, *others = [{clean: tree.tensors[name].shape for clean, name in each.names.items()} for each in networks]
    return all(other == first for other in others)


def _are_equal(networks: list[Network], tree: Tree) -> bool:
    """Whether all have the same names and numbers."""
    first, *others = networks
    return _are_one(networks, tree) and all(
        tree.tensors[name] is tree.tensors[other.names[clean]]
        or tree.tensors[name].tobytes() == tree.tensors[other.names[clean]].tobytes()
        for other in others
        for clean, name in first.names.items()
    )


def _check_program(tree: Tree, networks: list[Network], key: str | None) -> None:
    """Take the tensors of a program only for one who says that the program is the publisher's own."""
    if key is None and all(network.prefix.startswith(f"{SCRIPT}.") for network in networks):
        raise CheckpointError(
            "a TorchScript archive: its program is not read, and may do something else with these tensors than "
            "their publisher's network does; if it is that network as it was, take the tensors with --key",
            options=[f"--key {networks[0].key}"],
        )


def _check_others(tree: Tree, chosen: Network) -> None:
    """Refuse what is no tensor among the network's own names."""
    shown = [name for name in tree.others if name.startswith(chosen.shown)]
    inside = [name for name in shown if name[len(chosen.shown) :].partition(".")[0] in chosen.family.roots]
    inside = [name for name in inside if "." in name[len(chosen.shown) :]]
    if inside:
        raise CheckpointError(
            f"more than tensors among the network's own: {first_few([name[:80] for name in inside], by=', ')}; "
            "leave it out where PyTorch is: torch.save({name: tensor for name, tensor in model.state_dict().items() "
            'if torch.is_tensor(tensor)}, "weights.pth")',
            details=inside,
        )


def _of_a_stranger(tree: Tree, key: str | None) -> StateDict:
    """What holds the most tensors, so that it can be said whose they may be."""
    scope = "" if key in (None, ROOT) else f"{key}."
    names = [name for name in tree.tensors if name.startswith(scope)]
    if not names:
        if key is not None:
            raise CheckpointError(f"nothing under {key!r}")
        there = first_few([name[:80] for name in (*tree.others, *tree.training)], by=", ") or "nothing"
        raise CheckpointError(f"no tensors by name, but {there}")
    by_place = {place: list(group) for place, group in groupby(sorted(names, key=_place(tree)), key=_place(tree))}
    place = max(by_place, key=lambda place: len(by_place[place]))
    under = f"{place}." if place else ""
    inside = set(by_place[place])
    named = {name.removeprefix(under): tree.tensors[name] for name in names if name in inside}
    prefix = _wrappers(named)
    named = {name.removeprefix(prefix): array for name, array in named.items()}
    return _state(named, found_under=place if key is None else key, prefix=prefix)


def _place(tree: Tree) -> Any:
    return tree.place.__getitem__


def _wrappers(names: Mapping[str, Array]) -> str:
    """What wrappers put in front of all names; they may be nested."""
    found = ""
    for _ in range(MAX_WRAPPERS):
        more = next((each for each in PREFIXES if all(name.startswith(found + each) for name in names)), None)
        if more is None:
            break
        found += more
    return found


def widen(array: Array) -> Array:
    """Make float32 of float16 and bfloat16, exactly; any other array is returned itself."""
    if array.dtype == BFLOAT16:
        bits = array["bfloat16"].astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _check_precision(arrays: Mapping[str, Array]) -> None:
    """Refuse a network of doubles as one, not tensor by tensor."""
    floats = {name: array.dtype for name, array in arrays.items() if array.dtype.kind == "f"}
    if set(floats.values()) == {np.dtype(np.float64)}:
        raise CheckpointError(
            f"{len(floats)} tensors are float64, such as {next(iter(floats))!r}; "
            "a weight file holds float32: with PyTorch, save model.float().state_dict()"
        )
