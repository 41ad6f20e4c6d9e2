"""Where things lie in a checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
CHELSEA = ROOT / "refnet" / "data" / "chelsea.png"  # the photograph that ships, 451 x 300
