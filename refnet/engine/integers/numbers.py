"""Numbers: what a file stores of scales, as the vectors that kernels read (``kernels.integers.rows`` lists them)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from refnet.arrays import Array
from refnet.engine.layout import blocks_of
from refnet.errors import InputError
from refnet.kernels.integers import rows
from refnet.kernels.machine import LANES
from refnet.reference.integers import constants as stored
from refnet.reference.integers.bounds import FARTHEST, check_stored, largest, largest_sums
from refnet.reference.integers.engine import FLOAT32, FUSED, RESCALED, WEIGHTED, Engine
from refnet.reference.integers.evaluate import evaluate_operation
from refnet.reference.integers.exponential import RATIO_32_17, RATIO_48_17, exp_of_negative
from refnet.reference.integers.fixed_point import BITS, INT32_MAX, high_product, shift_half_away
from refnet.reference.integers.network import Operation
from refnet.reference.integers.quantisation import Quantisation, activation_limits
from refnet.reference.integers.softmax import ARGUMENT_BITS, SUM_BITS, exponentials, float32_exponentials

OFFSET = 128  # a code q lies in memory as the byte q + 128
CODES = np.arange(-128, 128).astype(np.int8)
_MOST_CLASSES = INT32_MAX >> (BITS - SUM_BITS)


def spread(*numbers: int | float | Array) -> Array:
    """Vectors of 16 equal numbers, as int32; floats by their bits."""
    vectors = [np.repeat(np.asarray(number).reshape(-1), LANES) for number in numbers]
    return np.concatenate([_bits(vector) for vector in vectors])


def _bits(x: Array) -> Array:
    return x.view(np.int32) if x.dtype == np.float32 else x.astype(np.int32)


def policy_code(operation: Operation, engine: Engine) -> int:
    """The code of the way an operation rounds."""
    if operation.kind in ("logistic", "swish", "softmax"):
        return 0
    if operation.kind == "average_pool" and engine.mean != RESCALED:
        return rows.DIVIDED
    if operation.kind == "add":
        name = engine.add
    elif operation.kind in ("mean", "average_pool"):
        name = engine.mean
    else:
        name, _, within = engine.rescaling(operation.kind)
        name = f"{name} within" if within else name
    if (operation.kind, name) in _FORMULAS:
        return _FORMULAS[operation.kind, name]
    if name not in rows.POLICY_CODES or (operation.kind in ("add", "mean") and name not in _FIXED_POINT):
        raise InputError(f"{operation.name}: there are no kernels that round as {name!r}; `reference.integers` does")
    return rows.POLICY_CODES[name]


# Formulas of single operations; ``within`` is a zero point that is added before the rounding.
_FORMULAS = {
    ("add", WEIGHTED): rows.WEIGHTED,
    ("add", FUSED): rows.FUSED,
    ("mean", FLOAT32): rows.SHIFTED,
    ("mean", RESCALED): rows.FP32_EVEN,
    ("average_pool", RESCALED): rows.FP32_EVEN,
    ("multiply", "fp32-even within"): rows.SHIFTED,
}
_FIXED_POINT = ("double", "double-up", "single", "truncate")


def limits_of(operation: Operation, to: Quantisation, code: int) -> Array:
    """Least and largest result and what is then added: of most ways to round, above the zero point."""
    low, high = activation_limits(operation.limit, to)
    zero = 0 if code in (rows.SHIFTED, rows.FUSED, rows.DIVIDED) else to.zero_point
    return spread(low - zero, high - zero, zero + OFFSET)


def rescaling(name: str, kept: Mapping[str, Array], code: int, bound: Array) -> Array:
    """What is stored of multipliers, for each: int32[K, 3]; refused where 32 bits may not hold a result.

    ``bound`` is what no sum's magnitude exceeds, of each.
    """
    check_stored(name, kept, bound)
    if stored.MULTIPLIER in kept:
        mantissa, shift = (kept[part].astype(np.int64) for part in (stored.MULTIPLIER, stored.SHIFT))
        shift = np.where(mantissa == 0, 0, shift)
        left = np.maximum(shift, 0)
        if code in (rows.DOUBLE, rows.DOUBLE_UP):
            return _columns(mantissa, left, np.where(mantissa == 0, 1, np.maximum(-shift, 0)))
        return _columns(mantissa, BITS - shift, 0 * shift)
    factor = kept[stored.FACTOR]
    if factor.dtype == np.float64:
        halves = _whole_blocks(factor).view(np.int32).reshape(-1, 2, LANES)  # of each block
        first, second = halves.transpose(1, 0, 2).reshape(2, -1)
        return _columns(first, second, 0 * first)
    bits = np.ascontiguousarray(factor, np.float32).view(np.int32)
    return _columns(bits, 0 * bits, 0 * bits)


def _columns(*columns: Array) -> Array:
    return np.stack(columns, axis=1).astype(np.int32)


def _whole_blocks(x: Array) -> Array:
    """Numbers of channels, with zeros up to whole blocks."""
    whole = np.zeros((blocks_of(len(x)) * LANES, *x.shape[1:]), x.dtype)
    whole[: len(x)] = x
    return whole


def of_sums(
    operation: Operation, of: Quantisation, to: Quantisation, engine: Engine, sum_zero: int
) -> tuple[Array, int]:
    """The numbers of a sum of products, and the code of the way it rounds.

    ``sum_zero`` is what a zero point is where bytes are multiplied.
    """
    assert operation.kernel is not None
    weights, _, bias = operation.kernel
    code = policy_code(operation, engine)
    kept = stored.constants(operation, [of], to, engine, 1)
    bound = largest_sums(weights, bias, of)
    by = rescaling(operation.name, kept, code, bound)
    is_narrow = code == rows.DOUBLE and (bound <= INT32_MAX >> by[:, 1] + 1).all() and (by[:, 2] > 0).all()
    by[:, 1] += is_narrow
    total = weights.astype(np.int64).sum(axis=tuple(range(weights.ndim - 1)))
    start = (bias.astype(np.int64) - sum_zero * total).astype(np.int32)  # modulo 2**32, as the kernel adds
    columns = np.concatenate([_whole_blocks(start[:, None]), _whole_blocks(by)], axis=1)
    blocks = columns.reshape(-1, LANES, 4).transpose(0, 2, 1)
    return np.concatenate([limits_of(operation, to, code), blocks.ravel()]), rows.DOUBLE_NARROW if is_narrow else code


def of_addition(operation: Operation, of: Sequence[Quantisation], to: Quantisation, engine: Engine) -> Array:
    """The numbers of an addition."""
    code = policy_code(operation, engine)
    kept = stored.constants(operation, of, to, engine, 1)
    bound = largest(operation, of[0], 1)
    zeros = tuple(each.zero_point + OFFSET for each in of)
    if code == rows.WEIGHTED:
        check_stored(operation.name, kept, bound)
        (A, B), shift = kept[stored.WEIGHTS], -int(kept[stored.SHIFT][0])
        if shift > BITS:  # every sum, of 30 bits at most, becomes 0
            A, B, shift = 0, 0, 1
        by = spread(int(A), int(B), shift, *[0] * 6)
    elif code == rows.FUSED:
        factors = kept[stored.FACTOR]
        check_stored(operation.name, kept, bound)
        by = spread(*factors, *[0] * 6)
        zeros = (OFFSET, OFFSET)  # those of the codes are within the third factor
    else:
        columns = rescaling(operation.name, kept, code, bound)
        by = spread(*columns.ravel().tolist())
    return np.concatenate([spread(*zeros), by, limits_of(operation, to, code)])


def of_product(operation: Operation, of: Sequence[Quantisation], to: Quantisation, engine: Engine) -> Array:
    """The numbers of a product."""
    code = policy_code(operation, engine)
    kept, bound = stored.constants(operation, of, to, engine, 1), largest(operation, of[0], 1)
    if code == rows.DOUBLE_FLOAT:
        kept = {stored.FACTOR: np.repeat(kept[stored.FACTOR], LANES)}
        by = rescaling(operation.name, kept, code, bound).T.ravel()
    else:
        (one,) = rescaling(operation.name, kept, code, bound)
        if code == rows.SHIFTED:
            one[1] = np.float32(to.zero_point).view(np.int32)
        by = spread(*one.tolist())
    zeros = spread(*(each.zero_point + OFFSET for each in of))
    return np.concatenate([zeros, by, limits_of(operation, to, code)])


def of_mean(operation: Operation, of: Quantisation, to: Quantisation, engine: Engine, count: int) -> Array:
    """The numbers of a mean of so many pixels."""
    code = policy_code(operation, engine)
    if count * FARTHEST > INT32_MAX:
        raise InputError(f"{operation.name}: 32 bits do not hold a sum over {count} pixels")
    zero = OFFSET
    if code == rows.DIVIDED:
        by = spread(count, 0, 0)
    else:
        kept, bound = stored.constants(operation, [of], to, engine, count), largest(operation, of, count)
        if code == rows.SHIFTED:
            check_stored(operation.name, kept, bound)
            by = spread(*kept[stored.FACTOR], 0)
        else:
            zero += of.zero_point
            (one,) = rescaling(operation.name, kept, code, bound)
            by = spread(*one.tolist())
    return np.concatenate([spread(count * zero), by, limits_of(operation, to, code)])


def of_table(operation: Operation, of: Quantisation, to: Quantisation, engine: Engine) -> Array:
    """The bytes of all 256 codes of a function of one tensor, by its definition."""
    return to_bytes(evaluate_operation(operation, [CODES], [of], to, engine))


def of_swish(
    product: Operation, gate: Array, of: Quantisation, between: Quantisation, to: Quantisation, engine: Engine
) -> Array:
    """The bytes of all 256 codes of a product of a tensor and its own logistic, whose bytes are those of ``gate``."""
    factor = to_bytes(gate.view(np.int8)).view(np.int8)
    return to_bytes(evaluate_operation(product, [CODES, factor], [of, between], to, engine))


def to_bytes(codes: Array) -> Array:
    """Codes q as bytes q + 128."""
    return codes.astype(np.int8, copy=False).view(np.uint8) ^ OFFSET


def of_softmax(operation: Operation, of: Quantisation, to: Quantisation, engine: Engine, classes: int) -> Array:
    """The exponential of each difference from the largest code, and what each counts in their sum."""
    limits = activation_limits(operation.limit, to)
    if engine.softmax == "table":
        entries = exponentials(of, classes)
        return np.concatenate([entries, entries, limits, [0, 0, rows.SOFTMAX_BY_TABLE]]).astype(np.int32)
    if engine.softmax == "float32":
        bits = float32_exponentials(of).view(np.int32)
        return np.concatenate([bits, bits, limits, [0, 0, rows.SOFTMAX_IN_FLOAT32]]).astype(np.int32)
    if classes > _MOST_CLASSES:
        raise InputError(f"{operation.name}: a softmax in integers has at most {_MOST_CLASSES} classes, not {classes}")
    kept = stored.constants(operation, [of], to, engine, 1)
    mantissa, shift = (int(kept[part][0]) for part in (stored.MULTIPLIER, stored.SHIFT))
    difference = -np.arange(256, dtype=np.int64)
    counts = difference >= -((31 << ARGUMENT_BITS) >> shift)
    e = exp_of_negative(high_product(np.where(counts, difference, 0) << shift, mantissa))
    summed = np.where(counts, shift_half_away(e, SUM_BITS), 0)
    behind = (*limits, RATIO_48_17, RATIO_32_17, SUM_BITS)
    return np.concatenate([np.where(counts, e, 0), summed, behind]).astype(np.int32)
