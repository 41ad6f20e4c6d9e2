"""``refnet compare``: a port's tensors beside a golden's, step by step."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet import progress
from refnet.cli import terminal
from refnet.golden.dtypes import WORDS

if TYPE_CHECKING:
    from refnet.comparison import Comparison, TensorResult

OF_CODES = ["tensor", "verdict", "judged", "differ", "of", "largest", "end to end"]
HEADER = ["tensor", "verdict", "judged", "error", "noise", "ulp max", "equal", "max abs", "SNR dB", "end to end"]


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "compare",
        help="find the step where your own implementation first goes wrong, and why",
        description="Compare what a port, an implementation of your own, computed with a golden, what refnet recorded, "
        "tensor by tensor. Each is exact, rounded (another order of roundings explains the difference) or wrong; of "
        "integers, exact or not. "
        "If PORT holds the tensors "
        "before it too, the step is run again from these, so that no earlier mistake counts: it is judged by itself. "
        "If not, it is judged end to end, by the golden's tensor. "
        "The exit code is 0 if nothing is wrong, 1 if something is, 2 if they cannot be compared.",
    )
    parser.add_argument("golden", metavar="GOLDEN", help="what `refnet golden` wrote")
    parser.add_argument(
        "actual",
        nargs="+",
        metavar="PORT",
        help="a directory of files named like the steps, an .h5, an .npz, or one tensor's file; several runs of one "
        "port to see if they are the same",
    )
    parser.add_argument(
        "--steps",
        nargs="+",
        metavar="NAME",
        help="only these, by name, block or glob: 'block3*.depthwise' (default: all)",
    )
    parser.add_argument(
        "--map", metavar="FILE", help="the port's names and refnet's: a JSON object, or two columns of text"
    )
    parser.add_argument("--order", metavar="AXES", help="of the port's tensors, such as NCHW (default: found out)")
    parser.add_argument("--tile", default="", metavar="AXIS:N", help="with --order: an axis in tiles, such as C:16")
    parser.add_argument("--dtype", choices=tuple(WORDS), help="number format of the port's raw files")
    parser.add_argument(
        "--truth", metavar="GOLDEN64", help="the same golden in float64 (default: run the model in float64)"
    )
    parser.add_argument(
        "--model", metavar="MODEL", help=f"to run steps again (default: the golden's, if it is here): {terminal.MODEL}"
    )
    parser.add_argument(
        "--other-weights",
        metavar="MODEL",
        help="weights that the port may have taken by mistake, such as raw ones instead of their moving averages",
    )
    parser.add_argument("--exact", action="store_true", help="want equal bits: end with 1 where roundings differ")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", metavar="FILE", help="write a report page for the browser as well")
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, show, and write the report."""
    from refnet.comparison import compare
    from refnet.comparison.report import check_target, write_report

    if options.html is not None:
        check_target(Path(options.html))
    with progress.task("comparing") as update:
        found = compare(
            options.golden,
            *options.actual,
            steps=options.steps,
            names=options.map,
            order=options.order,
            tile=options.tile,
            dtype=options.dtype,
            truth=options.truth,
            model=options.model,
            other_weights=options.other_weights,
            exact=options.exact,
            threads=options.threads,
            progress=lambda result, done: update(completed=done, description=f"comparing {result.name}"),
        )
    if options.html is not None:
        write_report(found, Path(options.html))
    if options.json:
        terminal.print_json(found.to_json())
    else:
        _show(found)
    return found.exit_code


def _show(found: Comparison) -> None:
    if found.tensors:
        if found.of_codes:
            terminal.print_columns("<<<>>><", [OF_CODES, *map(_cells_of_codes, found.tensors)])
        else:
            terminal.print_columns("<<<>>>>>><", [HEADER, *map(_cells, found.tensors)])
        print()
    for finding in found.findings:
        where = f"{finding.step}: " if finding.step else ""
        terminal.print_sentence(f"{finding.severity}: {where}{finding.text}")
    if found.findings:
        print()
    terminal.print_sentence(found.verdict)
    for said in found.account:
        terminal.print_sentence(said.text)


def _cells(result: TensorResult) -> list[str]:
    decisive, whole = result.decisive, result.end_to_end
    if decisive is None or whole is None:
        return [result.name, result.outcome, *[""] * (len(HEADER) - 2)]
    distance = decisive.distance
    verdict = result.outcome + (f" after {result.follows}" if result.follows and result.outcome == "wrong" else "")
    return [
        result.name,
        verdict,
        "by itself" if result.by_itself else "end to end",
        short(decisive.relative),
        "" if decisive.noise is None else short(decisive.noise),
        f"{distance.ulp_max}",
        f"{math.floor(distance.share_equal * 1000) / 10:.1f}%",
        short(distance.max_abs),
        f"{distance.snr:.0f}",
        f"{short(whole.relative)} {whole.outcome}" if result.by_itself else "",
    ]


def _cells_of_codes(result: TensorResult) -> list[str]:
    decisive, whole = result.decisive, result.end_to_end
    if decisive is None or whole is None:
        return [result.name, result.outcome, *[""] * (len(OF_CODES) - 2)]
    distance, beside = decisive.distance, whole.distance
    differ = beside.elements - beside.equal
    return [
        result.name,
        result.outcome + (f" after {result.follows}" if result.follows and result.outcome == "wrong" else ""),
        "by itself" if result.by_itself else "end to end",
        f"{distance.elements - distance.equal:,}",
        f"{distance.elements:,}",
        f"{distance.max_abs:.0f}",
        (f"{differ:,} by {beside.max_abs:.0f}" if differ else "exact") if result.by_itself else "",
    ]


def short(number: float) -> str:
    """Write a number with two digits.

    Examples
    --------
    >>> short(0.0), short(1.234e-7), short(0.25)
    ('0', '1.2e-07', '0.25')
    """
    return f"{number:.2g}"
