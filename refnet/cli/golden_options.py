"""The options of ``refnet golden``, in groups."""

from __future__ import annotations

import argparse

from refnet.cli.plan import picture_size
from refnet.golden import FLOATS, FORMAT_NAMES


def add_input(parser: argparse.ArgumentParser) -> None:
    """What the network runs on."""
    group = parser.add_argument_group("input")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--image", metavar="FILE", help="a picture")
    one.add_argument("--input", metavar="FILE", help="a normalised tensor: .npy, …, or a golden with an input")
    one.add_argument("--stimulus", metavar="NAME", help="generated: codes, extremes, noise, swish (default: codes)")
    group.add_argument("--size", type=picture_size, metavar="HxW", help="of the picture (default: the variant's own)")
    group.add_argument("--recipe", metavar="NAME", help="prepare the picture as another publisher does")
    group.add_argument(
        "--resume", metavar="STEP", help="continue from this step's output in --from; record what follows"
    )
    group.add_argument(
        "--from", dest="from_file", metavar="FILE", help="somebody else's output of that step, or a golden"
    )
    group.add_argument("--from-order", metavar="ORDER", help="of the axes in --from or --input (default: --order)")
    group.add_argument("--from-dtype", choices=FLOATS, help="of raw numbers in --from or --input")


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Which of its tensors are written, computed in what."""
    group = parser.add_argument_group("what to record")
    group.add_argument(
        "--steps",
        action="append",
        metavar="NAMES",
        help="names, globs and parts, with commas: 'block3*.depthwise,stem[:, 0:8, 0:8]' (default: all)",
    )
    group.add_argument("--unfused", action="store_true", help="also the sums, batch norms and activations inside steps")
    group.add_argument("--weights", action="store_true", help="also the weights of these steps")
    group.add_argument("--compute", choices=("float32", "float64"), help="default: float64 for --dtype float64")


def add_storage(parser: argparse.ArgumentParser) -> None:
    """How they lie in files."""
    group = parser.add_argument_group("how to write it")
    group.add_argument("--dtype", choices=FLOATS, help="of the numbers written (default: float32)")
    group.add_argument("--order", metavar="ORDER", help="of the axes: NCHW, … (default: NHWC)")
    group.add_argument("--tile", metavar="TILES", help="cut axes into pieces: C:16, or H:8,W:8")
    group.add_argument("--weights-order", metavar="ORDER", help="OIHW, KRSC, … (default: HWIO)")
    group.add_argument("--weights-tile", metavar="TILES", help="as --tile, of weights")
    group.add_argument("--padded", action="store_true", help="with the zeros that the next convolution puts around it")
    group.add_argument("--format", choices=FORMAT_NAMES, help="of the files in a directory (default: npy)")
    group.add_argument("--text", action="store_true", help="in C headers: numbers, not bits")
