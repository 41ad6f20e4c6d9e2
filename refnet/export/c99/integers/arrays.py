"""Constant arrays of the program: one header for each operation that has some."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.constants import MULTIPLIER, SHIFT, TABLE
from refnet.reference.integers.network import Operation

IN_A_LINE: Final = {1: 24, 4: 10}


class Constant(NamedTuple):
    """An array of the program.

    Attributes
    ----------
    identifier
        Its name in C.
    axes
        In words, for a comment.
    numbers
        int8 or int32.
    """

    identifier: str
    axes: str
    numbers: Array


def constants_of(operation: Operation, stored: Mapping[str, Array]) -> dict[str, Constant]:
    """The arrays of an operation, by the field of ``Step`` that points to them; a kernel's output channel first."""
    found: dict[str, tuple[str, Array]] = {}
    if operation.kernel is not None:
        weights = operation.kernel.weights
        axes = {2: "[K][C]", 3: "[R][S][C]", 4: "[K][R][S][C]"}[weights.ndim]
        found["weights"] = axes, weights if weights.ndim == 3 else np.moveaxis(weights, -1, 0)
        found["bias"] = "[K]", operation.kernel.bias.astype(np.int32)
    for name, dtype, axes in ((MULTIPLIER, np.int32, "[K]"), (SHIFT, np.int8, "[K]"), (TABLE, np.int8, "[256]")):
        if name in stored:
            found[name] = axes, stored[name].astype(dtype)
    prefix = re.sub(r"[^A-Za-z0-9]", "_", operation.name)
    return {field: Constant(f"{prefix}_{field}", *rest) for field, rest in found.items()}


def header(name: str, constants: Mapping[str, Constant]) -> str:
    """Write the header of one operation."""
    return f"/* {name} */\n" + "\n".join(_array(each) for each in constants.values())


def _array(constant: Constant) -> str:
    """One array, its numbers in lines of a fixed count.

    Examples
    --------
    >>> print(_array(Constant("x", "[K]", np.array([1, -2], np.int8))), end="")
    static const int8_t x[2] = { /* [K] */
    1,-2,
    };
    """
    numbers = constant.numbers.reshape(-1)
    text = [_literal(number) for number in numbers.tolist()]
    width = IN_A_LINE[numbers.itemsize]
    lines = "".join(",".join(text[i : i + width]) + ",\n" for i in range(0, len(text), width))
    head = f"static const {numbers.dtype.name}_t {constant.identifier}[{numbers.size}] = {{ /* {constant.axes} */"
    return f"{head}\n{lines}}};\n"


def _literal(number: int) -> str:
    """A constant of C; the least int32 is none, for it would be the negative of one that is too large."""
    return "INT32_MIN" if number == -(2**31) else str(number)
