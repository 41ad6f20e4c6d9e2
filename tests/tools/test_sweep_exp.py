"""The tool that measures exp: its unit in the last place, and its care at both ends of float32."""

import importlib.util
import math

import numpy as np
import pytest
from helpers.places import ROOT

from refnet.reference.ops import exp

LAST_FINITE = np.float32(float.fromhex("0x1.62e42ep6"))


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("sweep_exp", ROOT / "tools" / "sweep_exp.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("x", "got", "error"),
    [
        (0, 1, 0),
        (0, 1 + 2**-23, 1),
        (0, 1 - 2**-23, 1),
        (0, math.inf, math.inf),
        (89, math.inf, 0),
        (89, np.finfo(np.float32).max, math.inf),
        (89, -math.inf, math.inf),
        (math.inf, math.inf, 0),
        (-math.inf, 0, 0),
        (-math.inf, 2**-149, 1),
        (-200, 0, 0),
        (-200, 2**-149, 1),
        (-87.5, 0, math.exp(-87.5) * 2**149),  # a subnormal truth
    ],
)
def test_ulps(tool, x, got, error):
    assert tool.ulps(np.array([got], np.float32), np.array([x], np.float32)) == pytest.approx([error], rel=1e-9)


def test_around_overflow(tool):
    x = np.array([LAST_FINITE, np.nextafter(LAST_FINITE, np.float32(np.inf))])
    with np.errstate(over="ignore"):
        got = exp(x)
    assert np.isfinite(got).tolist() == [True, False]
    assert tool.ulps(got, x).max() < 1


def test_nan_fails(tool):
    for x in (0, 89):
        with pytest.raises(ArithmeticError, match="is not a number"):
            tool.ulps(np.array([1, np.nan], np.float32), np.array([0, x], np.float32))
