"""``refnet export``: a network as a file for other engines, of ONNX or of TensorFlow Lite."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from refnet.cli import terminal
from refnet.cli.plan import picture_size
from refnet.errors import InputError

if TYPE_CHECKING:
    from refnet.weights.quantised import QuantisedWeights
    from refnet.weights.weights import Weights

NUMBERS: Final = ("int8", "uint8", "float32")
FORMS: Final = ("qdq", "qlinear")


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "export",
        help="write a network as a file of ONNX or TensorFlow Lite, for other engines",
        description="Write a network for pictures of one size: as an ONNX graph, or, of integers, as a file of "
        "TensorFlow Lite. The weights are the network's own numbers, and every tensor has refnet's name. An existing "
        "file is replaced. ONNX needs `pip install 'refnet[onnx]'`.",
    )
    parser.add_argument("model", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the file to write; its name ends in .onnx or .tflite (a C99 program: `refnet golden MODEL --c DIR`)",
    )
    parser.add_argument("--size", type=picture_size, metavar="HxW", help="of the picture (default: the network's own)")
    parser.add_argument(
        "--numbers",
        choices=NUMBERS,
        help="of a .tflite file: what a picture comes as and the answer goes as (default: int8, or as the network has)",
    )
    parser.add_argument(
        "--form",
        choices=FORMS,
        help="of an .onnx file of integers: qdq, real arithmetic between codes, which every engine reads (default); or "
        "qlinear, which ONNX Runtime computes to the bit as the set onnxruntime says",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    from refnet.files.whole import check_file_target
    from refnet.hub.models import find_any_weights

    model, output = Path(options.model), Path(options.output)
    if model.is_file() and output.exists() and model.samefile(output):
        raise InputError(f"{output} is the model itself; want another name for the file to write")
    check_file_target(output, ".onnx", ".tflite")
    if options.form and output.suffix.lower() != ".onnx":
        raise InputError("--form is of .onnx files of integers")
    if options.numbers and output.suffix.lower() != ".tflite":
        raise InputError("--numbers is of .tflite files")
    weights = find_any_weights(options.model)
    _write(weights, options)
    architecture = weights.architecture
    height, width = options.size or _own_size(weights)
    size = output.stat().st_size
    print(f"{terminal.printable(options.output)}  {architecture.name}  {height}x{width}  {size:,} bytes")
    return 0


def _write(weights: Weights | QuantisedWeights, options: argparse.Namespace) -> None:
    from refnet.weights.quantised import QuantisedWeights

    if Path(options.output).suffix.lower() == ".tflite":
        from refnet.export.tflite.export import export_tflite

        export_tflite(weights, options.output, size=options.size, numbers=options.numbers)
    elif isinstance(weights, QuantisedWeights):
        from refnet.export.onnx_integers import export_onnx_integers

        export_onnx_integers(weights, options.output, size=options.size, form=options.form or FORMS[0])
    else:
        from refnet.export.onnx import export_onnx

        if options.form:
            raise InputError(f"--form is of integers, and {weights.architecture.name} is of real numbers")
        export_onnx(weights, options.output, size=options.size)


def _own_size(weights: Weights | QuantisedWeights) -> tuple[int, int]:
    from refnet.weights.quantised import QuantisedWeights

    if isinstance(weights, QuantisedWeights):
        return weights.network.plan.height, weights.network.plan.width
    return (weights.architecture.resolution,) * 2
