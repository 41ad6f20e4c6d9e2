"""Render: the directory of the C99 program for one model and one picture."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.export.c99.tables import numerics_header, plan_header, plan_table
from refnet.files.whole import not_written, whole_directory
from refnet.network import Network
from refnet.reference.digest import DTYPES, tensor_digest
from refnet.weights.weights import Weights

SOURCES = Path(__file__).parent / "program"

#: What is the same for every model.
PROGRAM = ("README.txt", "Makefile", "main.c", "refnet.c", "refnet.h", "sha256.c", "sha256.h")

#: Expected digests, by dtype.
DIGESTS = {"float32": "digests.txt", "float64": "digests64.txt"}


def render(weights: Weights, x: Array, target: str | os.PathLike[str], *, threads: int | None = None) -> None:
    """Write a C99 program that runs one picture through one network, with all that it needs.

    The directory holds the operations as scalar loops, the plan as a table, ``weights.bin``, ``input.bin``, the digests
    of every step as refnet computes them here, a Makefile whose target ``check`` compares, and a README.txt. It appears
    when it is complete. The same arguments give the same bytes.

    The program is for the size of ``x`` alone, f32[1, H, W, 3]; ``threads`` compute the digests.

    Examples
    --------
    >>> import tempfile, refnet
    >>> from refnet.weights.synthetic import picture_tensor
    >>> with tempfile.TemporaryDirectory() as place:
    ...     render(refnet.load("lite0").weights, picture_tensor(33, 47), place)
    ...     (Path(place) / "digests.txt").read_text().splitlines()[0][:15]
    ...     (Path(place) / "weights.bin").stat().st_size
    'input 6a3117cc3'
    18776096
    """
    with not_written(target), whole_directory(Path(target)) as directory:
        _write_program(directory, weights, x, threads)


def _write_program(directory: Path, weights: Weights, x: Array, threads: int | None) -> None:
    digests = {dtype: _digests(weights, x, dtype, threads) for dtype in DTYPES}
    plan = make_plan(weights.architecture, x.shape[1:3], padding=weights.padding)
    for name in PROGRAM:
        shutil.copyfile(SOURCES / name, directory / name)
    _write_text(directory / "numerics.h", numerics_header())
    _write_text(directory / "plan.h", plan_header(weights, plan))
    _write_text(directory / "plan.c", plan_table(plan, weights.bn_eps))
    for dtype, text in digests.items():
        _write_text(directory / DIGESTS[dtype], text)
    (directory / "input.bin").write_bytes(_little_endian(x))
    _write_weights(directory / "weights.bin", weights, plan)


def _digests(weights: Weights, x: Array, dtype: str, threads: int | None) -> str:
    """Lines ``name digest``: the input, then every step in execution order."""
    network = Network(weights, dtype=dtype, threads=threads)
    steps = network.trace(x)  # checks x
    if len(x) != 1:
        raise InputError(f"the input holds {len(x)} pictures; the C99 program is for one, float32 [1, H, W, 3]")
    lines = [(names.INPUT, tensor_digest(x)), *((name, tensor_digest(tensor)) for name, tensor in steps)]
    return "".join(f"{name} {digest}\n" for name, digest in lines)


def _write_weights(path: Path, weights: Weights, plan: Plan) -> None:
    with path.open("xb") as file:
        for weight in plan.weights:
            file.write(_little_endian(weights.tensors[weight.key]))


def _little_endian(tensor: Array) -> bytes:
    return np.ascontiguousarray(tensor, "<f4").tobytes()


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii", newline="\n")
