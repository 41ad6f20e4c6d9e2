"""Object code: compiled by Numba, linked without it."""

from __future__ import annotations

import subprocess
import sys
from ctypes import c_int64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.places import ROOT
from numba import types

from refnet.compiler_lock import COMPILER_LOCK
from refnet.errors import RefnetError
from refnet.kernels.compiler import compile_function
from refnet.kernels.emit import array_at
from refnet.kernels.object_code import Function, ObjectCode, load, undefined_symbols

NUMBERS = types.CPointer(types.float64)


def add_up(numbers_at: Any, size: int, sum_at: Any) -> None:
    """Sum from the left, up to the first that is negative, which is an error."""
    total, numbers = array_at(sum_at, 1), array_at(numbers_at, size)
    for number in numbers:
        if number < 0:
            raise ValueError
        total[0] += number


_random = types.ExternalFunction("rand", types.int32())  # of the C library


def call_outside(numbers_at: Any) -> None:
    """Call a function of another library."""
    array_at(numbers_at, 1)[0] = _random()


@pytest.fixture(scope="module")
def compiled() -> ObjectCode:
    with COMPILER_LOCK:
        return compile_function(add_up, types.void(NUMBERS, types.int64, NUMBERS))


@pytest.fixture(scope="module")
def function(compiled: ObjectCode) -> Function:
    return load(compiled, (c_void_p, c_int64, c_void_p))


def test_it_computes(function: Function) -> None:
    numbers, total = np.arange(5.0), np.zeros(1)
    function(numbers.ctypes.data, 5, total.ctypes.data)
    assert total.tolist() == [10]


def test_an_error_inside_is_one_outside(function: Function) -> None:
    numbers, total = np.array([1.0, -1.0]), np.zeros(1)
    with pytest.raises(RefnetError, match="compiled code failed with status"):
        function(numbers.ctypes.data, 2, total.ctypes.data)
    assert total.tolist() == [1]


def test_it_needs_nothing_from_outside(compiled: ObjectCode) -> None:
    assert compiled.calls == ()
    assert undefined_symbols(compiled.code) in (set(), None)


def test_a_process_without_numba_runs_it(compiled: ObjectCode, tmp_path: Path) -> None:
    file = tmp_path / "code"
    file.write_bytes(compiled.code)
    code = f"""if True:
        import sys
        from ctypes import c_double, c_int64, c_void_p, addressof
        from pathlib import Path
        from refnet.kernels.object_code import ObjectCode, load
        code = Path(sys.argv[1]).read_bytes()
        function = load(ObjectCode({compiled.entry!r}, (), code), (c_void_p, c_int64, c_void_p))
        numbers, total = (c_double * 3)(1, 2, 3), c_double()
        function(addressof(numbers), 3, addressof(total))
        print(total.value, 'numba' in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "6.0 False\n"


def test_what_it_calls_is_listed_and_must_be_there() -> None:
    with COMPILER_LOCK:
        compiled = compile_function(call_outside, types.void(NUMBERS))
    assert compiled.calls == ("rand",)
    numbers = np.array([-2.0])
    load(compiled, (c_void_p,))(numbers.ctypes.data)
    assert numbers[0] >= 0
    with pytest.raises(RefnetError, match="compiled code calls nowhere_to_be_found, which this process does not have"):
        load(compiled._replace(calls=("nowhere_to_be_found",)), (c_void_p,))


def test_kernels_call_only_what_every_process_has() -> None:
    """The kernels that the tests run on: they were kept, or there would have been a warning, which is an error."""
    from refnet.kernels.cache import KernelCache
    from refnet.kernels.compilation import _key, function_of
    from refnet.kernels.object_code import KNOWN
    from refnet.kernels.units import PICTURES, run_unit

    for unit in (PICTURES, run_unit(np.dtype("float32"))):
        function_of(unit)
        kept = KernelCache(_key(unit)).load()
        assert kept is not None
        assert set(kept.calls) <= KNOWN
        assert undefined_symbols(kept.code) in (set(kept.calls), None)
