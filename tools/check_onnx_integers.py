"""Compare refnet's integers with ONNX Runtime's, in both forms that ``refnet export`` writes.

    pip install onnxruntime==1.32.0
    python tools/check_onnx_integers.py FILE.tflite [--pictures FOLDER] [--count 3] [--noise 2] [--drawn 100]
                                        [--network 0.1,0.3,48] [--model lite0]

The integer network of a file of TensorFlow Lite is written as ``qlinear`` and as ``qdq``. Every tensor is compared with
the set ``onnxruntime``, nothing optimised, and the answers at each level of the optimiser. With ``--drawn``, so many
operations of each kind go through graphs of their own, with drawn scales and zero points.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from check_integers import architecture, noise, photographs
from integer_comparison import Counts
from integer_onnx import compare_answers, compare_drawn_onnx, compare_onnx, graph_of

from refnet.checkpoints.graph.tflite.integers import FoundIntegers, find_integers
from refnet.checkpoints.readers.tflite import tflite_file


def pictures(found: FoundIntegers, options: argparse.Namespace) -> Iterator[np.ndarray]:
    """Pictures of noise, then photographs, as real numbers."""
    yield from noise(found, "float32", options.noise)
    if options.pictures:
        yield from photographs(found, options.model, "float32", options.pictures, options.count)


def main() -> int:
    """Run the command line; 1 if a tensor of the form ``qlinear``, or a drawn operation, differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder")
    parser.add_argument("--count", type=int, default=3, help="of pictures")
    parser.add_argument("--model", help="as which the pictures are prepared; by default as the file's own")
    parser.add_argument("--noise", type=int, default=2, help="how many pictures of noise")
    parser.add_argument("--drawn", type=int, default=0, help="operations of each kind with drawn scales")
    parser.add_argument("--network", type=architecture, help="width,depth,side[,lite] of one not published")
    options = parser.parse_args()
    model = tflite_file.load(options.file.read_bytes())
    found = find_integers(model, candidates=[options.network] if options.network else None)
    graphs = {form: graph_of(found.network, form) for form in ("qlinear", "qdq")}
    counts = {form: Counts() for form in graphs}
    for x in pictures(found, options):
        for form, graph in graphs.items():
            compare_onnx(graph, found.network, x, counts[form], of=form)
            compare_answers(graph, found.network, x, counts[form], of=form)
    compare_drawn_onnx(found, np.random.default_rng(0), options.drawn, counts["qlinear"])
    for each in counts.values():
        print(each.table())
    return int(counts["qlinear"].differ > 0)


if __name__ == "__main__":
    sys.exit(main())
