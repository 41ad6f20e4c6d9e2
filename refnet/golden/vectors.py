"""Vectors: the cases of single operations in files, for unit tests of somebody else's."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from refnet.errors import InputError
from refnet.golden.axes import TensorLayout, axes_of, kernel_axes_of
from refnet.golden.cases import Case, cases
from refnet.golden.dtypes import WHOLE
from refnet.golden.integer_cases import integer_cases
from refnet.golden.manifest import CaseEntry, Manifest, Run, TensorEntry
from refnet.golden.record import NHWC, RSCK
from refnet.golden.write import open_writer
from refnet.reference.digest import DTYPES, tensor_digest
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.version import __version__

OUTPUT = "output"  # role


def record_vectors(
    target: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    layout: TensorLayout = NHWC,
    kernel_layout: TensorLayout = RSCK,
    format: str = "npy",
    text: bool = False,
    watch: Callable[[TensorEntry], None] | None = None,
) -> Manifest:
    """Write every case: tensors named ``CASE/ROLE``, the output ``CASE/output``.

    The manifest's ``cases`` are name, operation, parameters and roles of each.

    The dtype is that of the operations too, float32 or float64, for a narrower one would round what is exact; cases in
    integers stay as they are. ``watch`` is called with each entry once it is written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     manifest = record_vectors(f"{place}/vectors", format="hex")
    >>> [entry.file for entry in manifest.entries[:2]]
    ['convolution-1x1-s1-same-4x5-c1-k3.x.hex', 'convolution-1x1-s1-same-4x5-c1-k3.kernel.hex']
    >>> manifest.cases[0].parameters
    {'stride': 1, 'pads': [0, 0, 0, 0]}
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r}: vectors are exact; want {' or '.join(DTYPES)}")
    run = Run("vectors", "", (1, 1), dtype, "vectors", None, NUMERICS_VERSION, __version__)
    with open_writer(Path(target), run, format=format, text=text) as writer:
        for case in chain(cases(dtype), integer_cases()):
            for role, tensor in {**case.inputs, **case.weights, OUTPUT: case.output}.items():
                is_weight, whole = role in case.weights, tensor.dtype.name in WHOLE
                entry = writer.add(
                    f"{case.name}/{role}",
                    kernel_axes_of(tensor.shape) if is_weight else axes_of(tensor.shape),
                    tensor,
                    dtype=tensor.dtype.name if whole else dtype,
                    layout=kernel_layout if is_weight else layout,
                    digest="" if tensor.dtype.name == "uint8" else tensor_digest(tensor),
                )
                if watch is not None:
                    watch(entry)
            writer.cases.append(_describe(case))
    return writer.manifest


def _describe(case: Case) -> CaseEntry:
    return CaseEntry(case.name, case.op, case.parameters, tuple(case.inputs), tuple(case.weights), OUTPUT)
