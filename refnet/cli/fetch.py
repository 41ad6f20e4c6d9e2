"""``refnet fetch``: bring published weights to this machine."""

from __future__ import annotations

import argparse
from typing import Any

from refnet.cli import terminal
from refnet.errors import RefnetError

DESCRIPTION = """\
Bring weights that others published: download the file, check its size and
hash, convert it into a weight file in the cache, and delete the download. What
is here already is not fetched again. Models are fetched on first use, too.
"""
NOTES = """\
names:
  b1             the default set of its weights
  b1@timm-tf     of that publisher: the first of its sets that has b1
  b1@timm-tf:ns  exactly that set; `refnet info --published` has them all

environment:
  REFNET_CACHE    folder for fetched weight files (default: the user's cache)
  REFNET_OFFLINE  if set and not 0, nothing is ever downloaded
"""


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "fetch",
        help="bring published weights to this machine",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="model, or model@publisher, or model@publisher:set")
    parser.add_argument("--keep", action="store_true", help="keep the downloaded file as well")
    parser.add_argument("--json", action="store_true", help="print JSON, when all is done")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fetch one after the other; one that fails does not stop the others, and the exit code is then 2."""
    from refnet import fetch
    from refnet.hub.fetch import checked_name

    for name in options.names:
        checked_name(name)  # what is wrong comes out before anything is downloaded
    here = []
    for name in options.names:
        try:
            path = fetch(name, keep=options.keep)
        except RefnetError as error:
            terminal.say(f"error: {error}")
            continue
        here.append({"model": name, "file": str(path), "bytes": path.stat().st_size})
        if not options.json:
            print(f"{name}  {terminal.printable(str(path))}  {path.stat().st_size:,} bytes", flush=True)
    if options.json:
        terminal.print_json(here)
    return 0 if len(here) == len(options.names) else 2
