"""Nested containers of a checkpoint as one level of dotted names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from refnet.arrays import Array
from refnet.errors import CheckpointError

MAX_NESTED = 16
MAX_NAME = 1 << 10
MAX_THINGS = 1 << 17  # a checkpoint of B7 with its moving average has about 8,000
GROUPS = "param_groups"  # what every optimiser of PyTorch has
OPTIMISER = "the optimiser's; inference does not use it"
_OF_TRAINING = re.compile(r"optimi[sz]ers?(_states?)?(_dict)?|optim|lr_schedulers?|schedulers?|scaler|rng_state\w*")


@dataclass
class Tree:
    """What a checkpoint holds.

    Attributes
    ----------
    tensors
        By dotted name, in the file's order.
    place
        Name of the mapping that each of ``tensors`` stands in; empty for the checkpoint itself.
    others
        What is no tensor, by dotted name: numbers, texts, objects that are not read.
    training
        Names of mappings that belong to an optimiser or a schedule; nothing of them is in ``tensors``.
    """

    tensors: dict[str, Array] = field(default_factory=dict)
    place: dict[str, str] = field(default_factory=dict)
    others: dict[str, object] = field(default_factory=dict)
    training: list[str] = field(default_factory=list)
    things: int = 0


def flatten(content: object) -> Tree:
    """Name everything in nested mappings and lists.

    Examples
    --------
    >>> tree = flatten({"epoch": 3, "state_dict": {"fc.bias": np.zeros(2)}, "optimizer": {"state": {}}})
    >>> tree.place, tree.others, tree.training
    ({'state_dict.fc.bias': 'state_dict'}, {'epoch': 3}, ['optimizer'])
    """
    tree = Tree()
    _walk(content, (), tree)
    return tree


def _walk(value: object, path: tuple[str, ...], tree: Tree) -> None:
    tree.things += 1 + (len(value) if isinstance(value, list | tuple) else 0)
    if len(path) > MAX_NESTED or tree.things > MAX_THINGS:
        raise CheckpointError(f"more than {MAX_THINGS} things, or more than {MAX_NESTED} containers in each other")
    if sum(map(len, path)) + len(path) > MAX_NAME + 1:
        name = ".".join(path)
        raise CheckpointError(f"a name has {len(name)} letters, more than {MAX_NAME}: {name[:80]!r}…")
    if isinstance(value, np.ndarray):
        _add_tensor(value, path, tree)
    elif isinstance(value, Mapping):
        if path and (GROUPS in value or _OF_TRAINING.fullmatch(path[-1].lower())):
            tree.training.append(".".join(path))
            return
        for key, item in value.items():
            _walk(item, (*path, _text(key)), tree)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            if isinstance(item, np.ndarray | Mapping | list | tuple):
                _walk(item, (*path, str(i)), tree)
    else:
        tree.others[".".join(path)] = value


def _add_tensor(array: Array, path: tuple[str, ...], tree: Tree) -> None:
    name = ".".join(path)
    if name in tree.tensors:
        raise CheckpointError(f"two tensors by the name {name[:80]!r}")
    tree.tensors[name] = array
    tree.place[name] = ".".join(path[:-1])


def _text(key: object) -> str:
    return key if isinstance(key, str) else str(getattr(key, "name", key))
