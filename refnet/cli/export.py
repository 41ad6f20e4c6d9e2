"""``refnet export``: a network as an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refnet.cli import terminal
from refnet.cli.plan import picture_size
from refnet.errors import InputError


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "export",
        help="write a network as an ONNX file, for other engines",
        description="Write a network as an ONNX graph for pictures of one size. The weights are the published numbers, "
        "and every tensor has refnet's name. An existing file is replaced. Needs `pip install 'refnet[onnx]'`.",
    )
    parser.add_argument("model", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="the file to write; its name ends in .onnx"
    )
    parser.add_argument("--size", type=picture_size, metavar="HxW", help="of the picture (default: the variant's own)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    from refnet.export.onnx import export_onnx
    from refnet.hub.models import find_weights

    model, output = Path(options.model), Path(options.output)
    if model.is_file() and output.exists() and model.samefile(output):
        raise InputError(f"{output} is the weight file itself; want another name for the ONNX file")
    weights = find_weights(options.model)
    export_onnx(weights, options.output, size=options.size)
    architecture = weights.architecture
    height, width = options.size or (architecture.resolution,) * 2
    size = Path(options.output).stat().st_size
    print(f"{terminal.printable(options.output)}  {architecture.name}  {height}x{width}  {size:,} bytes")
    return 0
