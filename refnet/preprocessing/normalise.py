"""Normalise: pixels of 0..255 -> what a network was trained on, by the publisher's own operations.

They are elementwise, in float32, one after the other in their order, each rounded: ``x / 255`` and
``x * (1 / 255)`` differ in the last bit, and so do the publishers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from refnet.errors import InputError
from refnet.preprocessing.window import Pixels

Triple = tuple[float, float, float]  # red, green, blue
Normalisation = tuple[tuple[str, Triple], ...]

OPERATIONS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "subtract": np.subtract,
    "divide": np.divide,
    "multiply": np.multiply,
}
MOST_OPERATIONS = 8
# With these bounds nothing overflows: 255 * LARGEST**8 is a float32.
LARGEST = 1e4
SMALLEST_DIVISOR = 1e-4


def normalise(pixels: Pixels, operations: Normalisation) -> Pixels:
    """Apply operations to pixels f32[H,W,3], with their numbers rounded to float32.

    Examples
    --------
    >>> grey = np.full((1, 1, 3), 191, np.float32)
    >>> normalise(grey, NORMALISATIONS["tf-lite"]).tolist()
    [[[0.5, 0.5, 0.5]]]
    """
    for name, numbers in operations:
        pixels = OPERATIONS[name](pixels, np.array(numbers, np.float32))
    return pixels


def to_float32(operations: Normalisation) -> Normalisation:
    """Operations with their numbers as they are applied, so that those of the same effect are equal.

    Examples
    --------
    >>> to_float32((("multiply", (0.1, 0.5, 1.0)),))
    (('multiply', (0.10000000149011612, 0.5, 1.0)),)
    """
    return tuple((name, _each(lambda number: float(np.float32(number)), numbers)) for name, numbers in operations)


def check_operations(operations: Any) -> None:
    """Refuse what cannot be applied to every picture."""
    if not (isinstance(operations, tuple) and len(operations) <= MOST_OPERATIONS):
        raise InputError(f"recipe normalise: want a list of at most {MOST_OPERATIONS} operations")
    for operation in operations:
        if not (isinstance(operation, tuple) and len(operation) == 2):
            raise InputError(f"recipe normalise: {str(operation)[:80]}; want pairs of an operation and its numbers")
        name, numbers = operation
        if not (isinstance(name, str) and name in OPERATIONS):
            raise InputError(f"recipe normalise: unknown operation {name!r:.80}; one of {', '.join(OPERATIONS)}")
        if not (isinstance(numbers, tuple) and len(numbers) == 3):
            raise InputError(f"recipe normalise: {name} {str(numbers)[:80]}; want three numbers, one per channel")
        for number in numbers:
            _check_number(name, number)


def _check_number(name: str, number: object) -> None:
    smallest = SMALLEST_DIVISOR if name == "divide" else 0
    if isinstance(number, bool) or not (isinstance(number, int | float) and smallest <= abs(number) <= LARGEST):
        raise InputError(
            f"recipe normalise: {name} {str(number)[:80]}; want a number from {smallest:g} to {LARGEST:g}, "
            "or the same below zero"
        )


def _all(number: float) -> Triple:
    return (number, number, number)


def _each(function: Callable[[float], float], numbers: Triple) -> Triple:
    red, green, blue = numbers
    return (function(red), function(green), function(blue))


_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)

NORMALISATIONS: dict[str, Normalisation] = {
    # tensorflow/tpu, models/official/efficientnet/eval_ckpt_main.py, in the order of its source. TensorFlow's graph
    # optimiser turns a division by a constant into a multiplication: within a graph the last bit may differ.
    "tf-imagenet": (("subtract", (123.675, 116.28, 103.53)), ("divide", (58.395, 57.12, 57.375))),
    "tf-advprop": (("multiply", _all(2.0)), ("divide", _all(255.0)), ("subtract", _all(1.0))),
    # The same, lite/efficientnet_lite_builder.py.
    "tf-lite": (("subtract", _all(127.0)), ("divide", _all(128.0))),
    # torchvision and timm: ToTensor, Normalize.
    "torch-imagenet": (("divide", _all(255.0)), ("subtract", _MEAN), ("divide", _STD)),
    "torch-half": (("divide", _all(255.0)), ("subtract", _all(0.5)), ("divide", _all(0.5))),
    # lukemelas/EfficientNet-PyTorch, examples/imagenet/main.py.
    "torch-advprop": (("divide", _all(255.0)), ("multiply", _all(2.0)), ("subtract", _all(1.0))),
    # keras/src/applications/efficientnet.py with weights="imagenet": Rescaling, Normalization, Rescaling. The weight
    # files have the deviation where Normalization expects the variance; the second Rescaling makes up for it.
    "keras-imagenet": (
        ("multiply", _all(1.0 / 255.0)),
        ("subtract", _MEAN),
        ("divide", _each(lambda std: float(np.sqrt(np.float32(std))), _STD)),
        ("multiply", _each(lambda std: 1.0 / math.sqrt(std), _STD)),
    ),
}
