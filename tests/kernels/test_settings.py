"""Numba's settings from elsewhere than the environment: kernels compiled under them are not kept."""

import os
import subprocess
import sys

import pytest
from helpers.places import ROOT

PROGRAM = """
from pathlib import Path
import numba
from refnet.kernels import settings
{code}
print(settings.from_elsewhere())
"""


def start(code, where, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**known, "PYTHONPATH": str(ROOT), **environment},
        cwd=where,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


@pytest.mark.parametrize(
    ("environment", "code", "found"),
    [
        ({}, "", []),
        ({"NUMBA_OPT": "max", "NUMBA_BOUNDSCHECK": "0", "NUMBA_SLP_VECTORIZE": "1"}, "", []),
        ({"NUMBA_CPU_NAME": "generic", "NUMBA_DEBUGINFO": "0"}, "", []),
        ({"NUMBA_ENABLE_PROFILING": "1"}, "", ["DEBUGINFO"]),  # which this one switches on
        ({}, "numba.config.LOOP_VECTORIZE = 0; numba.config.CPU_FEATURES = ''", ["LOOP_VECTORIZE", "CPU"]),
    ],
    ids=str,
)
def test_what_is_not_of_the_environment(environment, code, found, tmp_path):
    assert start(PROGRAM.format(code=code), tmp_path, **environment).stdout == f"{found}\n"


def test_kernels_under_a_file_of_settings_are_not_kept_and_that_is_said(tmp_path):
    (tmp_path / ".numba_config.yaml").write_text("opt: '0'\n")
    code = "from refnet.kernels.units import picture_preparer; picture_preparer()"
    kept = tmp_path / "kept"
    said = start(code, tmp_path, NUMBA_CACHE_DIR=str(kept)).stderr
    assert "compiled kernels could not be cached (Numba's settings are not those of the environment" in said
    assert "by .numba_config.yaml or by code: OPT)" in said
    assert list(kept.rglob("*.kernels")) == []
