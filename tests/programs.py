"""Programs that tests need besides Python, and the Debian packages that bring them."""

import os
import shutil

import pytest

PACKAGES = {
    "gcc": "gcc",
    "make": "make",
    "clang": "clang",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "qemu-aarch64": "qemu-user",
    "chromium": "chromium",
}


def need(*programs):
    """Without one of them a test is passed over on a developer's machine, and fails where CI is set."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(PACKAGES[program] for program in missing)
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"no {', '.join(missing)} here: apt-get install {packages}")
