"""The self-test: right of right kernels, by the definition's own numbers; wrong ones are not used."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refnet.engine import self_test
from refnet.errors import RefnetError
from refnet.kernels import compilation
from refnet.kernels.compilation import function_of, keep_on_disk
from refnet.kernels.object_code import ObjectCode
from refnet.kernels.units import run_unit
from refnet.reference.digest import tensor_digest
from refnet.reference.evaluate import evaluate

CODE = ObjectCode("entry", (), b"")
DTYPES = [np.dtype(name) for name in self_test.DIGESTS]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_digests_are_those_of_the_definition(dtype: np.dtype[Any]) -> None:
    steps, weights, x = self_test.network()
    found = dict(evaluate(steps, weights, 1e-3, x[None].astype(dtype)))
    assert self_test.DIGESTS[dtype.name] == tuple(tensor_digest(found[name]) for name in self_test.OUTPUTS)
    assert {"convolution", "depthwise", "dense", "add", "softmax"} <= {step.op for step in steps}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_kernels_are_right(dtype: np.dtype[Any]) -> None:
    assert self_test.is_right(function_of(run_unit(dtype)), dtype)


def test_wrong_ones_are_compiled_anew_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = run_unit(DTYPES[0])
    function_of(unit)
    happened: list[str] = []

    class Cache:
        """Holds some code; the compiler makes more of it."""

        place, problem = Path("here"), ""

        def __init__(self, *_: object, **__: object) -> None:
            self.code: ObjectCode | None = CODE

        def load(self) -> ObjectCode | None:
            return self.code

        def discard(self) -> None:
            self.code = None
            happened.append("discarded")

        def save(self, compiled: ObjectCode) -> None:
            happened.append("saved")

    monkeypatch.setattr(compilation, "KernelCache", Cache)
    monkeypatch.setattr("refnet.kernels.compiler.compile_function", lambda *_: CODE)
    monkeypatch.setattr(compilation, "load", lambda compiled, arguments: None)
    for verdicts, wanted in (([True], []), ([False, True], ["discarded", "saved"]), ([False, False], ["discarded"])):
        left = iter(verdicts)
        monkeypatch.setattr(self_test, "is_right", lambda function, dtype, left=left: next(left))
        happened.clear()
        with contextlib.ExitStack() as stack:
            if not verdicts[-1]:
                said = r"the float32 kernels compute wrong numbers on this CPU \(\S+\), for which they were compiled"
                stack.enter_context(pytest.raises(RefnetError, match=said))
            keep_on_disk(unit)
        assert happened == wanted
