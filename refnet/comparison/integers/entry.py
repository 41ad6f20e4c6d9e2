"""Entry: how a port made codes of a picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.integers.curves import ROUNDINGS
from refnet.comparison.integers.mistakes_of_sums import wrapped
from refnet.errors import RefnetError
from refnet.golden.manifest import PICTURE
from refnet.golden.stimuli import STIMULI, stimulus
from refnet.preprocessing.preprocess import preprocess
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.quantisation import Quantisation, quantise

STIMULUS = "stimulus "


def real_input(golden: GoldenTensors) -> Array | None:
    """The real numbers that a golden's input has the codes of, where it says how they are made; else None."""
    run, channels = golden.run, golden.entries[names.INPUT].shape[-1]
    with suppress(RefnetError, KeyError):
        if PICTURE in golden.entries and run.recipe is not None:
            return preprocess(golden.read(PICTURE), run.recipe, *run.size, channels=channels)[None]
        name = run.input.removeprefix(STIMULUS)
        if name in STIMULI and name != run.input:
            return stimulus(name, *run.size, channels)
    return None


def diagnose_entry(x: Array, to: Quantisation, actual: Array, expected: Array) -> Diagnosis | None:
    """Name how a port made its codes of real numbers; None if that is not known.

    Examples
    --------
    >>> to = Quantisation(np.float32(0.5), 3)
    >>> x = np.linspace(-1, 1, 17, dtype=np.float32)
    >>> diagnose_entry(x, to, np.trunc(x / 0.5).astype(np.int8) + np.int8(3), quantise(x, to)).sentence
    'real numbers become codes toward 0, as a cast to an integer does'
    """
    before = float(np.mean(actual != expected))
    found = [(name, sentence) for name, sentence, made in _ways(x, to) if np.array_equal(made, actual)]
    if not found:
        return None
    (name, sentence), *others = found
    return Diagnosis(name, sentence, 0.0, before, tuple(Diagnosis(*other, 0.0, before) for other in others))


def _ways(x: Array, to: Quantisation) -> Iterator[tuple[str, str, Array]]:
    """Name, sentence and codes of each way."""
    ratio, zero = x / to.scale, to.zero_point
    for engine in ENGINES.values():
        said = f"as {engine.name} makes codes of real numbers: {engine.quantise}"
        yield f"engine-{engine.name}", said, quantise(x, to, engine.quantise)
    for name, (rounding, words) in ROUNDINGS.items():
        yield f"entry-{name}", f"real numbers become codes {words}", to.clamp(rounding(ratio) + zero)
        within = to.clamp(rounding(ratio + np.float32(zero)))
        yield f"entry-within-{name}", f"the zero point is added before rounding {words}", within
    nearest, right = np.rint(ratio).astype(np.int64), quantise(x, to)
    yield "entry-zero-omitted", f"the zero point, {zero}, is not added", to.clamp(nearest)
    yield "entry-zero-sign", f"the zero point, {zero}, is subtracted", to.clamp(nearest - zero)
    yield "entry-uint8-zero", f"the zero point is that of uint8, {zero + 128}", to.clamp(nearest + zero + 128)
    yield "entry-uint8", "the codes are uint8 (128 more)", wrapped(right.astype(np.int64) + 128, 8)
    yield "entry-wraps", "codes out of range wrap around", wrapped(nearest + zero, 8)
    yield "entry-blue-green-red", "the channels are in the reverse order: B, G, R", right[..., ::-1]
