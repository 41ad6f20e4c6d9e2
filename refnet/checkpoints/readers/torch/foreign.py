"""What people put beside the tensors and nobody needs to read: markers instead of objects.

A marker has the name of a class or function, and what the pickle hands to it. Nothing of that name is imported, made or
called. Which names may be markers: of Python's own library, NumPy and PyTorch, those listed here; of any other package
every name, for its objects are settings and metrics, and a marker can never become a tensor. What the others of these
libraries do (``os.system``, ``torch.load``, sparse tensors) nobody can tell without running it, so such a file is
refused.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
# Values: their functions make the same object every time and change nothing else.
HARMLESS = frozenset({
    *(f"{module} {name}" for module in _NUMPY for name in ("scalar", "_reconstruct")),
    *(f"{module} _frombuffer" for module in ("numpy.core.numeric", "numpy._core.numeric")),
    "numpy dtype", "numpy ndarray",
    "numpy.dtypes Float64DType", "numpy.dtypes Float32DType", "numpy.dtypes Int64DType",
    *(f"{module} {name}" for module in ("__builtin__", "builtins")
      for name in ("bytearray", "bytes", "complex", "slice", "range", "xrange", "object", "type", "int", "float", "str",
                   "unicode", "bool", "dict", "list", "tuple", "NoneType", "long")),
    "_codecs encode",
    "copy_reg _reconstructor", "copyreg _reconstructor",
    *(f"datetime {name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"{module} {name}" for module in ("pathlib", "pathlib._local")
      for name in ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")),
    "decimal Decimal", "fractions Fraction", "uuid UUID", "functools partial", "zoneinfo ZoneInfo._unpickle",
    "torch device", "torch Generator", "torch Tensor", "torch.serialization _get_layout",
    *(f"torch.jit._pickle {name}" for name in ("build_intlist", "build_doublelist", "build_boollist",
                                               "build_tensorlist", "restore_type_tag")),
    "torch.nn.parameter Parameter", "torch.nn.parameter Buffer",
    *(f"torch {name}" for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8",
                                   "uint8", "bool", "strided", "channels_last", "contiguous_format")),
})  # fmt: skip
# Classes of these are named in settings; a whole module is a marker too, and no state dict.
HARMLESS_MODULES = ("torch.nn.modules.", "torch.nn.functional", "torch.optim.")
_CLOSED = frozenset({*sys.stdlib_module_names, "__builtin__", "copy_reg", "nt", "torch", "numpy"})


@dataclass(frozen=True, eq=False)
class Foreign:
    """A class or function by its name, "MODULE NAME"."""

    name: str


@dataclass(frozen=True, eq=False)
class Opaque:
    """An object that is not read: the name of what makes it, and all that the pickle gives it."""

    name: str
    parts: list[Any] = field(default_factory=list, repr=False)


def may_be_foreign(name: str) -> bool:
    """Whether a name may stand in a checkpoint as a marker.

    Examples
    --------
    >>> may_be_foreign("pathlib PosixPath"), may_be_foreign("omegaconf.dictconfig DictConfig")
    (True, True)
    >>> may_be_foreign("os system"), may_be_foreign("torch.storage _load_from_bytes")
    (False, False)
    """
    module = name.partition(" ")[0]
    if module.partition(".")[0] in _CLOSED:
        return name in HARMLESS or module.startswith(HARMLESS_MODULES)
    return True
