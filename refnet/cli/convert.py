"""``refnet convert``: a published or fine-tuned checkpoint becomes a weight file, and back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, get_args

from refnet import progress
from refnet.architecture.activations import Activation
from refnet.architecture.top import Output, Pooling
from refnet.cli import recipe_options, terminal
from refnet.errors import VERBOSE, InputError

if TYPE_CHECKING:
    from pathlib import Path


DESCRIPTION = """\
Convert a checkpoint of PyTorch, Keras, TensorFlow or ONNX into a weight file
of refnet. Beside it lies a certificate, which `refnet verify FILE.h5` proves
again. You need no framework, and nothing in the file is executed. refnet finds
out who published the weights, which variant they are and how many classes they
have. What the file cannot tell, it asks you for. Wherever refnet takes a model,
it takes such a file too: `refnet predict photo.jpg -m mine.pth`.
"""
NOTES = """\
formats:
  PyTorch      .pth, .pt, .bin, .safetensors, .npz
  Keras        .keras, .h5, .weights.h5
  TensorFlow   .tar.gz, a checkpoint's .index file, a SavedModel's folder,
               .tflite of floats, or of int8 throughout
  ONNX         .onnx
  Hugging Face the folder of a model, or its model.safetensors

examples:
  refnet convert tf_efficientnet_b1_ns-99dd0c41.pth -o b1.h5
  refnet convert mine.pth --publisher timm:ra --labels labels.txt -o mine.h5
  refnet convert several.pth --output sigmoid -o several.h5
  refnet convert b1.h5 --invert -o b1.safetensors
"""
# What people read for the names that programs read in --json.
WORDS = {
    "averaging": "averaged",
    "dropped": "left out",
    "widened": "from 16 bits",
}
ANSWERS = {
    "softmax": "probabilities that add up to 1 (softmax)",
    "sigmoid": "a score for each class by itself (sigmoid)",
    "log_softmax": "logarithms of probabilities (log_softmax)",
    "none": "the numbers themselves, no probabilities",
}
MOST_TOLD = 6  # notes that are printed
STATED = (
    "model",
    "publisher",
    "key",
    "head",
    "output",
    "pooling",
    "activation",
    "padding",
    "engine",
)  # fields of `Stated`
AVERAGING = {"ema": "yes, a moving average", "raw": "no", "unknown": "the file does not say"}


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "convert",
        help="turn a checkpoint of any publisher into a weight file",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the checkpoint; with --invert the weight file")
    parser.add_argument("-m", "--model", metavar="NAME", help="the variant that it has to be, such as b1")
    parser.add_argument(
        "--publisher",
        metavar="P",
        help="who published it, such as timm-tf or timm-tf:ns; `refnet info --published` lists them",
    )
    parser.add_argument(
        "--labels", metavar="FILE", help="names of the classes: one on each line, id2label or class_indices JSON, CSV"
    )
    parser.add_argument("-o", "--out", metavar="OUT", help="the file to write (default: NAME.h5 in this folder)")
    parser.add_argument(
        "--invert",
        action="store_true",
        help="go back: write the publisher's names and axes to OUT.npz or OUT.safetensors",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    recipe_options.add(parser.add_argument_group("a recipe by hand, where the file does not know it"))
    _add_stated(parser.add_argument_group("what the file cannot tell"))
    parser.set_defaults(run=run)


def _add_stated(group: Any) -> None:
    """Add the options that state something about the network; refused where the file says otherwise."""
    group.add_argument("--key", metavar="NAME", help="which part of the checkpoint is the network, such as model_ema")
    group.add_argument("--head", choices=("none",), help="none: end with the pooled features")
    group.add_argument(
        "--output",
        type=_output,
        metavar="O",
        help=f"what the classifier's numbers become: {', '.join(get_args(Output))}",
    )
    group.add_argument(
        "--pooling", choices=get_args(Pooling), metavar="P", help=f"one of {', '.join(get_args(Pooling))}"
    )
    group.add_argument(
        "--activation",
        choices=get_args(Activation),
        metavar="A",
        help=f"between dense layers: {', '.join(get_args(Activation))}",
    )
    group.add_argument("--padding", metavar="RULE", help="same, symmetric, or same@SIZE: as for that size, always")
    group.add_argument(
        "--engine",
        metavar="E",
        help="of an int8 file: whose roundings, tflm (by default), tflite, xnnpack or onnxruntime",
    )


def _output(text: str) -> str:
    if text not in get_args(Output):
        hint = f"; the file to write is `-o {text}`" if "." in text else ""
        raise argparse.ArgumentTypeError(f"{text!r}: want one of {', '.join(get_args(Output))}{hint}")
    return text


def run(options: argparse.Namespace) -> int:
    """Convert a checkpoint, or convert it back, and print what was done."""
    from refnet.checkpoints import conversion
    from refnet.checkpoints.stated import Stated

    if options.invert:
        return _invert(options)
    with progress.task("converting", len(conversion.STAGES), "stages") as update:
        written = conversion.convert(
            options.file,
            Stated(**{name: getattr(options, name) for name in STATED}),
            by_hand=recipe_options.read(options),
            labels=options.labels,
            out=options.out,
            on_stage=lambda stage: update(description=stage, completed=conversion.STAGES.index(stage), refresh=True),
        )
    _report(options, describe(options.file, written))
    return 0


def _invert(options: argparse.Namespace) -> int:
    from refnet.checkpoints.inversion import invert

    if options.out is None:
        raise InputError("--invert wants -o, a name that ends in .npz or .safetensors")
    unused = [f"--{name}" for name in (*STATED, *recipe_options.NAMES, "labels") if getattr(options, name) is not None]
    if unused:
        raise InputError(f"--invert takes no {', '.join(unused)}: the weight file says all of this")
    _report(options, {"file": options.file, "output": str(invert(options.file, options.out))})
    return 0


def describe(file: str, written: Path) -> dict[str, Any]:
    """Gather what a conversion made, from the weight file and its certificate."""
    from refnet.checkpoints import certificate

    path = certificate.beside(written)
    content = certificate.read(path)
    weights, conversion = content["weights"], content["conversion"]
    top = {"pooling": "mean", "output": "softmax"} | weights.get("top", {})
    return {
        "file": file,
        "output": str(written),
        "certificate": str(path),
        "model": weights["model"],
        "classes": weights["classes"],
        "answer": top["output"] if weights["classes"] else "features",
        "pooling": top["pooling"],
        "padding": weights["padding"],
        "size": weights["resolution"],
        "publisher": weights["publisher"],
        "recognised by": conversion["recognised_by"],
        "format": conversion["format"],
        "averaging": weights["averaging"],
        "recipe": weights["recipe"]["name"],
        "labels": conversion["labels"],
        "tensors": len(weights["tensors"]),
        "dropped": len(weights["dropped"]),
        "widened": len(conversion["widened"]),
        "subnormals": weights["subnormals"],
        "digest": weights["digest"],
        "told": conversion.get("told", []),
    }


def _report(options: argparse.Namespace, made: dict[str, Any]) -> None:
    if options.json:
        terminal.print_json({key.replace(" ", "_"): value for key, value in made.items()})
        return
    told = made.pop("told", [])
    rows = [[WORDS.get(key, key), _in_words(key, value)] for key, value in made.items()]
    shown = told if options.verbose else told[:MOST_TOLD]
    rows += [["note", text] for text in shown]
    if len(told) > len(shown):
        rows.append(["", f"and {len(told) - len(shown)} more, which {VERBOSE} lists, and the certificate"])
    terminal.print_columns("<<", rows)


def _in_words(key: str, value: Any) -> str:
    if key == "answer":
        return ANSWERS.get(value, str(value))
    return AVERAGING[value] if key == "averaging" else str(value)
