"""Attack refnet for so many minutes: python tools/attack.py --minutes 60 --seed 7 [--only readers,signals].

Damaged and costly files for every reader, and for the commands behind them; signals, forks and threads; bit flips in
caches; full and read-only disks, odd environments, hostile servers. Each try must end in the right bits, or in one
clear error with the documented exit code, in time, and leave nothing. What does not is a fault: it is kept in a
folder, and `--repeat CASE` tries it again. Everything stays on this machine, in processes with limits of time and
memory. The exit code is 1 if a fault was found. Needs `pip install -e '.[test]'`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attacks.campaign import Campaign, of_groups
from attacks.every import ABOUT, ATTACKS
from attacks.report import of_page, of_terminal, write_json, write_page
from attacks.worker import Worker

import refnet


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, or one case again."""
    groups = "\n".join(f"  {name:14}{what}" for name, what in ABOUT.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"attacks:\n{groups}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", metavar="NAMES", help="of attacks, with commas between them")
    parser.add_argument("--tries", type=int, metavar="N", help="at most so many of each attack")
    parser.add_argument("--processes", type=int, metavar="N", help="by default one for each core")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="for what finds a fault (default: a temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the counts into this page")
    parser.add_argument("--repeat", metavar="CASE", help="try one case again, and say what comes of it")
    options = parser.parse_args(arguments)
    refnet.warmup()  # kernels that a case had to compile would take longer than all else in it
    keep = options.keep or Path(tempfile.mkdtemp(prefix="attack-faults-"))
    try:
        if options.repeat is not None:
            return _repeat(options.repeat, keep)
        campaign = Campaign(of_groups(ATTACKS.values(), options.only), options.seed, keep)
        found = campaign.run(options.minutes, options.processes, options.tries)
    finally:
        if options.keep is None and keep.is_dir() and not any(keep.iterdir()):
            keep.rmdir()
    print(of_terminal(found, keep))
    if options.json is not None:
        write_json(found, options.json)
    if options.markdown is not None:
        write_page(of_page(found, ABOUT), options.markdown)
    return 1 if found.faults else 0


def _repeat(case: str, keep: Path) -> int:
    """Try one case again."""
    name, seed, number = case.rsplit(":", 2)
    worker = Worker(keep)
    try:
        outcome = worker.run(ATTACKS[name], int(seed), int(number))
    finally:
        worker.stop()
    assert outcome is not None
    print(f"{outcome.case}: {outcome.kind or 'clean'}, {outcome.seconds:.1f} s\n{outcome.text}")
    return 1 if outcome.kind else 0


if __name__ == "__main__":
    sys.exit(main())
