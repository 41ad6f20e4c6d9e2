"""``refnet compare``: a port's tensors beside a golden's, step by step."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet import progress
from refnet.cli import terminal
from refnet.golden.encoding import WORDS

if TYPE_CHECKING:
    from refnet.comparison import Comparison, Row

HEADER = ["tensor", "verdict", "judged", "error", "noise", "ulp max", "equal", "max abs", "SNR dB", "end to end"]


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "compare",
        help="a port's tensors beside a golden's: which step is wrong first, and why",
        description="Compare a port's tensors with a golden in execution order. Each is exact, differently rounded, "
        "or wrong: judged by itself where ACTUAL has the tensors before it too, else end to end. "
        "The exit code is 0 if nothing is wrong, 1 if something is, 2 if it cannot be compared.",
    )
    parser.add_argument("golden", metavar="GOLDEN", help="what `refnet golden` wrote")
    parser.add_argument(
        "actual", metavar="ACTUAL", help="a directory of files named like the steps, .h5, .npz, or one tensor's file"
    )
    parser.add_argument(
        "--steps", nargs="+", metavar="NAME", help="only these, by name or glob: 'block3*.depthwise' (default: all)"
    )
    parser.add_argument("--map", metavar="FILE", help="their names and ours: a JSON object, or two columns")
    parser.add_argument("--order", metavar="AXES", help="of ACTUAL's activations, such as NCHW (default: inferred)")
    parser.add_argument("--tile", default="", metavar="AXIS:N", help="with --order: tiles, such as C:16")
    parser.add_argument("--dtype", choices=tuple(WORDS), help="of ACTUAL's raw files")
    parser.add_argument("--truth", metavar="GOLDEN64", help="the same golden in float64 (default: run the model)")
    parser.add_argument(
        "--model", metavar="MODEL", help=f"to judge by (default: the golden's, if it is here): {terminal.MODEL}"
    )
    parser.add_argument(
        "--other-weights",
        metavar="MODEL",
        help="weights that ACTUAL may have been made with by mistake, such as raw ones for moving averages",
    )
    parser.add_argument("--exact", action="store_true", help="a difference in rounding counts as one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", metavar="FILE", help="write a report for the browser as well")
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
            options.actual,
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
            progress=lambda row, done: update(completed=done, description=f"comparing {row.name}"),
        )
    if options.html is not None:
        write_report(found, Path(options.html))
    if options.json:
        terminal.print_json(found.to_json())
    else:
        _show(found)
    return found.exit_code


def _show(found: Comparison) -> None:
    if found.rows:
        terminal.print_columns("<<<>>>>>><", [HEADER, *map(_cells, found.rows)])
        print()
    for finding in found.findings:
        where = f"{finding.step}: " if finding.step else ""
        print(terminal.printable(f"{finding.weight}: {where}{finding.text}"))
    if found.findings:
        print()
    print(terminal.printable(found.verdict))
    for sentence in found.sentences:
        print(terminal.printable(sentence))


def _cells(row: Row) -> list[str]:
    decisive, whole = row.decisive, row.end_to_end
    if decisive is None or whole is None:
        return [row.name, row.outcome, *[""] * (len(HEADER) - 2)]
    measure = decisive.measure
    verdict = row.outcome + (f" after {row.follows}" if row.follows and row.outcome == "wrong" else "")
    return [
        row.name,
        verdict,
        "by itself" if row.local else "end to end",
        short(decisive.relative),
        "" if decisive.noise is None else short(decisive.noise),
        f"{measure.ulp_max}",
        f"{math.floor(measure.share_equal * 1000) / 10:.1f}%",
        short(measure.max_abs),
        f"{measure.snr:.0f}",
        f"{short(whole.relative)} {whole.outcome}" if row.local else "",
    ]


def short(number: float) -> str:
    """Write a number with two digits.

    Examples
    --------
    >>> short(0.0), short(1.234e-7), short(0.25)
    ('0', '1.2e-07', '0.25')
    """
    return f"{number:.2g}"
