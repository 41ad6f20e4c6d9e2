"""Mistakes of precision: numbers rounded to a narrower format, in some places or everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refnet.comparison.diagnosis.computation import Norm, Precision
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation
from refnet.comparison.diagnosis.number_formats import FORMATS, int8, int8_by_channel


def precision(s: Situation) -> Iterator[Mistake]:
    """Results, weights, inputs, or all of them, in float16, bfloat16 or tf32, to nearest or toward zero."""
    c = s.right
    for name in FORMATS:
        places = [(f"{name} result", f"the result is rounded to {name}", c, Precision(result=name), name)]
        if c.kernel is not None:
            places += [
                (f"{name} kernel", f"the kernel is rounded to {name}", c, Precision(kernel=name), ""),
                (f"{name} input", f"the input is rounded to {name}, not the kernel", c, Precision(inputs=name), ""),
                (f"{name} operands", f"kernel and input are rounded to {name}", c, Precision(name, name), ""),
            ]
        elif c.op != "none":
            places.append((f"{name} operands", f"the inputs are rounded to {name}", c, Precision(inputs=name), ""))
        narrow = replace(c, norms=tuple(_norm_in(name, norm) for norm in c.norms))
        everywhere = Precision(name, name, name, name)
        places.append((f"{name} everywhere", f"every number is rounded to {name}", narrow, everywhere, name))
        for title, words, computation, where, grid in places:
            yield Mistake(title, words, replace(computation, precision=where), grid)


def _norm_in(name: str, norm: Norm) -> Norm:
    gamma, beta, mean, variance = (FORMATS[name](vector) for vector in norm[:4])
    return norm._replace(gamma=gamma, beta=beta, mean=mean, variance=variance)


def quantised_kernel(s: Situation) -> Iterator[Mistake]:
    """Kernels of 8 bits."""
    c = s.right
    if c.kernel is not None:
        yield Mistake("int8 kernel", "the kernel has 255 levels, one scale for all", replace(c, kernel=int8(c.kernel)))
        by_channel = replace(c, kernel=int8_by_channel(c.kernel))
        yield Mistake("int8 kernel by channel", "the kernel has 255 levels, a scale for each channel", by_channel)
