"""Engines: which of them compute a step as a port does, and what their way is in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from refnet.arrays import Array
from refnet.errors import RefnetError
from refnet.reference.integers.engine import ENGINES, FLOAT32, FUSED, RESCALED, WEIGHTED, Engine
from refnet.reference.integers.evaluate import evaluate_operation
from refnet.reference.integers.network import Operation
from refnet.reference.integers.quantisation import Quantisation

#: What is said of each policy.
POLICY_WORDS = {
    "double": "rounded twice: the product's high word, then the shift with a tie away from 0",
    "double-up": "rounded twice, both times with a tie up",
    "single": "rounded once, with a tie up",
    "fp32-even": "sums as float32 times a float32, a tie to even",
    "double-float": "sums times a float64, a tie away from 0",
    "exact": "rounded once and exactly, with a tie away from 0",
    "truncate": "not rounded: the bits behind the point are dropped",
}
_OTHER_WORDS = {
    WEIGHTED: "one rounding of integer weights",
    FUSED: "one rounding in float32",
    FLOAT32: "in float32, the zero points within what is added",
    RESCALED: "the sum times a float32",
}


def others_that_make(
    operation: Operation, inputs: Sequence[Array], codes: Mapping[str, Quantisation], actual: Array, own: Engine
) -> Iterator[Engine]:
    """The engines, but for the golden's own, that make exactly these codes."""
    of = [codes[name] for name in operation.inputs]
    for engine in ENGINES.values():
        if engine != own:
            try:
                made = evaluate_operation(operation, list(inputs), of, codes[operation.name], engine)
            except RefnetError:
                continue
            if np.array_equal(made, actual):
                yield engine


def way(operation: Operation, engine: Engine) -> str:
    """How an engine computes an operation, in words.

    Examples
    --------
    >>> from refnet.reference.integers.engine import TFLM
    >>> way(Operation("add", "add", ("x", "y")), ENGINES["xnnpack"])
    'add weighted: one rounding of integer weights'
    """
    match operation.kind:
        case "convolution" | "depthwise" | "dense" | "multiply":
            by = engine.rescaling(operation.kind)
            return f"policy {by.policy}: {POLICY_WORDS.get(by.policy, '')}; the multiplier divided in {by.scales}"
        case "add" | "mean":
            name = engine.add if operation.kind == "add" else engine.mean
            return f"{operation.kind} {name}: {_OTHER_WORDS.get(name) or POLICY_WORDS.get(name, '')}"
        case "logistic":
            return f"a table of logistic made in {engine.logistic}"
        case "softmax":
            return f"softmax {engine.softmax}"
    return "its own way"
