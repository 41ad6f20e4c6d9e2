"""``refnet quantise``: a network of int8, from float weights and pictures."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet.cli import recipe_options, terminal
from refnet.errors import InputError

if TYPE_CHECKING:
    from refnet.quantisation.nearness import Nearness, StepNearness
    from refnet.weights.quantised import QuantisedWeights

DESCRIPTION = """\
Make an int8 network of a float one: ranges of its tensors are measured on your
pictures, weights become int8 with a scale for each channel, and the file says
whose roundings it is for. The same weights and pictures give the same file on
every machine. Then both networks run on the pictures, and you are told how
near each step comes. Wherever refnet takes a model, it takes the file too.
"""
NOTES = """\
methods:
  min-max      a range holds all that was seen; the order of pictures is free
  percentile   at each end, the rarest numbers are left out
  mse          with the least expected squared error

examples:
  refnet quantise lite0 --pictures photos/ -o lite0-int8.h5
  refnet quantise b0 --pictures photos/ --correct-bias --check others/
  refnet predict photo.jpg -m lite0-int8.h5
"""


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "quantise",
        help="make an int8 network of a float one, from your pictures",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument(
        "--pictures", required=True, metavar="DIR", help="to calibrate on, 50 or more like those to come; or a pattern"
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="go into the folders of folders")
    parser.add_argument("--count", type=int, metavar="N", help="take so many of them, evenly spaced (default: all)")
    parser.add_argument("-o", "--out", metavar="FILE", help="the file to write (default: NAME-int8.h5 in this folder)")
    _add_how(parser.add_argument_group("how"))
    report = parser.add_argument_group("the report")
    report.add_argument("--check", metavar="DIR", help="compare on these pictures (default: those of the calibration)")
    report.add_argument("--json", action="store_true", help="print JSON")
    report.add_argument("--page", metavar="FILE", help="write a page for the browser as well")
    parser.add_argument("--recipe", metavar="NAME", help="prepare pictures as another publisher does: tf, timm, …")
    recipe_options.add(parser.add_argument_group("a recipe by hand, where the weights do not know it"))
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.set_defaults(run=run)


def _add_how(group: Any) -> None:
    group.add_argument("--engine", default="tflm", metavar="E", help="whose roundings: tflm, tflite, xnnpack, … "
                       "(default: tflm)")  # fmt: skip
    group.add_argument(
        "--method", choices=("min-max", "percentile", "mse"), default="min-max", help="see below (default: min-max)"
    )
    group.add_argument("--percentile", type=float, metavar="P", help="of --method percentile (default: 99.99)")
    group.add_argument(
        "--per",
        choices=("channel", "tensor"),
        default="channel",
        help="what a scale of weights is for (default: channel)",
    )
    group.add_argument(
        "--swish",
        choices=("split", "table"),
        default="split",
        help="a logistic table and a product, as engines have it, or one table (default: split)",
    )
    group.add_argument("--equalise", action="store_true", help="bring channels to ranges of one size first")
    group.add_argument(
        "--correct-bias", action="store_true", help="take off biases what rounding adds to a channel on the mean"
    )


def run(options: argparse.Namespace) -> int:
    """Quantise, compare and show; what can be told before anything is run is told then."""
    from refnet.hub.request import make_request
    from refnet.quantisation.nearness import measure
    from refnet.quantisation.pictures import Pictures
    from refnet.quantisation.report.page import check_target, write_page
    from refnet.quantisation.to_file import quantise_to_file

    settings = _settings(options)
    if options.page is not None:
        check_target(Path(options.page))
    request = make_request(
        options.model, threads=options.threads, recipe=options.recipe, by_hand=recipe_options.read(options)
    )
    pictures = Pictures(options.pictures, count=options.count, recursive=options.recursive)
    others = pictures if options.check is None else Pictures(options.check, recursive=options.recursive)
    written, quantised = quantise_to_file(request.load(), pictures, options.out, **settings)
    nearness = measure(quantised, others)
    if options.page is not None:
        write_page(quantised.weights, nearness, Path(options.page))
    _show(written, quantised.weights, nearness, options)
    return 0


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    if options.percentile is not None and options.method != "percentile":
        raise InputError(f"--percentile is of --method percentile, not of {options.method}")
    names = ("engine", "method", "per", "swish", "equalise", "correct_bias")
    settings = {name: getattr(options, name) for name in names}
    return settings if options.percentile is None else settings | {"percentile": options.percentile}


def _show(written: Path, weights: QuantisedWeights, nearness: Nearness, options: argparse.Namespace) -> None:
    from refnet.quantisation.report.as_json import to_json
    from refnet.quantisation.report.verdict import headline, last, warnings, worst

    if options.json:
        terminal.print_json({"file": str(written)} | to_json(weights, nearness))
    else:
        header = ["step", "SNR dB", "clipped", "range from", "to"]  # scales and zero points: `refnet plan`
        terminal.print_columns("<>>>>", [header, *map(_row, nearness.steps)], header=True)
        print()
        ends = [last(nearness)] if last(nearness) is worst(nearness) else [last(nearness), worst(nearness)]
        near = "; least of all ".join(f"{step.name} {_decibels(step.snr)} dB" for step in ends)
        terminal.print_sentence(f"{written}: {headline(nearness)}; {near}")
        terminal.print_sentence(f"digest {weights.digest()}")
    for each in warnings(nearness, weights.calibration):
        terminal.say(f"warning: {each}")


def _row(step: StepNearness) -> list[str]:
    clipped = f"{step.clipped_share:.3%}" if step.clipped else "0"
    return [step.name, _decibels(step.snr), clipped, *(f"{end:.3g}" for end in step.range)]


def _decibels(snr: float) -> str:
    return f"{snr:.1f}" if math.isfinite(snr) else "exact" if snr > 0 else "-"
