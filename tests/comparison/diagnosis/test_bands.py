"""Some rows of a result, computed alone, are those of the whole."""

import numpy as np
import pytest

from refnet.architecture.padding import Pads
from refnet.comparison.diagnosis.bands import Band, bands_of, of_rows
from refnet.comparison.diagnosis.computation import Computation, Norm, Precision, evaluate

RNG = np.random.default_rng(3)
X = RNG.standard_normal((2, 13, 9, 4)).astype(np.float32)
WIDE = RNG.standard_normal((2, 13, 9, 4)).astype(np.float32)
ROWS = [Band(0, 2), Band(3, 5), Band(1, 4), Band(5, 7)]


def _made(op: str, stride: int, pads: Pads, **more: object) -> Computation:
    shape = (3, 3, 4, 5) if op == "convolution" else (3, 3, 4)
    return Computation(op, (X,), RNG.standard_normal(shape).astype(np.float32), stride=stride, pads=pads, **more)


CUT = {
    "convolution": _made("convolution", 2, Pads(1, 1, 1, 1)),
    "depthwise": _made("depthwise", 2, Pads(0, 2, 1, 1)),
    "edge": _made("depthwise", 2, Pads(2, 1, 1, 1), pad_mode="edge"),
    "reflect": _made("convolution", 2, Pads(2, 1, 1, 1), pad_mode="reflect"),
    "symmetric": _made("depthwise", 2, Pads(1, 2, 1, 1), pad_mode="symmetric"),
    "filled": _made("depthwise", 2, Pads(1, 1, 1, 1), pad_value=np.arange(4, dtype=np.float32)),
    "excite": Computation("excite", (X, X[:, 0, 0]), activation="swish"),
    "add": Computation("add", (X, WIDE), plus=((2.0, WIDE),), times=0.5),
}


@pytest.mark.parametrize("name", CUT)
def test_rows_alone_are_those_of_the_whole(name: str) -> None:
    whole = evaluate(CUT[name], np.float64)
    for band in ROWS:
        cut = of_rows(CUT[name], band, whole.shape[1])
        assert cut is not None
        np.testing.assert_allclose(evaluate(cut, np.float64), whole[:, slice(*band)], rtol=1e-12, atol=1e-12)


def test_what_depends_on_all_rows_is_not_cut() -> None:
    c = CUT["convolution"]
    one = np.ones(5, np.float32)
    for whole in (
        Computation("mean", (X,)),
        Computation("add", (X, WIDE), combine=np.maximum),
        Computation("add", (X, WIDE), precision=Precision(inputs="int8")),
        Computation("add", (X, WIDE), reorder=lambda x: x[:, ::-1]),
        _made("depthwise", 2, Pads(1, 1, 1, 1), pad_mode="wrap"),
        Computation("convolution", (X,), c.kernel, norms=(Norm(one, one, one, one, 0.0, "batch"),)),
    ):
        assert of_rows(whole, Band(0, 2), 7) is None
    assert of_rows(c, Band(0, 2), 6) is None  # it makes 7 rows


def test_bands_hold_the_borders_and_the_worst_row() -> None:
    errors = np.zeros(200)
    errors[77] = 1
    rows = {row for band in bands_of(errors, 256) for row in range(*band)}
    assert {0, 77, 199} <= rows
    assert len(rows) * 256 <= 1 << 13
    assert bands_of(errors, 1) == ()
