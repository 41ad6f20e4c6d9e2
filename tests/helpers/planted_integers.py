"""Mistakes as people make them in an integer port: each as changes of the C99 program, wrong in one operation alone.

``integer_port.Port`` builds and runs them. In C, ``here`` is 1 during that operation, and ``wrong`` is its row of the
plan. Where two mistakes give the same numbers there is one of them: a bias into which the input's zero point is folded,
with a frame that is not filled, is a frame of code 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import activation_limits

Applies = Callable[[IntegerNetwork, Operation], bool]


class Change(NamedTuple):
    file: str
    pattern: str  # a regular expression, which must be found
    replacement: str


class Mistake(NamedTuple):
    name: str
    applies: Applies
    changes: tuple[Change, ...]


# Which operations


def is_kind(*kinds: str) -> Applies:
    return lambda _, operation: operation.kind in kinds


def has_kernel(_: IntegerNetwork, operation: Operation) -> bool:
    return operation.kernel is not None


def is_rescaled(_: IntegerNetwork, operation: Operation) -> bool:
    return operation.kind in ("convolution", "depthwise", "dense", "add", "multiply", "mean")


def sums_channels(_: IntegerNetwork, operation: Operation) -> bool:
    """Over input channels."""
    return operation.kernel is not None and operation.kernel.weights.ndim != 3


def is_wide(_: IntegerNetwork, operation: Operation) -> bool:
    return operation.kernel is not None and operation.kernel.weights.ndim > 2 and operation.kernel.weights.shape[0] > 1


def is_wide_and(kind: str) -> Applies:
    return lambda network, operation: is_wide(network, operation) and operation.kind == kind


def is_padded(network: IntegerNetwork, operation: Operation) -> bool:
    """And code 0 is not what stands for the number 0 there."""
    return any(operation.pads) and zero(network, operation, 0) != 0


def is_lopsided(_: IntegerNetwork, operation: Operation) -> bool:
    pads = operation.pads
    return (pads.top, pads.left) != (pads.bottom, pads.right)


def is_stem(_: IntegerNetwork, operation: Operation) -> bool:
    return operation.inputs == ("input",)


def zero(network: IntegerNetwork, operation: Operation, place: int | None) -> int:
    """Zero point of an input, or of the output."""
    return network.codes[operation.name if place is None else operation.inputs[place]].zero_point


def with_zero(place: int | None, *kinds: str) -> Applies:
    """A zero point that is none, or its own negative, would make no difference."""
    return lambda network, operation: operation.kind in kinds and zero(network, operation, place) != 0


def is_limited(network: IntegerNetwork, operation: Operation) -> bool:
    return activation_limits(operation.limit, network.codes[operation.name]) != (-128, 127)


# How a change is made


def row(statement: str) -> tuple[Change, ...]:
    """Another number in the plan."""
    return (Change("run.c", r"/\* wrong \*/", statement),)


def function(text: str) -> Change:
    """A function before all others."""
    return Change("refnet.c", r"(?=size_t count\()", text + "\n\n")


def rescaling(statement: str) -> tuple[Change, ...]:
    """Before an integer is rescaled."""
    return (Change("refnet.c", r"(?=    int shift = step->shift\[k\];)", f"    if (here) {{ {statement} }}\n"),)


def in_each_product(factor: str, by: str) -> tuple[Change, ...]:
    """One factor as ``by`` makes it of an int ``q``."""
    pattern = {
        "code": r"\(((?:pixel|x)\[.*\]) - step->zero_x\)(?= \* )",
        "weight": r"(?<=zero_x\) \* )((?:step->)?weights\[.*\])(?=;)",
    }[factor]
    replacement = {"code": r"(other(\1) - step->zero_x)", "weight": r"other(\1)"}[factor]
    text = f"static int other(int q) {{ return here ? {by} : q; }}"
    return Change("refnet.c", pattern, replacement), function(text)


def accumulator(narrowed: str) -> tuple[Change, ...]:
    """``narrowed``: an int32_t ``sum`` as it is after each addition."""
    text = f"static int32_t narrow(int32_t sum) {{ return here ? {narrowed} : sum; }}"
    pattern = r"sum \+= (\((?:pixel|x)\[.*\] - step->zero_x\) \* .*);"
    return Change("refnet.c", pattern, r"sum = narrow(sum + \1);"), function(text)


def wrapping(bits: int) -> tuple[Change, ...]:
    return accumulator(f"(int32_t)((uint32_t)sum << {32 - bits}) >> {32 - bits}")


def saturating(bits: int) -> tuple[Change, ...]:
    most = (1 << (bits - 1)) - 1
    return accumulator(f"(sum > {most} ? {most} : sum < -{most} - 1 ? -{most} - 1 : sum)")


def bias(expression: str) -> tuple[Change, ...]:
    """``expression`` of ``step`` and channel ``k``."""
    text = f"static int32_t bias(const Step *step, int k) {{ return here ? {expression} : step->bias[k]; }}"
    return Change("refnet.c", r"step->bias\[(\w)\]", r"bias(step, \1)"), function(text)


def multiplier(expression: str) -> tuple[Change, ...]:
    """``expression`` of the stored ``m``."""
    text = f"static int32_t cut(int32_t m) {{ return here ? {expression} : m; }}"
    return Change("refnet.c", r"step->multiplier\[k\]", "cut(step->multiplier[k])"), function(text)


def tap(expression: str) -> tuple[Change, ...]:
    """The number of a tap of R x R, of ``ky`` and ``kx``."""
    of_convolution = (
        r"\1\n            const int8_t *own = weights;"
        rf"\n            const int8_t *weights = here ? own + (({expression}) - (ky * R + kx)) * C : own;"
    )
    return (
        Change("refnet.c", r"(const int8_t \*pixel = .*;)", of_convolution),
        Change("refnet.c", r"\(ky \* R \+ kx\) \* C \+ c", rf"(here ? {expression} : ky * R + kx) * C + c"),
    )


def summing(sum_of_two: str) -> tuple[Change, ...]:
    """Pairs of channels, codes of uint8 times weights, as vpmaddubsw adds them; zero points are taken off after."""
    text = f"""\
static int32_t pair(int a0, int b0, int a1, int b1) {{ int32_t sum = a0 * b0 + a1 * b1; return {sum_of_two}; }}
static int32_t dot(const int8_t *x, const int8_t *w, int C, int zero)
{{
    int32_t sum = 0;
    for (int c = 0; c < C; c += here ? 2 : 1)
        if (!here)
            sum += (x[c] - zero) * w[c];
        else {{
            int last = c + 1 == C, w1 = last ? 0 : w[c + 1];
            sum += pair(x[c] + 128, w[c], last ? 0 : x[c + 1] + 128, w1) - (zero + 128) * (w[c] + w1);
        }}
    return sum;
}}"""
    pattern = r"for \(int c = 0; c < C; c\+\+\)\n\s+sum \+= \((\w+)\[c\] - step->zero_x\) \* weights\[c\];"
    return Change("refnet.c", pattern, r"sum += dot(\1, weights, C, step->zero_x);"), function(text)


def rounding(expression: str) -> tuple[Change, ...]:
    """In floating point or wide integers: ``total`` times ``m`` * 2**(``s`` - 31)."""
    return (
        Change("refnet.c", r'(?=#include "rounding.h")', "#include <math.h>\n"),
        *rescaling(f"int32_t m = step->multiplier[k]; int s = step->shift[k]; return (int32_t)({expression});"),
    )


FRAME = (  # {q}: the code that stands outside of the picture
    Change(
        "refnet.c",
        r"continue;\n(?=            const int8_t)",
        "{{ for (int c = 0; here && c < C; c++) sum += ({q} - step->zero_x) * weights[c]; continue; }}\n",
    ),
    Change(
        "refnet.c",
        r"continue;\n(?=            sum)",
        "{{ if (here) sum += ({q} - step->zero_x) * step->weights[(ky * R + kx) * C + c]; continue; }}\n",
    ),
)


def frame(code: str) -> tuple[Change, ...]:
    return tuple(change._replace(replacement=change.replacement.format(q=code)) for change in FRAME)


def replaced(file: str, pattern: str, replacement: str) -> tuple[Change, ...]:
    return (Change(file, pattern, replacement),)


PRODUCTS = ("convolution", "depthwise", "dense")
TWO = ("add", "multiply")
SCALED = (*PRODUCTS, *TWO, "mean")
SYMMETRIC = "int p = wrong.kernel / 2; wrong.pads = (Pads){p, p, p, p};"
CLAMPED = r"    q = q < -128 ? -128 : q > 127 ? 127 : q;\n"

AVERAGED = "here ? rescale_average(step, sum) : rescale(step, sum, 0));"
AVERAGE = """\
static int32_t rescale_average(const Step *step, int32_t sum)
{
    int N = step->in.H * step->in.W, bits = 0; /* which are in the multiplier */
    while (2 << bits <= N)
        bits++;
    return round_twice(sum / N, (int32_t)(((int64_t)*step->multiplier * N) >> bits), *step->shift + bits);
}"""
BASE_2 = "static int32_t m; m = (int32_t)(*wrong.multiplier * 0.6931471805599453); wrong.multiplier = &m;"

MISTAKES: tuple[Mistake, ...] = (
    # How integers round
    Mistake("policy-single", is_rescaled, row("wrong.policy = SINGLE;")),
    Mistake("policy-double-up", is_rescaled, row("wrong.policy = DOUBLE_UP;")),
    Mistake("policy-truncate", is_rescaled, row("wrong.policy = TRUNCATE;")),
    Mistake("policy-exact", is_rescaled, rounding("shift_half_away((int64_t)total * m, 31 - s)")),
    Mistake("policy-fp32-even", is_kind(*PRODUCTS), rounding("lrintf((float)total * (float)ldexp(m, s - 31))")),
    Mistake("policy-double-float", is_kind(*PRODUCTS), rounding("llround(total * ldexp(m, s - 31))")),
    Mistake("policy-power-of-two", is_kind(*PRODUCTS), multiplier("(m > 0x60000000 ? INT32_MAX : 0x40000000)")),
    Mistake("shift-alone", is_kind(*PRODUCTS), rounding("shift_half_up(total, -(s - (m < 0x5a82799a)))")),
    Mistake("truncated-to-zero", is_rescaled, rounding("(int64_t)total * m / ((int64_t)1 << (31 - s))")),
    # Zero points
    Mistake("zero-x-omitted", with_zero(0, *SCALED), row("wrong.zero_x = 0;")),
    Mistake("zero-x-sign", with_zero(0, *SCALED), row("wrong.zero_x = -wrong.zero_x;")),
    Mistake("zero-y-omitted", with_zero(1, *TWO), row("wrong.zero_y = 0;")),
    Mistake("zero-y-sign", with_zero(1, *TWO), row("wrong.zero_y = -wrong.zero_y;")),
    Mistake("zero-out-omitted", with_zero(None, *SCALED, "softmax"), row("wrong.zero_out = 0;")),
    Mistake("zero-out-sign", with_zero(None, *SCALED, "softmax"), row("wrong.zero_out = -wrong.zero_out;")),
    Mistake("frame-of-code-0", is_padded, frame("0")),
    # Scales
    Mistake("one-scale", has_kernel, rescaling("k = 0;")),
    Mistake("next-scale", has_kernel, rescaling("k = (k + 1) % step->out.C;")),
    Mistake("shift-less-one", is_rescaled, replaced("refnet.c", r"int shift = step->shift\[k\]", r"\g<0> - here")),
    Mistake("multiplier-16-bits", is_rescaled, multiplier("m & ~0xffff")),
    Mistake("multiplier-24-bits", is_rescaled, multiplier("m & ~0xff")),
    # The clamp
    Mistake("clamp-missing", is_kind(*PRODUCTS, "add"), row("wrong.low = INT_MIN; wrong.high = INT_MAX;")),
    Mistake("limits-missing", is_limited, row("wrong.low = -128; wrong.high = 127;")),
    Mistake("clamp-from-minus-127", is_kind(*PRODUCTS, "add"), row("wrong.low = -127;")),
    Mistake("limit-6-as-a-code", is_limited, row("wrong.high = wrong.zero_out + 6;")),
    Mistake(
        "clamp-before-zero-point",
        with_zero(None, *PRODUCTS),
        replaced("refnet.c", r"    q = q \+ step->zero_out;", r"    if (here)\n    " + CLAMPED + r"\g<0>"),
    ),
    # Types
    Mistake("codes-uint8", has_kernel, in_each_product("code", "q & 255")),
    Mistake("weights-uint8", has_kernel, in_each_product("weight", "q & 255")),
    Mistake("accumulator-16-wraps", has_kernel, wrapping(16)),
    Mistake("accumulator-16-saturates", has_kernel, saturating(16)),
    Mistake("accumulator-20-wraps", has_kernel, wrapping(20)),
    Mistake("accumulator-20-saturates", has_kernel, saturating(20)),
    Mistake("accumulator-24-wraps", has_kernel, wrapping(24)),
    Mistake("accumulator-24-saturates", has_kernel, saturating(24)),
    Mistake("pairs-saturate", sums_channels, summing("sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum")),
    # The bias
    Mistake("bias-omitted", has_kernel, bias("0")),
    Mistake("bias-of-next", has_kernel, bias("step->bias[(k + 1) % step->out.C]")),
    Mistake("bias-16-bits", has_kernel, bias("(int16_t)step->bias[k]")),
    Mistake("bias-negative", has_kernel, bias("-step->bias[k]")),
    Mistake(
        "bias-rescaled-apart",
        has_kernel,
        replaced(
            "refnet.c",
            r"rescale\(step, sum, k\)",
            "(here ? rescale(step, sum - step->bias[k], k) + rescale(step, step->bias[k], k) : rescale(step, sum, k))",
        ),
    ),
    # Where taps lie
    Mistake("kernel-transposed", is_wide, tap("kx * R + ky")),
    Mistake("kernel-turned", is_wide, tap("R * R - 1 - (ky * R + kx)")),
    Mistake(
        "kernel-of-next-channel",
        is_wide_and("depthwise"),
        replaced("refnet.c", r"(\(ky \* R \+ kx\) \* C) \+ c\]", r"\1 + (c + here) % C]"),
    ),
    Mistake(
        "kernel-by-channel",
        is_wide_and("depthwise"),
        replaced("refnet.c", r"\(ky \* R \+ kx\) \* C \+ c\]", r"here ? c * R * R + ky * R + kx : \g<0>"),
    ),
    Mistake("zeros-of-pytorch", is_lopsided, row(SYMMETRIC)),
    Mistake("blue-green-red", is_stem, replaced("refnet.c", r"\(pixel\[c\]", "(pixel[here ? C - 1 - c : c]")),
    # Sums of two, means, tables, softmax
    Mistake("add-one-scale", is_kind("add"), replaced("refnet.c", r"raised, 1\)", "raised, here ? 0 : 1)")),
    Mistake("add-scales-swapped", is_kind("add"), replaced("refnet.c", r"raised, ([01])\)", r"raised, here ^ \1)")),
    Mistake(
        "add-without-headroom",
        is_kind("add"),
        (
            Change("refnet.c", r"(?<=raised = )\(int32_t\)1 << 20", r"(int32_t)1 << (here ? 0 : 20)"),
            Change("refnet.c", r"int shift = step->shift\[k\]", r"\g<0> + (here && k == 2 ? 20 : 0)"),
        ),
    ),
    Mistake(
        "mean-truncated",
        is_kind("mean"),
        (
            Change("refnet.c", r"rescale\(step, sum, 0\)\);(?=\n    }\n}\n\n/\* Codes of one)", AVERAGED),
            function(AVERAGE),
        ),
    ),
    Mistake(
        "table-off-by-one",
        is_kind("logistic"),
        replaced("refnet.c", r"x\[i\] \+ 128", "x[i] + 128 + (here && x[i] < 127)"),
    ),
    Mistake(
        "table-by-uint8",
        is_kind("logistic"),
        replaced("refnet.c", r"x\[i\] \+ 128", "here ? (uint8_t)x[i] : x[i] + 128"),
    ),
    Mistake("softmax-base-2", is_kind("softmax"), row(BASE_2)),
    Mistake("softmax-half-scale", is_kind("softmax"), row("static int8_t s; s = *wrong.shift - 1; wrong.shift = &s;")),
)

#: How names begin that are right for each mistake; where none stands here, the mistake's own name.
NAMES: dict[str, tuple[str, ...]] = {
    "policy-single": ("policy-single", "add-single", "mean-single"),
    "policy-double-up": ("policy-double-up", "add-double-up", "mean-double-up"),
    "policy-truncate": ("policy-truncate", "add-truncate", "mean-truncate"),
    "policy-power-of-two": ("multiplier-2147483647",),
    "shift-alone": ("power-of-two-nearest",),
    "truncated-to-zero": ("fixed-toward-zero",),
    "zero-x-omitted": ("input-zero-omitted", "first-zero-omitted", "mean-zero-omitted"),
    "zero-x-sign": ("input-zero-sign", "first-zero-sign", "mean-zero-sign"),
    "zero-y-omitted": ("second-zero-omitted",),
    "zero-y-sign": ("second-zero-sign",),
    "zero-out-omitted": ("output-zero-omitted",),
    "zero-out-sign": ("output-zero-sign",),
    "frame-of-code-0": ("zero-padding",),
    "one-scale": ("one-scale-first",),
    "next-scale": ("scale-next-channel",),
    "shift-less-one": ("shift-too-far-right",),
    "multiplier-16-bits": ("multiplier-15-bits-cut",),  # and a sign
    "multiplier-24-bits": ("multiplier-23-bits-cut",),
    "clamp-missing": ("wraps",),
    "limits-missing": ("limits-no-limits",),
    "clamp-from-minus-127": ("limits-symmetric",),
    "limit-6-as-a-code": ("limits-seen-high", "limits-seen-both"),
    "clamp-before-zero-point": ("clamp-before-zero",),
    "codes-uint8": ("codes-without-sign",),
    "weights-uint8": ("weights-without-sign",),
    "pairs-saturate": ("int16-pairs",),
    "bias-of-next": ("bias-next-channel",),
    "bias-16-bits": ("bias-16-bits-wrap",),
    "bias-negative": ("bias-sign",),
    "kernel-of-next-channel": ("kernel-next-channel",),
    "kernel-by-channel": ("kernel-RSC-as-CRS",),
    "zeros-of-pytorch": ("pads-",),
    "blue-green-red": ("inputs-reversed",),
    "add-one-scale": ("one-scale-first",),
    "add-scales-swapped": ("scales-exchanged",),
    "add-without-headroom": ("add-headroom-0",),
    "mean-truncated": ("mean-divided-toward-zero", "mean-whole-toward-zero"),
    "table-off-by-one": ("table-off-by-1",),
    "table-by-uint8": ("table-unsigned",),
    "softmax-half-scale": ("softmax-scale-times-0.5",),
}


def is_named(mistake: str, found: Diagnosis) -> bool:
    """Whether a diagnosis names a planted mistake, by itself or as one that makes the same codes."""
    names = [one.mistake or "" for one in (found, *found.alternatives)]
    return any(name.startswith(NAMES.get(mistake, (mistake,))) for name in names)
