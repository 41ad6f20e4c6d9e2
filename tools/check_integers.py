"""Compare refnet's integers with the engines that they are the definition of, element by element.

    pip install ai-edge-litert==2.3.0 tflite-micro==0.dev20261023182759
    python tools/check_integers.py FILE.tflite [--pictures FOLDER] [--count 3] [--noise 2] [--drawn 100]
                                   [--network 0.1,0.3,48] [--model lite0] [--compiled]

Pictures, and pictures of noise, go through the whole file: every tensor of TensorFlow Lite Micro and of LiteRT's
reference kernels is compared, and every operator of XNNPACK. With ``--drawn``, so many operations of each kind are cut
out, with drawn scales and zero points. Ours are those of the definition; with ``--compiled``, of the kernels. The table
tells how many elements there were and how many differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from integer_comparison import Comparison, Counts, compare_drawn

from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import Architecture, efficientnet
from refnet.checkpoints.graph.tflite.integers import FoundIntegers, find_integers
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.reference.integers.quantisation import RANGES


def architecture(stated: str) -> Architecture:
    """The network of coefficients: width, depth, side, and ``lite`` for one of these."""
    width, depth, side, *lite = stated.split(",")
    return efficientnet(Coefficients(float(width), float(depth), int(side), lite=bool(lite)), name="custom")


def noise(found: FoundIntegers, dtype: str, count: int) -> Iterator[np.ndarray]:
    """Pictures drawn evenly over all numbers that can come."""
    shape = (1, found.network.plan.height, found.network.plan.width, 3)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        if dtype == "float32":
            yield rng.uniform(-1, 1, shape).astype(np.float32)
        else:
            low, high = RANGES["uint8" if dtype == "uint8" else "int8"]
            yield rng.integers(low, high + 1, shape).astype(dtype)


def photographs(found: FoundIntegers, model: str | None, dtype: str, folder: Path, count: int) -> Iterator[np.ndarray]:
    """The first pictures of a folder, as a model takes them, in the file's size and numbers."""
    import refnet

    plan = found.network.plan
    network = refnet.load(model or plan.architecture.name, size=(plan.height, plan.width))
    of = found.network.given or found.network.codes["input"]
    for path in sorted(folder.glob("*.[jJpP]*"))[:count]:
        x = network.preprocess(path)
        yield x if dtype == "float32" else of.clamp(np.rint(x / of.scale) + of.zero_point)


def main() -> int:
    """Run the command line; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder")
    parser.add_argument("--count", type=int, default=3, help="of pictures")
    parser.add_argument("--model", help="as which the pictures are prepared; by default as the file's own")
    parser.add_argument("--noise", type=int, default=2, help="how many pictures of noise")
    parser.add_argument("--compiled", action="store_true", help="compare the kernels, which are faster")
    parser.add_argument("--drawn", type=int, default=0, help="operations of each kind with drawn scales")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn ones")
    parser.add_argument("--network", type=architecture, help="width,depth,side[,lite] of one not published")
    options = parser.parse_args()
    content = options.file.read_bytes()
    model = tflite_file.load(content)
    found = find_integers(model, candidates=[options.network] if options.network else None)
    counts = Counts()
    dtype = model.tensors[model.inputs[0]].dtype
    comparison = Comparison(content, found, compiled=options.compiled)
    for x in noise(found, dtype, options.noise):
        comparison.compare(x, counts)
    if options.pictures:
        for x in photographs(found, options.model, dtype, options.pictures, options.count):
            comparison.compare(x, counts)
    compare_drawn(content, found, np.random.default_rng(options.seed), options.drawn, counts)
    print(counts.table())
    return int(counts.differ > 0)


if __name__ == "__main__":
    sys.exit(main())
