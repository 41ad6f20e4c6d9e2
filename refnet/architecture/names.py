"""The one place that makes names: of steps, of weights, of file names.

A step is ``stem``, ``block1a.expand``, …, ``logits``. The same name with slashes is the HDF5 group of its weights:
``block1a.depthwise`` keeps its kernel in ``block1a/depthwise/kernel`` and its batch norm in ``block1a/depthwise/bn/*``.
"""

from __future__ import annotations

from string import ascii_lowercase

INPUT = "input"
STEM = "stem"
HEAD = "head"
POOL = "pool"
LOGITS = "logits"
PROBABILITIES = "probabilities"
ANSWER = "answer"  # where it is none: logarithms of probabilities, bounded numbers

# Between the last convolution and the classifier, and behind it: top.mean, top.dense1, top.norm1, …
TOP = "top"
MEAN, MAX, SUM = "mean", "max", "sum"
DENSE, NORM, ACTIVATION = "dense", "norm", "act"
SCALED = "scaled"

EXPAND = "expand"
DEPTHWISE = "depthwise"
SQUEEZE = "squeeze"
REDUCE = "reduce"
GATE = "gate"
EXCITE = "excite"
PROJECT = "project"
ADD = "add"

CONV = "conv"
BN = "bn"
ACT = "act"
SIGMOID = "sigmoid"  # in integers, the factor of a swish

BN_LEAVES = ("gamma", "beta", "mean", "variance")


def block_name(stage: int, repeat: int) -> str:
    """Name of a block: stages count from 1, repeats go a, b, … z, aa, ab, ….

    Examples
    --------
    >>> block_name(1, 0), block_name(6, 2), block_name(4, 26)
    ('block1a', 'block6c', 'block4aa')
    """
    letters = ""
    repeat += 1
    while repeat:
        repeat, letter = divmod(repeat - 1, 26)
        letters = ascii_lowercase[letter] + letters
    return f"block{stage}{letters}"


def part_name(whole: str, part: str) -> str:
    """Name of a step inside a block, or of a part (``conv``, ``bn``, ``act``) inside a convolution.

    Examples
    --------
    >>> part_name(part_name("block1a", EXPAND), BN)
    'block1a.expand.bn'
    """
    return f"{whole}.{part}"


def top_name(part: str, number: int | None = None) -> str:
    """Name of a step of the top; layers of one kind count from 1.

    Examples
    --------
    >>> top_name(MAX), top_name(DENSE, 2)
    ('top.max', 'top.dense2')
    """
    return part_name(TOP, part if number is None else f"{part}{number}")


def in_block(step: str) -> bool:
    """Whether a step lies in a block: its vectors stay pictures of one pixel in frameworks.

    Examples
    --------
    >>> in_block("block1a.reduce"), in_block("top.dense1")
    (True, False)
    """
    return step.startswith("block")


def weight_key(step: str, leaf: str) -> str:
    """HDF5 path of one tensor of a step.

    Examples
    --------
    >>> weight_key("block1a.depthwise", "bn/gamma")
    'block1a/depthwise/bn/gamma'
    """
    return f"{step.replace('.', '/')}/{leaf}"
