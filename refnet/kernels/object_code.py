"""Object code: what a compiler leaves when it is done, put into this process by LLVM alone.

Numba takes half a second to import. Once it has compiled, nothing of it is needed any more.
"""

from __future__ import annotations

import struct
from ctypes import CFUNCTYPE, byref, c_int32, c_void_p
from typing import Any, NamedTuple

from refnet.errors import RefnetError

# What code that is kept may call: these are in every process. LLVM ends a process in which it misses one.
KNOWN = {"memcpy", "memmove", "memset", "sched_yield", "SwitchToThread", "fma", "fmaf"}

_engines: list[Any] = []  # own the memory that functions are in


class ObjectCode(NamedTuple):
    """A function in machine code, not yet at any place in memory."""

    entry: str  # its name
    calls: tuple[str, ...]  # names of what it calls outside
    code: bytes  # a file of the system's format, to be linked


def load(compiled: ObjectCode, arguments: tuple[Any, ...]) -> Function:
    """Link a function into this process; it stays for good."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    for name in compiled.calls:
        if not binding.address_of_symbol(name):
            raise RefnetError(f"compiled code calls {name}, which this process does not have: please report this")
    engine.add_object_file(binding.ObjectFileRef.from_data(compiled.code))
    engine.finalize_object()
    _engines.append(engine)
    return Function(engine.get_function_address(compiled.entry), arguments)


class Function:
    """A compiled function, which lets other threads run meanwhile.

    It is called as Numba's functions call each other: places for a result and for an error come before the arguments,
    and a number that says whether there was an error comes back.
    """

    def __init__(self, address: int, arguments: tuple[Any, ...]) -> None:
        self.call = CFUNCTYPE(c_int32, c_void_p, c_void_p, *arguments)(address)

    def __call__(self, *arguments: Any) -> None:
        """Call it with numbers, and with addresses of arrays that somebody keeps alive."""
        nothing, error = c_void_p(), c_void_p()
        status = self.call(byref(nothing), byref(error), *arguments)
        if status:
            raise RefnetError(f"compiled code failed with status {status}: please report this")


def undefined_symbols(code: bytes) -> set[str] | None:
    """Names that code in the ELF format for 64 bits needs from outside; None of another format.

    Examples
    --------
    >>> undefined_symbols(b"MZ") is None
    True
    """
    if code[:6] != b"\x7fELF\x02\x01":
        return None
    (at,) = struct.unpack_from("<Q", code, 40)
    size, count, _ = struct.unpack_from("<3H", code, 58)
    sections = [struct.unpack_from("<2I4Q2I2Q", code, at + i * size) for i in range(count)]
    names: set[str] = set()
    for _, kind, _, _, offset, length, strings, _, _, entry in sections:
        if kind != _SYMBOLS:
            continue
        for place in range(offset + entry, offset + length, entry):  # the first is none
            name, info, _, section = struct.unpack_from("<IBBH", code, place)
            if section == 0 and info >> 4 != 0:
                begin = sections[strings][4] + name
                names.add(code[begin : code.index(b"\0", begin)].decode())
    return names


_SYMBOLS = 2  # a kind of section
