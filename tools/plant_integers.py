"""Plant mistakes in a C port of integers, and count how many get their names: ``python tools/plant_integers.py``.

The port is the C99 program that refnet writes; each mistake of ``tests/helpers/planted_integers.py`` is put into
operations of small networks, one at a time. It is named if what is named makes all of the port's codes, and named
rightly if that is the mistake which was planted, or this is told to make the same codes. What shows in neither network
of the fixtures is planted in two that are made for it. Of the same programs without a mistake every code must be right.
``--each N`` says into how many operations of a network each goes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from helpers import integer_networks  # noqa: E402
from helpers.integer_port import Port  # noqa: E402
from helpers.integer_variants import loud, near_ties  # noqa: E402
from helpers.planted_integers import MISTAKES, Mistake, is_named  # noqa: E402

from refnet.comparison.integers.diagnose import diagnose  # noqa: E402
from refnet.reference.integers.engine import TFLM  # noqa: E402
from refnet.reference.integers.evaluate import evaluate  # noqa: E402
from refnet.reference.integers.network import IntegerNetwork  # noqa: E402

FEWEST = 4  # codes that must differ


class Planted(NamedTuple):
    """One mistake in one operation: whether it got a name, and its own."""

    kind: str
    is_named: bool
    is_right: bool


def main() -> int:
    """Plant, ask, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=2)
    options = parser.parse_args()
    found: list[Planted] = []
    right_ports = false_alarms = 0
    for name, network in _networks():
        seen = {planted.kind for planted in found}
        wanted = [one for one in MISTAKES if name in integer_networks.FILES or one.name not in seen]
        with tempfile.TemporaryDirectory() as place:
            x = integer_networks.picture(1)
            right, port = dict(evaluate(network, TFLM, x)), Port(network, TFLM, x, Path(place) / "program")
            dump = port.run(None, network.operations[0].name, Path(place) / "right")
            off = [
                each.name for each in network.operations if (dump.codes(each.name) != right[each.name].ravel()).any()
            ]
            right_ports, false_alarms = right_ports + len(network.operations), false_alarms + len(off)
            for mistake in wanted:
                found += _plant(mistake, port, right, name, Path(place), options.each)
    kinds = {planted.kind for planted in found}
    named, rightly = sum(planted.is_named for planted in found), sum(planted.is_right for planted in found)
    print(f"{named} of {len(found)} named, {rightly} rightly; {len(kinds)} of {len(MISTAKES)} kinds of mistakes show")
    print(f"{false_alarms} of {right_ports} operations of the right ports differ")
    missing = sorted({mistake.name for mistake in MISTAKES} - kinds)
    if missing:
        print(f"shown nowhere: {', '.join(missing)}")
    return 0 if rightly >= 0.95 * len(found) and not false_alarms else 1


def _networks() -> Iterator[tuple[str, IntegerNetwork]]:
    for file in integer_networks.FILES:
        yield file, integer_networks.network(file).network
    lite = integer_networks.network("relu6.tflite").network
    yield "loud", loud(lite)
    yield "near ties", near_ties(lite)


def _plant(
    mistake: Mistake, port: Port, right: dict[str, np.ndarray], where: str, place: Path, most: int
) -> Iterator[Planted]:
    """Plant one in the first operations that show it."""
    shown, network = 0, port.network
    for operation in network.operations:
        if shown == most or not mistake.applies(network, operation):
            continue
        expected = right[operation.name]
        dump = port.run(mistake, operation.name, place / f"{mistake.name}-{operation.name}")
        actual = dump.codes(operation.name).reshape(expected.shape)
        if np.count_nonzero(actual != expected) < FEWEST:
            continue
        shown += 1
        inputs = [right[name] for name in operation.inputs]
        found = diagnose(operation, inputs, network.codes, TFLM, actual, expected)
        is_right = is_named(mistake.name, found)
        said = found.mistake or found.sentence
        others = ", ".join(other.mistake or "" for other in found.alternatives)
        print(f"{where}  {operation.name}  {mistake.name}  {'' if is_right else 'NOT '}rightly  {said}  [{others}]")
        yield Planted(mistake.name, found.mistake is not None, is_right)


if __name__ == "__main__":
    sys.exit(main())
