"""The caller's floating-point mode gets neither into a result nor into a table that later results share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import refnet
from refnet import float_mode

# Digests of all recipes and of a network, made in another mode first, and then in the default one with what was kept.
PROGRAM = """
import sys
import h5py  # cannot be imported in another mode: HDF5 tries out how numbers are rounded
import numpy as np
import refnet
from refnet.float_mode import _library
from refnet.reference.digest import tensor_digest
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import RECIPES

picture = np.random.default_rng(0).integers(0, 256, (301, 403, 3), np.uint8)
x = np.zeros((1, 32, 32, 3), np.float32)
mode, library = int(sys.argv[1]), _library()

def results():
    for name, recipe in RECIPES.items():
        print(name, tensor_digest(preprocess(picture, recipe, 97, 120)))
    print("network", tensor_digest(refnet.load("lite0", threads=1).answer(x)))
    print("synthetic", tensor_digest(refnet.load("lite0@synthetic", threads=1).answer(x)))

library.fesetround(mode)
thirds = np.ones(2) / np.array([3, -3])
assert (thirds[0] == 1 / 3 and thirds[1] == -1 / 3) == (mode == 0)  # it does have an effect
results()
assert library.fegetround() == mode  # and is left alone
library.fesetround(0)
results()
"""
X86 = os.name == "posix" and os.uname().machine == "x86_64"
MODES = {"nearest": 0, "up": 0x800 if X86 else 0x400000, "down": 0x400 if X86 else 0x800000}


@pytest.mark.skipif(float_mode._library() is None, reason="modes are switched on Linux, x86-64 and ARM, only")
def test_rounding_of_the_caller_changes_no_bit():
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(mode)],
            env={**os.environ, "PYTHONPATH": str(Path(refnet.__file__).parents[1])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for mode in MODES.values()
    ]
    nearest, *others = (process.communicate(timeout=300)[0].splitlines() for process in running)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert nearest[: len(nearest) // 2] == nearest[len(nearest) // 2 :]
    assert others == [nearest, nearest]


def test_where_no_mode_can_be_switched_nothing_is_done(monkeypatch):
    monkeypatch.setattr(float_mode, "_library", lambda: None)
    with float_mode.default_mode():
        assert 1.0 + 2.0**-53 == 1.0
