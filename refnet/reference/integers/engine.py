"""Engines as sets of policies: which way of rounding each takes, operation by operation.

What they have in common is in ``sums``. Each set was compared with its engine, element
by element: ``tools/check_integers.py`` does it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.logistic import Logistic
from refnet.reference.integers.policy import POLICIES, fp32_even, policy
from refnet.reference.integers.quantisation import Quantisation, Rounding
from refnet.reference.integers.scaling import FORMATS, Format

WEIGHTED = "weighted"
FUSED = "fused"
FLOAT32 = "float32"
RESCALED = "rescaled"

Softmax = Literal["fixed-point", "table", "float32"]


class Rescaling(NamedTuple):
    """How sums of products come to the output's scale.

    Attributes
    ----------
    policy
        Which rounding.
    scales
        In which format the real multiplier is computed.
    within
        Whether the zero point is added before the rounding, in float32, where ``fp32-even`` rounds; else it is after.
    """

    policy: str
    scales: Format = "float64"
    within: bool = False

    def __call__(self, total: Array, x: Any, y: Any, out: Any) -> Array:
        """Integers nearest to total * x * y / out, of the scales of both factors and of what comes out."""
        return policy(self.policy)(total, self.real(x, y, out))

    def codes(self, total: Array, x: Any, y: Any, to: Quantisation) -> Array:
        """Integers nearest to total * x * y / out, with the output's zero point; not clamped yet."""
        if self.within:
            by = self.real(x, y, to.scale).astype(np.float32)
            return fp32_even(total, by, np.float32(to.zero_point))
        return self(total, x, y, to.scale) + to.zero_point

    def real(self, x: Any, y: Any, out: Any) -> Array:
        """The real multiplier of float64, before the policy makes of it what is stored."""
        return FORMATS[self.scales](x, y, out)


@dataclass(frozen=True)
class Engine:
    """One engine's way through every operation.

    Attributes
    ----------
    name
        As files and messages have it.
    convolution, depthwise, dense, multiply
        How their sums, or products, are rescaled.
    add
        A policy for three requantisations; or ``weighted``, one rounding of integer weights; or ``fused``, one of
        float32.
    mean
        A policy of fixed point, its multiplier divided by the number of pixels; or ``float32``, the zero point within
        its offset; or ``rescaled``, a sum times a float32.
    quantise
        How real numbers become codes.
    logistic
        How a table of the logistic function is made.
    softmax
        Which of ``softmax.SOFTMAXES``.
    """

    name: str
    convolution: Rescaling
    depthwise: Rescaling
    dense: Rescaling
    multiply: Rescaling
    add: str
    mean: str
    quantise: Rounding
    logistic: Logistic = "fixed-point"
    softmax: Softmax = "fixed-point"

    def rescaling(self, kind: str) -> Rescaling:
        """How a kind of operation with a kernel, or a product, is rescaled."""
        return {
            "convolution": self.convolution,
            "depthwise": self.depthwise,
            "dense": self.dense,
            "multiply": self.multiply,
        }[kind]

    def way(self, kind: str) -> str:
        """The name of its way through a kind of operation, where engines differ; else empty.

        Examples
        --------
        >>> TFLM.way("convolution"), TFLM.way("softmax")
        ('double', 'fixed-point')
        """
        if kind in ("convolution", "depthwise", "dense", "multiply"):
            return self.rescaling(kind).policy
        return {"add": self.add, "mean": self.mean, "logistic": self.logistic, "softmax": self.softmax}.get(kind, "")


TFLM: Final = Engine(
    name="tflm",
    convolution=Rescaling("double"),
    depthwise=Rescaling("double"),
    dense=Rescaling("double"),
    multiply=Rescaling("double"),
    add="double",
    mean="double",
    quantise="half-away",
)

#: The engines, by name. ``tflite`` has the reference kernels of LiteRT, ``xnnpack`` those that it runs by default,
#: ``onnxruntime`` the QLinear operators of ONNX Runtime on x86 with AVX2 and FMA.
ENGINES: Final[dict[str, Engine]] = {
    each.name: each
    for each in (
        TFLM,
        replace(
            TFLM,
            name="tflite",
            dense=Rescaling("double-float"),
            multiply=Rescaling("double", "float32"),
            logistic="float32",
        ),
        Engine(
            name="xnnpack",
            convolution=Rescaling("fp32-even", "float32"),
            depthwise=Rescaling("fp32-even", "float32"),
            dense=Rescaling("fp32-even", "float32"),
            multiply=Rescaling("fp32-even", "float32"),
            add=WEIGHTED,
            mean=FLOAT32,
            quantise="half-even",
            logistic="float64",
            softmax="float32",
        ),
        Engine(
            name="onnxruntime",
            convolution=Rescaling("fp32-even", "float32"),
            depthwise=Rescaling("fp32-even", "float32"),
            dense=Rescaling("fp32-even", "float32"),
            multiply=Rescaling("fp32-even", "float32", within=True),
            add=FUSED,
            mean=RESCALED,
            quantise="quotient-half-even",
            logistic="rational",
            softmax="table",
        ),
    )
}


def engine(name: str) -> Engine:
    """One of ``ENGINES``.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> engine("tflm").add, engine("xnnpack").add
    ('double', 'weighted')
    """
    if name not in ENGINES:
        raise InputError(f"no engine {name!r:.80}; want one of {', '.join(ENGINES)}")
    return ENGINES[name]


def of_one_policy(name: str) -> Engine:
    """The ``tflm`` set with one policy of fixed point wherever it requantises.

    Examples
    --------
    >>> of_one_policy("single").mean
    'single'
    """
    if not POLICIES[name].is_fixed_point:
        raise InputError(f"{name} has no multiplier of fixed point, which means and sums of two tensors need")
    one = Rescaling(name)
    return Engine(name, one, one, one, one, add=name, mean=name, quantise="half-away")
