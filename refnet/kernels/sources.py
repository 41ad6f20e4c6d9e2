"""What the kernels are compiled from: the modules whose code is inside them, and one digest of them all.

Compiled code must not outlive its source: the digest is part of the key under which it is kept.
"""

from __future__ import annotations

import dis
import hashlib
import re
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType
from typing import Any

from refnet import kernels
from refnet.errors import RefnetError

ROOTS = (
    "refnet.kernels.run",
    "refnet.kernels.integers.run",
    "refnet.kernels.picture_rows",
)  # the modules whose functions are compiled, with all that they call

# A line that imports something of refnet: the module and what is taken from it, in parentheses over several lines.
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(refnet[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|.*)|import[ \t]+(refnet.*))", re.M
)
_NAME = re.compile(rb"[\w.]+")


def key_modules() -> list[str]:
    """Name the modules whose code is inside the compiled kernels: all of this room, and what the roots lead to."""
    return sorted(_read_all())


def digest_of_sources() -> str:
    """One name for all that the kernels are compiled from; a missing module is an error, or stale ones would load."""
    digest = hashlib.sha256()
    for name, content in sorted(_read_all().items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _read_all() -> dict[str, bytes]:
    """The content of each of these modules: Python that is compiled already, where there is nothing else."""
    room = {found.name for found in walk_packages(kernels.__path__, f"{kernels.__name__}.")}
    contents = {name: _read(name)[0] for name in {kernels.__name__} | room}
    new = set(ROOTS)
    reached: set[str] = set()
    while new:
        reached |= new
        imports: set[str] = set()
        for name in new:
            contents[name], found = _read(name)
            imports |= found
        new = {name for name in imports - reached if _is_ours(name)}
    return contents


def _read(name: str) -> tuple[bytes, set[str]]:
    """Content of a module, and what it imports of refnet, in its functions too: modules, and what may be modules."""
    loader = _loader(name)
    filename = loader.get_filename(name)
    content: bytes = loader.get_data(filename)
    return content, set(_imports(content) if filename.endswith(".py") else _imports_of_code(loader.get_code(name)))


def _imports(source: bytes) -> Iterator[str]:
    for module, names, modules in _IMPORT.findall(source):
        for name in _NAME.findall(modules):
            yield name.decode()
        if module:
            yield module.decode()
        for line in names.strip(b"()").splitlines():
            for name in _NAME.findall(line.partition(b"#")[0]):
                yield f"{module.decode()}.{name.decode()}"


def _imports_of_code(code: CodeType) -> Iterator[str]:
    module = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            module = instruction.argval
            yield module
        elif instruction.opname == "IMPORT_FROM":
            yield f"{module}.{instruction.argval}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports_of_code(constant)


def _is_ours(name: str) -> bool:
    """Whether this is a module of refnet, and neither a package nor a name inside a module."""
    spec = _spec(name) if name.startswith("refnet.") else None
    return spec is not None and spec.submodule_search_locations is None


def _spec(name: str) -> ModuleSpec | None:
    """Where a module is, if it is one; no other module is imported for it, as ``find_spec`` would for a name inside."""
    parent = name.rpartition(".")[0]
    if parent:
        package = _spec(parent)
        if package is None or package.submodule_search_locations is None:
            return None
    return find_spec(name)


def _loader(name: str) -> Any:
    """What reads a module, from a folder or an archive."""
    spec = _spec(name)
    if spec is not None and hasattr(spec.loader, "get_data") and hasattr(spec.loader, "get_code"):
        return spec.loader
    if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
        return SourceFileLoader(name, spec.origin)  # somebody's hook stands before it
    raise RefnetError(
        f"{name} has no file, so nothing tells when compiled kernels are out of date; install refnet again"
    )
