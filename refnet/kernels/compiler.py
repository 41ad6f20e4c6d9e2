"""The compiler: a function of Python becomes object code, by Numba. Only who must compile imports this module."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding

from refnet.errors import RefnetError
from refnet.kernels import emit
from refnet.kernels.object_code import ObjectCode, undefined_symbols


def compile_function(function: Any, signature: Any) -> ObjectCode:
    """Compile a function of numbers and addresses, with all that it calls.

    It must not need Python when it runs: no objects, no errors, no memory of its own.
    """
    if numba.config.DISABLE_JIT:
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; refnet cannot run without it")
    compiled = emit.compiled(function)
    compiled.compile(signature)
    (overload,) = compiled.overloads.values()
    _, _, (code, _) = overload.library.serialize_using_object_code()
    calls = undefined_symbols(code)
    if calls is None:
        ((_, text),) = compiled.inspect_llvm().items()
        declared = {each.name for each in binding.parse_assembly(text).functions if each.is_declaration}
        calls = {name for name in declared if not name.startswith("llvm.")}
    return ObjectCode(overload.fndesc.llvm_func_name, tuple(sorted(calls)), code)
