"""The network's table in C: plan.h and plan.c."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from refnet.architecture import names
from refnet.architecture.step import Shape
from refnet.export.c99.integers.arrays import Constant
from refnet.export.c99.integers.memory import Memory
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import Quantisation, activation_limits
from refnet.version import __version__

KINDS: Final = {"logistic": "TABLE", "swish": "TABLE"}
Fields = Mapping[str, object]  # of ``Step``, and what stands in them
OF_WEIGHTS: Final = {2: "DENSE", 3: "DEPTHWISE", 4: "CONVOLUTION"}  # a convolution of one pixel is a dense layer


def plan_name(network: IntegerNetwork) -> str:
    """The architecture's name, which may come from a file, as a word that can stand in C."""
    return re.sub(r"[^A-Za-z0-9._@+-]", "_", network.plan.architecture.name)[:64]


def plan_header(network: IntegerNetwork, engine: Engine, memory: Memory) -> str:
    """Write ``plan.h``: which network this is, and how much memory it takes."""
    plan, of = network.plan, network.codes
    return f"""\
/* {plan_name(network)} in integers as {engine.name} computes them,
 * for pictures of {plan.height} x {plan.width}, padding {plan.padding}.
 * The input is {_real(of[names.INPUT])}, the answer {_real(of[plan.answer])}.
 * Written by refnet {__version__}. */
#ifndef PLAN_H
#define PLAN_H

#include "refnet.h"

#define PLAN_NAME "{plan_name(network)}"
#define STEPS {len(network.operations)}
#define ARENA {memory.size} /* bytes; the most are in use during {memory.fullest} */
#define INPUT_AT {memory.places[names.INPUT]}

extern const Step plan[STEPS];

#endif
"""


def _real(of: Quantisation) -> str:
    """What a code stands for, as text: nine digits tell every float32 from its neighbours."""
    return f"{of.scale:.9g} * (code {'-' if of.zero_point >= 0 else '+'} {abs(of.zero_point)})"


def plan_table(
    network: IntegerNetwork, engine: Engine, memory: Memory, constants: Mapping[str, Mapping[str, Constant]]
) -> str:
    """Write ``plan.c``: one row for each operation."""
    number = {names.INPUT: 0} | {each.name: i for i, each in enumerate(network.operations, start=1)}
    sizes = network.shapes
    includes = "".join(f'#include "weights/{name}.h"\n' for name, arrays in constants.items() if arrays)
    rows = "".join(
        _row(network, engine, operation, number, sizes, constants[operation.name], memory.places[operation.name])
        for operation in network.operations
    )
    return f"""\
#include "plan.h"

{includes}
/* The number before a row is that of the tensor it makes; 0 is the input. A field that is not there is 0. */
const Step plan[STEPS] = {{
{rows}}};
"""


def _row(
    network: IntegerNetwork,
    engine: Engine,
    operation: Operation,
    number: Mapping[str, int],
    sizes: Mapping[str, Shape],
    constants: Mapping[str, Constant],
    place: int,
) -> str:
    lines: list[Fields] = [
        {"name": f'"{operation.name}"', "op": _op(operation, sizes), **_inputs(operation, number)},
        _shapes(operation, sizes),
        _taps(operation),
        _codes(network, operation),
        {"policy": _policy(operation, engine), "at": place},
        {field: each.identifier for field, each in constants.items()},
    ]
    text = "".join(
        f"        {', '.join(f'.{field} = {value}' for field, value in line.items())},\n" for line in lines if line
    )
    return f"    /* {number[operation.name]} */ {{\n{text}    }},\n"


def _inputs(operation: Operation, number: Mapping[str, int]) -> Fields:
    x, y = [*(number[name] for name in operation.inputs), "NOTHING"][:2]
    return {"x": x, "y": y}


def _shapes(operation: Operation, sizes: Mapping[str, Shape]) -> Fields:
    out = sizes[operation.name]
    vector = {"is_vector": 1} if len(out) == 1 else {}
    return {"in": _shape(sizes[operation.inputs[0]]), "out": _shape(out), **vector}


def _taps(operation: Operation) -> Fields:
    """Of a kernel that moves over a picture."""
    if operation.kernel is None or operation.kernel.weights.ndim == 2:
        return {}
    return {
        "kernel": operation.kernel.weights.shape[0],
        "stride": operation.stride,
        "pads": _braces(*operation.pads),
    }


def _codes(network: IntegerNetwork, operation: Operation) -> Fields:
    to = network.codes[operation.name]
    low, high = activation_limits(operation.limit, to)
    zeros = {f"zero_{x}": network.codes[name].zero_point for x, name in zip("xy", operation.inputs, strict=False)}
    return zeros | {"zero_out": to.zero_point, "low": low, "high": high}


def _op(operation: Operation, sizes: Mapping[str, Shape]) -> str:
    if operation.kernel is not None:
        return OF_WEIGHTS[operation.kernel.weights.ndim]
    if operation.kind == "multiply" and len(sizes[operation.inputs[1]]) < len(sizes[operation.name]):
        return "EXCITE"
    return KINDS.get(operation.kind, operation.kind.upper())


def _policy(operation: Operation, engine: Engine) -> str:
    match operation.kind:
        case "convolution" | "depthwise" | "dense" | "multiply":
            name = engine.rescaling(operation.kind).policy
        case "add":
            name = engine.add
        case "mean":
            name = engine.mean
        case _:
            return "NO_ROUNDING"
    return name.upper().replace("-", "_")


def _shape(shape: Shape) -> str:
    return _braces(*(shape if len(shape) == 3 else (1, 1, *shape)))


def _braces(*values: int) -> str:
    return f"{{{', '.join(map(str, values))}}}"
