"""The picture at the top of README: the report of ``refnet compare``, as a browser shows it.

python tools/report_picture.py [PNG]

The port is the C99 program that refnet writes, with the mistake of docs/porting.md: one number of one line of its plan.
Needs gcc, make and chromium.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

from PIL import Image

from refnet.cli import main as refnet

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1280, 910  # of the part of the page that is shown, in pixels
COLOURS = 128

CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def make_report() -> Path:
    """Record a golden, make a port with a mistake in block3a.depthwise, and compare them, all in the current folder."""
    shutil.copy(ROOT / "refnet" / "data" / "chelsea.png", ".")
    refnet(["golden", "lite0", "--image", "chelsea.png", "-o", "golden", "--quiet"])
    refnet(["golden", "lite0", "--image", "chelsea.png", "--c", "port"])
    plan = Path("port", "plan.c")
    right = plan.read_text("utf-8")
    wrong = re.sub(r'("block3a\.depthwise".*)\{1, 2, 1, 2\}', r"\1{2, 2, 2, 2}", right)
    assert wrong != right
    plan.write_text(wrong, "utf-8")
    subprocess.run(["make", "-s", "-C", "port", "tensors"], check=True, stdout=subprocess.DEVNULL)
    assert refnet(["compare", "golden", "port/tensors", "--html", "report.html"]) == 1
    return Path("report.html").absolute()


def photograph(page: Path, picture: Path) -> None:
    """Show a page in a browser; keep the screen in as few colours as it needs."""
    with tempfile.TemporaryDirectory() as profile:
        screen = f"{profile}/screen.png"
        options = [f"--user-data-dir={profile}", f"--screenshot={screen}", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run([*CHROMIUM, *options, page.as_uri()], check=True, capture_output=True, timeout=120)
        with Image.open(screen) as shown:
            shown.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else PICTURE
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        photograph(make_report(), target)
