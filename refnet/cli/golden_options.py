"""The options of ``refnet golden``, in groups."""

from __future__ import annotations

import argparse
from typing import Any

from refnet.cli.plan import picture_size
from refnet.golden import FLOATS, FORMAT_NAMES


class _OnePicture(argparse.Action):
    """Refuses a second picture, which would silently take the place of the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} is given twice; a golden is of one picture, or of a batch that --input reads")
        setattr(namespace, self.dest, values)


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add what the network runs on."""
    group = parser.add_argument_group("input")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--image", metavar="FILE", action=_OnePicture, help="a picture")
    one.add_argument(
        "--input",
        metavar="FILE",
        help="the network's input itself: a normalised tensor in a .npy or another file, or a golden with an input",
    )
    one.add_argument(
        "--stimulus", metavar="NAME", help="a generated input: codes, extremes, noise or swish (default: codes)"
    )
    group.add_argument(
        "--size", type=picture_size, metavar="HxW", help="of the network's input (default: the variant's own)"
    )
    group.add_argument("--recipe", metavar="NAME", help="prepare the picture as another publisher does")
    group.add_argument(
        "--resume",
        metavar="STEP",
        help="do not compute this step but read its output from --from, and record what follows",
    )
    group.add_argument(
        "--from", dest="from_file", metavar="FILE", help="that output, from any program: a tensor's file, or a golden"
    )
    group.add_argument(
        "--from-order", metavar="ORDER", help="order of the axes in the file of --from or --input (default: as --order)"
    )
    group.add_argument(
        "--from-dtype",
        choices=FLOATS,
        help="type of the numbers in the file of --from or --input, where it does not say",
    )


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add which of its tensors are written, computed in what."""
    group = parser.add_argument_group("what to record")
    group.add_argument(
        "--steps",
        action="append",
        metavar="NAMES",
        help="which steps: names, patterns and parts of tensors with commas between them, such as "
        "'block3*.depthwise,stem[:, 0:8, 0:8]' (default: all)",
    )
    group.add_argument(
        "--unfused",
        action="store_true",
        help="also what is inside a step: the sums, after batch norm, after the activation",
    )
    group.add_argument(
        "--accumulators",
        action="store_true",
        help="of a model in integers, also the sums before they are rounded: int32",
    )
    group.add_argument("--weights", action="store_true", help="also the weights of these steps")
    group.add_argument(
        "--compute",
        choices=("float32", "float64"),
        help="precision of the run (default: float32, but float64 for --dtype float64)",
    )


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Add how they lie in files."""
    group = parser.add_argument_group("how to write it")
    group.add_argument("--dtype", choices=FLOATS, help="type of the numbers written (default: float32)")
    group.add_argument("--order", metavar="ORDER", help="order of the axes, such as NCHW (default: NHWC)")
    group.add_argument("--tile", metavar="TILES", help="cut axes into pieces of a length: C:16, or H:8,W:8")
    group.add_argument(
        "--weights-order", metavar="ORDER", help="order of the axes of kernels, such as OIHW or KRSC (default: HWIO)"
    )
    group.add_argument("--weights-tile", metavar="TILES", help="as --tile, for kernels")
    group.add_argument(
        "--padded", action="store_true", help="include the zeros that the next convolution puts around the tensor"
    )
    group.add_argument("--format", choices=FORMAT_NAMES, help="of each tensor's file in a directory (default: npy)")
    group.add_argument("--text", action="store_true", help="in C headers: decimal numbers instead of their bits")
