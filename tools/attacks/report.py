"""What a campaign found, for a terminal, as JSON and as a page."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attacks.campaign import Found
from attacks.case import FAULTS
from refnet.version import __version__


def of_terminal(found: Found, keep: Path) -> str:
    """Write a line for each attack, then each fault with the command that repeats it."""
    width = max(map(len, found.tried), default=0) + 2
    lines = [f"{'attack':{width}}{'tried':>8}{'clean':>8}   slowest"]
    for name, tried in sorted(found.tried.items()):
        clean = tried - sum(found.of(kind, name) for kind in FAULTS)
        lines.append(f"{name:{width}}{tried:8}{clean:8}{found.slowest[name]:8.1f} s")
    for fault in found.faults:
        last = fault.text.strip().splitlines()[-1] if fault.text.strip() else ""
        lines += [f"{fault.kind}: {last:.200}", f"  python tools/attack.py --repeat {fault.case}"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds().items())
    lines.append(f"{found.tried.total()} tried in {found.seconds / 60:.1f} minutes, seed {found.seed}: {kinds}")
    if found.faults:
        lines.append(f"the files of each fault are in {keep}")
    return "\n".join(lines)


def as_json(found: Found) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        **_run(found),
        "tried": dict(sorted(found.tried.items())),
        "kinds": found.kinds(),
        "faults": [vars(fault) for fault in found.faults],
        "slowest": {name: round(seconds, 2) for name, seconds in sorted(found.slowest.items())},
    }


def write_json(found: Found, path: Path) -> None:
    """Write it."""
    path.write_text(json.dumps(as_json(found), indent=1) + "\n", "utf-8")


def _run(found: Found) -> dict[str, Any]:
    return {
        "refnet": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": found.seed,
        "minutes": round(found.seconds / 60, 1),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cpu() -> str:
    """Name the CPU, as far as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def of_page(found: Found, about: dict[str, str]) -> str:
    """Write the table of a page; ``about`` says what each group of attacks does."""
    run = _run(found)
    lines = [
        f"`python tools/attack.py --minutes {found.seconds / 60:.0f} --seed {found.seed}`, refnet {run['refnet']}, "
        f"{run['date']}, {run['cores']} cores of {run['cpu']}, Python {run['python']}, {run['system']}:",
        "",
        "| attack | what it does | tried | clean |",
        "|---|---|---|---|",
    ]
    for group, what in about.items():
        names = [name for name in found.tried if name.partition("/")[0] == group]
        if tried := sum(found.tried[name] for name in names):
            clean = tried - sum(found.of(kind, name) for name in names for kind in FAULTS)
            lines.append(f"| {group} | {what} | {tried:,} | {clean:,} |")
    total, faults = found.tried.total(), len(found.faults)
    lines += [f"| all | | {total:,} | {total - faults:,} |", "", "| fault | what it is | found |", "|---|---|---|"]
    lines += [f"| {kind} | {what} | {found.of(kind)} |" for kind, what in FAULTS.items()]
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- attack.py writes from here -->", "<!-- to here -->"


def write_page(text: str, path: Path) -> None:
    """Put the table between its marks in a page, or write a page of nothing else."""
    if not path.exists():
        path.write_text(f"{BEGIN}\n\n{text}\n{END}\n", "utf-8")
        return
    page = path.read_text("utf-8")
    before, found, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise SystemExit(f"{path} has no place for the table; want a line {BEGIN} and a line {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", "utf-8")
