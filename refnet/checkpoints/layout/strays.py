"""What lies beside a network, judged by what it means: what provably cannot change an answer, and the rest.

Of a training: counters, an optimiser, the weights of a loss, metrics, another copy of the same network. A number, a
kernel or a vector under any other name may be part of what the file computes, however small it is.
"""

from __future__ import annotations

import re
from collections import Counter

from refnet.arrays import Array
from refnet.checkpoints.layout.networks import Network
from refnet.checkpoints.layout.tree import OPTIMISER, Tree
from refnet.checkpoints.readers.torch.foreign import Foreign, Opaque

COUNTERS = {
    "n_averaged": "counts the steps of the moving average; inference does not use it",
    "initted": "says whether the moving average began; inference does not use it",
    "step": "counts training steps; inference does not use it",
    "num_updates": "counts training steps; inference does not use it",
}
DECAY = "of the moving average; inference does not use it"
LOSS = "of a loss or a metric, by its name; inference does not use it"
WHOLE = "a counter or a state of random numbers, by its name; inference does not use it"
EMPTY = "has no elements"
BY_NAME = (LOSS, WHOLE)
_LOSS = re.compile(r"(\w*_)?(loss|losses|criterion|criterions|criteria)(_\w*)?|\w*(loss|criterion)")
_WEIGHTS = re.compile(r"(pos|class|loss)_weights?")
_METRIC = re.compile(r"(\w*_)?(metrics?|acc|accuracy|auroc|auc|f1|confmat|confusion_matrix)(_\w*)?")
_OF_LAYERS = ("weight", "bias", "running_mean", "running_var")  # a layer may be called like a metric
_COUNTER = re.compile(
    r"num_batches_tracked|\w*(steps?|epochs?|iters?|iterations?|counts?|counter|rng\w*|seed|version|_seen)|total"
)

Rows = list[tuple[str, str]]


def sort_out(tree: Tree, chosen: Network, others: list[Network], scope: str) -> tuple[dict[str, Array], Rows]:
    """Split what is not the chosen network's into what cannot be explained, and rows of names and reasons.

    ``scope`` is the part of the file that was asked for; empty for all of it.
    """
    own = set(chosen.names.values())
    copies = [(other, frozenset(other.names.values())) for other in others]
    unexplained: dict[str, Array] = {}
    rows: Rows = [(name, OPTIMISER) for name in tree.training]
    groups: Counter[str] = Counter()
    for name, array in tree.tensors.items():
        if name in own:
            continue
        if scope and not name.startswith(f"{scope}."):
            groups[f"outside {scope!r}, which was asked for"] += 1
        elif copy := next((other for other, names in copies if _belongs(name, other, names, chosen)), None):
            groups[f"of the copy {copy.key!r} of the network; {chosen.key!r} is taken"] += 1
        elif (reason := explain(name, array)) is not None:
            rows.append((name, reason))
        else:
            unexplained[name] = array
    rows += [(f"{count} tensor{'s' * (count > 1)}", reason) for reason, count in groups.items()]
    rows += [
        (name, f"an object of {value.name[:80]!r}, which is not read")
        for name, value in tree.others.items()
        if isinstance(value, Opaque | Foreign)
    ]
    return unexplained, rows


def explain(name: str, array: Array) -> str | None:
    """Why a tensor beside the network cannot change an answer, if that is so.

    Examples
    --------
    >>> import numpy as np
    >>> explain("criterion.pos_weight", np.ones(1, np.float32)) == LOSS
    True
    >>> explain("temperature", np.ones(1, np.float32)) is None
    True
    """
    *parents, leaf = parts = name.lower().split(".")
    whole = array.dtype.kind in "iub"
    if array.size == 0:
        return EMPTY
    if leaf in COUNTERS and array.size == 1 and whole:
        return COUNTERS[leaf]
    if leaf == "decay" and array.size == 1 and any("ema" in part for part in parents):
        return DECAY
    if whole and _COUNTER.fullmatch(leaf):
        return WHOLE
    if any(map(_LOSS.fullmatch, parts)):
        return LOSS
    by_name = _WEIGHTS.fullmatch(leaf) or (leaf not in _OF_LAYERS and any(map(_METRIC.fullmatch, parts)))
    return LOSS if by_name and array.ndim < 2 else None


def _belongs(name: str, other: Network, names: frozenset[str], chosen: Network) -> bool:
    """Whether a tensor is another network's, or lies beside that one and not beside the chosen one."""
    if chosen.prefix.startswith(other.prefix):
        return name in names
    return name.startswith(_territory(chosen.prefix, other.prefix))


def _territory(chosen: str, other: str) -> str:
    """What the names of another network, and of all that belongs to it, begin with.

    Examples
    --------
    >>> _territory("state_dict_ema.module.", "state_dict.module."), _territory("", "teacher.")
    ('state_dict.', 'teacher.')
    """
    mine, theirs = chosen.split("."), other.split(".")
    same = next((i for i, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1]), len(mine))
    return ".".join(theirs[: same + 1]) + "."
