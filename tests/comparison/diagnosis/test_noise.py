"""What no mistake explains: a port in fixed point is told from one in a narrow float."""

import numpy as np
from helpers.one_step import EXPAND, Step

STEP = 2.0**-9


def rounded(x, step):
    return (np.rint(x / step) * step).astype(np.float32)


def test_fixed_point_throughout():
    """Weights, inputs and results on grids of their own: none of them gives the numbers alone."""
    one = Step(EXPAND)
    inputs = (rounded(one.inputs[0], 2.0**-10),)
    sums = one.made(inputs=inputs, kernel=rounded(one.right.kernel, 2.0**-13), activation="none", norms=())
    (norm,) = one.right.norms
    made = one.made(op="none", inputs=(rounded(sums, 2.0**-11),), kernel=None, norms=(norm,))
    found = one.asked(rounded(made, STEP))
    assert found.mistake is None
    assert found.sentence.startswith("fixed point: its numbers are multiples of 2^-9 (0.00195312), ")
    assert found.sentence.endswith(" of these distances off")


def test_a_narrow_float_is_none():
    one = Step(EXPAND)
    half = [x.astype(np.float16).astype(np.float32) for x in (one.inputs[0], one.right.kernel)]
    made = one.made(inputs=(half[0],), kernel=half[1]).astype(np.float16).astype(np.float32)
    assert "fixed point" not in one.asked(made).sentence
