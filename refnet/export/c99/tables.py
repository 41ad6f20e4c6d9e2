"""Tables of the C99 program: the plan of one model and size, and the numbers of the bit contract, as C source."""

from __future__ import annotations

import re
from math import prod

from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.architecture.step import Shape, Step
from refnet.reference.numerics import EXP, GEM_FLOOR, LOG, NUMERICS_VERSION, TAPS_PER_BLOCK
from refnet.version import __version__
from refnet.weights.weights import Weights


def plan_header(weights: Weights, plan: Plan) -> str:
    """Write ``plan.h``: which network this is, and how much room it takes."""
    name = re.sub(r"[^A-Za-z0-9._@+-]", "_", plan.architecture.name)[:64]  # it may come from a file, and goes into C
    taps = max(step.kernel**2 * step.in_shape[-1] for step in plan if step.op == "convolution")
    return f"""\
/* {name} for pictures of {plan.height} x {plan.width}, padding {plan.padding}.
 * Weights {weights.digest()}.
 * Written by refnet {__version__}, numerics version {NUMERICS_VERSION}. */
#ifndef PLAN_H
#define PLAN_H

#include "refnet.h"

#define PLAN_NAME "{name}"
#define STEPS {len(plan)}
#define WEIGHTS {sum(prod(weight.shape) for weight in plan.weights)} /* numbers in weights.bin */
#define MAX_TAPS {taps} /* of a convolution: R S C */

extern const Step plan[STEPS];

#endif
"""


def plan_table(plan: Plan, eps: float) -> str:
    """Write ``plan.c``: one row for each step; ``eps`` is what batch norms usually add to the variance.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> rows = plan_table(make_plan(variant("lite0"), 33), 0.5).splitlines()
    >>> rows[6].strip()[:60]
    '/*   1 */ {"stem", CONVOLUTION, 0, NOTHING, {33, 33, 3}, {17'
    >>> rows[6].strip()[60:]
    ', 17, 32}, 0, 3, 2, {1, 1, 1, 1}, RELU6, 0, NORM, 864, 0x1.0000000000000p-1},'
    """
    number = {names.INPUT: 0} | {step.name: i for i, step in enumerate(plan, start=1)}
    rows = []
    offset = 0
    for step in plan:
        kernel_at = vectors_at = 0
        if step.weights:
            kernel_at = vectors_at = offset
            if step.op != "batch_norm":  # all others have a kernel, or a lone number in its place
                vectors_at += prod(step.weights[0].shape)
            offset += sum(prod(weight.shape) for weight in step.weights)
        row = _row(step, [number[name] for name in step.inputs], kernel_at, vectors_at, eps)
        rows.append(f"    /* {number[step.name]:3} */ {row},\n")
    return f"""\
#include "plan.h"

/* The number before a row is that of the tensor it makes; 0 is the input.
 * name, op, x, y, in, out, is_vector, kernel, stride, pads (top, bottom, left, right), activation, kernel_at, vectors,
 * vectors_at, number */
const Step plan[STEPS] = {{
{"".join(rows)}}};
"""


def _row(step: Step, inputs: list[int], kernel_at: int, vectors_at: int, eps: float) -> str:
    x, y = [str(number) for number in inputs] if len(inputs) == 2 else [str(inputs[0]), "NOTHING"]
    vectors, number = "NO_VECTORS", step.divisor
    if step.normalized or step.op == "batch_norm":
        vectors, number = "NORM", step.bn_eps(eps)
    elif step.biased:
        vectors = "BIAS"
    fields = (
        f'"{step.name}"', step.op.upper(), x, y, _shape(step.in_shape), _shape(step.shape),
        int(len(step.shape) == 1), step.kernel, step.stride, _braces(step.pads), step.activation.upper(),
        kernel_at, vectors, vectors_at, float(number).hex(),
    )  # fmt: skip
    return _braces(fields)


def _shape(shape: Shape) -> str:
    return _braces(shape if len(shape) == 3 else (1, 1, *shape))


def _braces(values: tuple[object, ...]) -> str:
    return f"{{{', '.join(map(str, values))}}}"


def numerics_header() -> str:
    """Write ``numerics.h``: the constants of ``refnet.reference.numerics``.

    Examples
    --------
    >>> numerics_header().splitlines()[4]
    '#define TAPS_PER_BLOCK 32'
    """
    return f"""\
/* The numbers of the bit contract, version {NUMERICS_VERSION}. Constants are in hexadecimal: not one digit is lost. */
#ifndef NUMERICS_H
#define NUMERICS_H

#define TAPS_PER_BLOCK {TAPS_PER_BLOCK}
#define GEM_FLOOR {GEM_FLOOR.hex()} /* {GEM_FLOOR!r}, in double: what a generalised mean raises its inputs to */

#ifdef DOUBLE
{_constants("float64", suffix="")}
#else
{_constants("float32", suffix="f")}
#endif

#endif
"""


def _constants(dtype: str, suffix: str) -> str:
    exp, log = EXP[dtype], LOG[dtype]

    def literal(value: float) -> str:
        return re.sub(r"\.?0*p", "p", value.hex()) + suffix

    def polynomial(coefficients: tuple[float, ...]) -> str:
        rows = "".join(f"    {literal(value)}, \\\n" for value in coefficients)
        return f"{{ /* from the highest power down */ \\\n{rows}}}"

    return "\n".join([
        f"#define MANTISSA_BITS {exp.mantissa_bits}",
        f"#define EXPONENT_BIAS {exp.exponent_bias}",
        f"#define INVERSE_LN2 {literal(exp.inverse_ln2)}",
        f"#define LN2_HIGH {literal(exp.ln2_high)} /* ln 2 as the sum of two numbers */",
        f"#define LN2_LOW {literal(exp.ln2_low)}",
        f"#define SHIFTER {literal(exp.shifter)} /* 1.5 * 2**MANTISSA_BITS: what is added to it becomes whole */",
        f"#define EXP_LOW {exp.low!r}{suffix} /* exp is 0 here, and infinite at EXP_HIGH */",
        f"#define EXP_HIGH {exp.high!r}{suffix}",
        f"#define SIGMOID_BOUND {exp.sigmoid_bound!r}{suffix} /* exp and 1 + exp are normal numbers within */",
        f"#define EXP_POLYNOMIAL {polynomial(exp.coefficients)}",
        f"#define ROOT_2 {literal(log.root_2)}",
        f"#define LEAST_NORMAL {literal(log.least)}",
        f"#define LOG_POLYNOMIAL {polynomial(log.coefficients)}",
    ])  # fmt: skip
