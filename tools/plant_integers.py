"""Plant mistakes in a C port of integers, and count how many get their names: ``python tools/plant_integers.py``.

The port is the C99 program that refnet writes; each mistake of ``tests/helpers/planted_integers.py`` is put into
operations of two small networks, one at a time. What is named must make all of the port's codes. ``--each N`` says into
how many operations of a network each goes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from helpers import integer_networks  # noqa: E402
from helpers.integer_port import Port  # noqa: E402
from helpers.planted_integers import MISTAKES  # noqa: E402

from refnet.comparison.integers.diagnose import diagnose  # noqa: E402
from refnet.reference.integers.engine import TFLM  # noqa: E402
from refnet.reference.integers.evaluate import evaluate  # noqa: E402

FEWEST = 4  # codes that must differ


def main() -> int:
    """Plant, ask, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=2)
    options = parser.parse_args()
    planted, named, kinds = 0, 0, set()
    with tempfile.TemporaryDirectory() as place:
        for file in integer_networks.FILES:
            network, x = integer_networks.network(file).network, integer_networks.picture(1)
            right = dict(evaluate(network, TFLM, x))
            port = Port(network, TFLM, x, Path(place) / file)
            for mistake in MISTAKES:
                shown = 0
                for operation in network.operations:
                    if shown == options.each or not mistake.applies(network, operation):
                        continue
                    target = Path(place) / f"{file}-{mistake.name}-{operation.name}"
                    expected = right[operation.name]
                    actual = port.run(mistake, operation.name, target).codes(operation.name).reshape(expected.shape)
                    if np.count_nonzero(actual != expected) < FEWEST:
                        continue
                    begun = time.perf_counter()
                    inputs = [right[name] for name in operation.inputs]
                    found = diagnose(operation, inputs, network.codes, TFLM, actual, expected)
                    shown, planted, named = shown + 1, planted + 1, named + (found.mistake is not None)
                    kinds.add(mistake.name)
                    took = time.perf_counter() - begun
                    print(f"{file}  {operation.name}  {mistake.name}  {took:.2f} s  {found.mistake or found.sentence}")
    print(f"{named} of {planted} named, {len(kinds)} kinds of mistakes")
    return 0 if named >= 0.95 * planted else 1


if __name__ == "__main__":
    sys.exit(main())
