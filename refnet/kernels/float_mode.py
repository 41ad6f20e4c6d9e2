"""The floating-point mode of a thread: round to nearest even, subnormals kept, whatever the caller has set.

Some libraries switch a whole thread to flushing subnormals to zero; a contract on bits cannot depend on that.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_X86_DEFAULT = 0x1F80  # MXCSR after power-on: all exceptions masked, nothing flushed
_ARM_DEFAULT = 0  # FPCR likewise
_WORD = ir.IntType(32)
_REGISTER = ir.IntType(64)


def _call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    signature = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(builder.module.declare_intrinsic(name, (), signature), arguments)


def _read(builder: Any) -> Any:
    if _is_x86(builder):
        place = builder.alloca(_WORD)
        _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [_as_bytes(builder, place)])
        return builder.zext(builder.load(place), _REGISTER)
    if builder.module.triple.startswith("aarch64"):
        return _call(builder, "llvm.aarch64.get.fpcr", _REGISTER, [])
    return ir.Constant(_REGISTER, 0)


def _write(builder: Any, mode: Any) -> None:
    if _is_x86(builder):
        place = builder.alloca(_WORD)
        builder.store(builder.trunc(mode, _WORD), place)
        _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [_as_bytes(builder, place)])
    elif builder.module.triple.startswith("aarch64"):
        _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [mode])


def _is_x86(builder: Any) -> bool:
    return str(builder.module.triple).startswith(("x86_64", "i686"))


def _as_bytes(builder: Any, place: Any) -> Any:
    return builder.bitcast(place, ir.IntType(8).as_pointer())


@intrinsic
def set_default_mode(typingctx: Any) -> Any:
    """Switch this thread to the default mode; return the one it had."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        before = _read(builder)
        default = _X86_DEFAULT if _is_x86(builder) else _ARM_DEFAULT
        _write(builder, ir.Constant(_REGISTER, default))
        return before

    return types.int64(), codegen


@intrinsic
def restore_mode(typingctx: Any, mode: Any) -> Any:
    """Give this thread back the mode it had."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _write(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
