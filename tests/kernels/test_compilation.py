"""Compiling: said when it happens, kept where possible, done without a cache where not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import ROOT

SMALL = """
import logging, sys, warnings
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
import numpy as np
from refnet.weights import synthetic
from refnet.architecture import efficientnet
from refnet.engine.runner import Engine
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
plan = make_plan(efficientnet(Coefficients(0.1, 0.3, 32)))
tensors = synthetic.tensors(plan.architecture)
engine = Engine(plan.steps, lambda height, width: plan.steps, tensors.pop, 1e-3, np.dtype("float32"), 2)
((_, logits),) = engine.run({"input": synthetic.picture_tensor(32, 32)[0]}, ["logits"], (32, 32))
print(logits[:4].tobytes().hex())
"""

NO_CACHE = """
from numba.core import caching
caching.FunctionCache._impl_class._locator_classes.clear()  # as where no directory can be written
"""

READ_ONLY = """
import tempfile
def refuse(*_, **__):
    raise OSError(30, "Read-only file system")
tempfile.TemporaryFile = refuse  # which is how it is found out whether a directory can be written
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(ROOT)
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(cache: Path) -> subprocess.CompletedProcess[str]:
    """A run with a cold cache."""
    return run(SMALL, NUMBA_CACHE_DIR=str(cache))


def test_a_cold_cache_is_said_once_and_then_used(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    assert first.stderr.count("compiling the float32 kernels") == 1
    assert list(cache.rglob("*.nbc"))
    second = run(SMALL, NUMBA_CACHE_DIR=str(cache))
    assert second.stderr == ""
    assert second.stdout == first.stdout


def test_a_cache_that_can_only_be_read_is_used(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    second = run(READ_ONLY + SMALL, NUMBA_CACHE_DIR=str(cache))
    assert (second.stdout, second.stderr) == (first.stdout, "")


def test_no_cache_at_all_is_one_warning(first: subprocess.CompletedProcess[str]) -> None:
    result = run(NO_CACHE + SMALL, NUMBA_OPT="0")
    assert result.stderr.count("CacheWarning") == 1
    assert "NUMBA_CACHE_DIR" in result.stderr
    assert result.stdout == first.stdout


def test_no_threading_layer_of_numba_is_used(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    code = SMALL + "import numba\ntry:\n    numba.threading_layer()\nexcept ValueError:\n    print('none')\n"
    assert run(code, NUMBA_CACHE_DIR=str(cache)).stdout == first.stdout + "none\n"


def test_without_a_compiler_there_is_one_error() -> None:
    code = SMALL.replace("((_, logits),) =", "from refnet.errors import RefnetError\ntry:\n    next(").replace(
        "(32, 32))\nprint", "(32, 32)))\nexcept RefnetError as error:\n    print(error)\n    sys.exit()\nprint"
    )
    assert "NUMBA_DISABLE_JIT" in run(code, NUMBA_DISABLE_JIT="1").stdout
