"""Attacks on refnet, each a function that tries one thing, and the campaign that runs them: see tools/attack.py."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT), str(ROOT / "tests")]  # the helpers of the tests make most of what is thrown
