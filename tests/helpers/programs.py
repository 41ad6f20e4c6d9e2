"""Programs that tests need besides Python, and the Debian packages that bring them.

python tests/helpers/programs.py prints the packages of those that are not here, for .ci/run.
"""

import os
import shutil

PACKAGES = {
    "gcc": "gcc",
    "make": "make",
    "clang": "clang",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "qemu-aarch64": "qemu-user",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "chromium": "chromium",
}


def missing(programs):
    return [program for program in programs if shutil.which(program) is None]


def need(*programs):
    """Without one of them a test is passed over on a developer's machine, and fails where CI is set."""
    import pytest  # which .ci/run has not installed yet

    absent = missing(programs)
    if absent:
        packages = " ".join(PACKAGES[program] for program in absent)
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"no {', '.join(absent)} here: apt-get install {packages}")


if __name__ == "__main__":
    print(*(PACKAGES[program] for program in missing(PACKAGES)))
