"""Render: the directory of the C99 program for one integer network and one picture."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import chain
from math import prod
from pathlib import Path
from typing import Final

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.export.c99.integers.arrays import Constant, constants_of, header
from refnet.export.c99.integers.checks import check
from refnet.export.c99.integers.memory import Memory, arena
from refnet.export.c99.integers.rows import plan_header, plan_name, plan_table
from refnet.files.whole import not_written, whole_directory
from refnet.network.quantised import QuantisedNetwork, input_codes
from refnet.reference.digest import tensor_digest
from refnet.reference.integers.constants import constants
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import IntegerNetwork
from refnet.weights.quantised import QuantisedWeights

SOURCES: Final = Path(__file__).parent / "program"
SHARED: Final = SOURCES.parents[1] / "program"

#: What is the same for every network.
PROGRAM: Final = (
    "Makefile", "main.c", "refnet.c", "refnet.h", "rounding.c", "rounding.h", "run.c", "run.h", "softmax.c",
    "cortex_m/link.ld", "cortex_m/start.c", "cortex_m/string.c", "cortex_m/string.h",
)  # fmt: skip
HASH: Final = ("sha256.c", "sha256.h")  # as the program of a network of real numbers has it


def render(weights: QuantisedWeights, x: Array, target: str | os.PathLike[str], *, threads: int | None = None) -> None:
    """Write a C99 program that runs one picture through one integer network, without floating point.

    The directory holds the operations as scalar loops, the plan as a table, a header of constants for each operation,
    ``input.bin``, the digests of every operation's codes as refnet computes them here, a Makefile whose target
    ``check`` compares, and a README.txt with the sizes of flash and RAM. It appears when it is complete. The same
    arguments give the same bytes.

    Parameters
    ----------
    weights
        Of integers; their engine rounds in fixed point.
    x
        One picture [1, H, W, 3], float32 or codes of int8. The program is for its size alone.
    target
        The directory.
    threads
        They compute the digests.

    Raises
    ------
    InputError
        If the engine rounds in floating point, if 32 bits may not hold a number, or if x is no such picture.

    Examples
    --------
    >>> import tempfile, refnet
    >>> net = refnet.load("tests/data/integers/lite.h5")
    >>> with tempfile.TemporaryDirectory() as place:
    ...     render(net.weights, net.preprocess("refnet/data/chelsea.png"), place)
    ...     (Path(place) / "digests.txt").read_text().splitlines()[-1][:5]
    'top-1'
    """
    if len(x) != 1:
        raise InputError(f"the input holds {len(x)} pictures; the C99 program is for one")
    network = QuantisedNetwork(weights, threads=threads)
    steps = network.trace(x)  # checks x
    plan = make_plan(weights.architecture, x.shape[1:3], padding=weights.padding)
    made_for = on(plan, weights.network)
    codes = input_codes(made_for, weights.engine, x)
    render_network(made_for, weights.engine, chain([(names.INPUT, codes)], steps), target)


def render_network(
    network: IntegerNetwork, engine: Engine, tensors: Iterable[tuple[str, Array]], target: str | os.PathLike[str]
) -> None:
    """Write the program of any network and engine, given the codes of ``input``, then of every operation in turn."""
    found = _constants(network, engine)
    with not_written(target), whole_directory(Path(target)) as directory:
        _write_program(directory, network, engine, tensors, found)


def _constants(network: IntegerNetwork, engine: Engine) -> dict[str, dict[str, Constant]]:
    """The arrays of each operation, after it was checked that the program can compute it."""
    sizes = network.shapes
    found = {}
    for operation in network.operations:
        of = [network.codes[name] for name in operation.inputs]
        pixels, length = prod(sizes[operation.inputs[0]][:-1]), sizes[operation.inputs[0]][-1]
        stored = constants(operation, of, network.codes[operation.name], engine, pixels)
        check(operation, of[0], engine, stored, length, pixels)
        found[operation.name] = constants_of(operation, stored)
    return found


def _write_program(
    directory: Path,
    network: IntegerNetwork,
    engine: Engine,
    tensors: Iterable[tuple[str, Array]],
    found: Mapping[str, Mapping[str, Constant]],
) -> None:
    for folder in ("weights", "cortex_m"):
        (directory / folder).mkdir()
    for sources, files in ((SOURCES, PROGRAM), (SHARED, HASH)):
        for name in files:
            shutil.copyfile(sources / name, directory / name)
    memory = arena(network)
    _write_text(directory / "README.txt", _readme(network, engine, memory, found))
    _write_text(directory / "plan.h", plan_header(network, engine, memory))
    _write_text(directory / "plan.c", plan_table(network, engine, memory, found))
    for name, arrays in found.items():
        if arrays:
            _write_text(directory / "weights" / f"{name}.h", header(name, arrays))
    _write_run(directory, tensors)


def _write_run(directory: Path, tensors: Iterable[tuple[str, Array]]) -> None:
    """Write the picture, and lines ``name digest`` of it and of every operation; then the most probable class."""
    lines = []
    for name, codes in tensors:
        if name == names.INPUT:
            (directory / "input.bin").write_bytes(codes.tobytes())
            _write_text(directory / "cortex_m" / "picture.h", _picture(codes))
        lines.append(f"{name} {tensor_digest(codes)}\n")
        answer = codes
    lines.append(f"top-1 {int(answer.reshape(-1).argmax())}\n")
    _write_text(directory / "digests.txt", "".join(lines))


def _picture(x: Array) -> str:
    """Write ``cortex_m/picture.h``, for a machine without files."""
    shape = ", ".join(map(str, x.shape[1:]))
    picture = {"picture": Constant("picture", "[H][W][C]", x)}
    return f"static const Shape picture_shape = {{{shape}}};\n\n" + header(names.INPUT, picture)


def _readme(
    network: IntegerNetwork, engine: Engine, memory: Memory, found: Mapping[str, Mapping[str, Constant]]
) -> str:
    flash = dict.fromkeys(("weights", "bias", "multiplier", "shift", "table"), 0)
    for arrays in found.values():
        for field, array in arrays.items():
            flash[field] += array.numbers.nbytes
    text = (SOURCES / "README.txt").read_text("ascii")
    return text.format(
        name=plan_name(network),
        engine=engine.name,
        steps=len(network.operations),
        arena=f"{memory.size:,}",
        fullest=memory.fullest,
        total=f"{sum(flash.values()):,}",
        **{field: f"{size:,}" for field, size in flash.items()},
    )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii", newline="\n")
