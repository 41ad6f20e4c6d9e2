"""Plant mistakes drawn by a seed into a port, and count how often `refnet compare` finds and names them.

    python tools/plant_mistakes.py --draws 250 --seed 71 72 73 74 --half both --right 125 --markdown diagnosis.md
    python tools/plant_mistakes.py --repeat open-1-37          # one of them: what was planted, and what was said

The port is NumPy (`tools/planting`). Its mistakes are in two files of operators; whoever develops the diagnosis reads
`operators_open.py` only. A mistake is *located* if the first tensor called wrong is the first that differs from the
right port's, and *named* if what is said of it contains what the operator's truth demands.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for _library in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_library, "1")
sys.path.append(str(Path(__file__).parent))

from planting.campaign import HALVES, Draw, Outcome, compare, outcomes, plant  # noqa: E402
from planting.cases import ground  # noqa: E402
from planting.judge import judge  # noqa: E402
from planting.table import markdown, totals  # noqa: E402

PIECE = 8  # draws that a process takes at a time


def main() -> None:
    """Draw, compare, count."""
    options = _options()
    if options.repeat:
        repeat(Draw.parse(options.repeat))
        return
    halves = HALVES if options.half == "both" else (options.half,)
    draws = [
        Draw(half, seed, number)
        for seed in options.seed
        for place, half in enumerate(halves)
        for number in range((options.draws + place) // len(halves))
    ]
    draws += [Draw("right", seed, number) for seed in options.seed for number in range(options.right)]
    found = [Outcome.parse(row) for file in options.outcomes for row in json.loads(file.read_text())]
    if found:
        draws = []
    for piece in _pieces(draws, options.jobs):
        found += piece
        print(f"\r{len(found)}/{len(draws)}", end="", file=sys.stderr, flush=True)
        if options.json:  # as far as it is
            rows = [one._asdict() | {"judged": one.judged._asdict()} for one in found]
            options.json.write_text(json.dumps(rows, indent=1))
    print(file=sys.stderr)
    for line in totals(found):
        print(line)
    if options.markdown:
        seeds = " ".join(map(str, options.seed))
        command = f"python tools/plant_mistakes.py --draws {options.draws} --seed {seeds} --half {options.half}"
        options.markdown.write_text(markdown(found, f"{command} --right {options.right}"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100, help="wrong programs of a seed, halves together")
    parser.add_argument("--right", type=int, default=0, help="right programs of a seed, with other roundings")
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--half", choices=(*HALVES, "both"), default="open")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome")
    parser.add_argument(
        "--outcomes", type=Path, nargs="+", default=[], metavar="FILE", help="of --json; nothing is drawn"
    )
    parser.add_argument("--repeat", metavar="DRAW", help="one draw again, such as open-1-37")
    return parser.parse_args()


def _pieces(draws: list[Draw], jobs: int) -> Iterator[list[Outcome]]:
    """Draws on one golden go to one process."""
    draws = sorted(draws, key=lambda draw: plant(draw).case.ground)
    pieces = [draws[at : at + PIECE] for at in range(0, len(draws), PIECE)]
    if jobs == 1:
        yield from map(_piece, pieces)
    else:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield from pool.map(_piece, pieces)


def _piece(draws: list[Draw]) -> list[Outcome]:
    return list(outcomes(draws))


def repeat(draw: Draw) -> None:
    """Plant one mistake again; say what it is, and what was said of it."""
    planted = plant(draw)
    here = ground(*planted.case.ground)
    found, expected, truths, seconds = compare(planted, here)
    judged = judge(found, expected, truths, [planting.truth for planting in planted.plantings])
    print(f"case      {planted.case}")
    print(f"planted   {planted.said or planted.operators[0].name}")
    print(f"wanted    {[truth.parts for truth in truths]}")
    print(f"first     {judged.first}; expected {judged.expected}: {judged.naming}; {seconds:.1f} s of CPU\n")
    print(found.verdict)
    for finding in found.findings:
        print(f"{finding.severity}: {finding.step or 'all'}: {finding.text}")
    for sentence in (*found.places, *found.sentences):
        print(sentence)


if __name__ == "__main__":
    main()
