"""An integer port in C with a planted mistake: the C99 program, changed, built and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from helpers.planted_integers import Mistake

from refnet.export.c99.integers import render_network
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.network import IntegerNetwork

CHANGED = ("run.c", "refnet.c")
COMPILED_ONCE = ("main.c", "plan.c", "rounding.c", "softmax.c", "sha256.c")

# In the loop over the plan, a row of one's own; STEP in the environment is the number of the operation that is wrong.
HOOK = """\
Step wrong = plan[i];
        const Step *step = &wrong;
        here = atoi(getenv("STEP")) == i;
        if (here) {
            /* wrong */
        }"""


@dataclass(frozen=True)
class Dump:
    """What a port wrote.

    Attributes
    ----------
    tensors
        A folder: NAME.bin, int8, of the input and of every operation.
    sums
        A folder: NAME.bin, int32 little-endian, of every operation with a kernel.
    """

    tensors: Path
    sums: Path

    def codes(self, name: str) -> np.ndarray:
        return np.fromfile(self.tensors / f"{name}.bin", np.int8)

    def accumulators(self, name: str) -> np.ndarray:
        return np.fromfile(self.sums / f"{name}.bin", "<i4")


class Port:
    """The program of one network and picture, of which changed copies are made.

    >>> port = Port(network, TFLM, x, tmp_path / "port")                                            # doctest: +SKIP
    >>> port.run(MISTAKES[0], "stem", tmp_path / "dump").codes("stem")                              # doctest: +SKIP
    """

    def __init__(self, network: IntegerNetwork, engine: Engine, x: np.ndarray, folder: Path) -> None:
        self.network = network
        self.folder = folder
        render_network(network, engine, evaluate(network, engine, x), folder)
        self._change("run.c", r"const Step \*step = &plan\[i\];", HOOK)
        self._change("run.c", r"(?=#include <string.h>)", "#include <stdlib.h>\n")
        self._change("run.c", r"(?=static int8_t arena)", "int here;\n\n")
        self._change("refnet.c", r'(?=#include "rounding.h")', "extern int here;\n\n")
        self._compile(*COMPILED_ONCE)
        self._built: dict[str, Path] = {}

    def run(self, mistake: Mistake | None, name: str, target: Path) -> Dump:
        """Run the program with a mistake in one operation, or with none."""
        dump = Dump(target / "tensors", target / "sums")
        for folder in (dump.tensors, dump.sums):
            folder.mkdir(parents=True)
        number = [each.name for each in self.network.operations].index(name)
        program = self._build(mistake)
        command = [program, self.folder / "input.bin", dump.tensors, dump.sums]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"STEP": str(number)})
        return dump

    def _build(self, mistake: Mistake | None) -> Path:
        name = mistake.name if mistake else "right"
        if name not in self._built:
            for file in CHANGED:
                shutil.copyfile(self.folder / file, self.folder / f"{file}.right")
            for change in mistake.changes if mistake else ():
                self._change(*change)
            self._compile("-Werror=implicit-function-declaration", *CHANGED)
            objects = [Path(file).with_suffix(".o") for file in (*COMPILED_ONCE, *CHANGED)]
            subprocess.run(["gcc", "-o", name, *objects, "-lm"], cwd=self.folder, check=True)
            for file in CHANGED:
                (self.folder / f"{file}.right").replace(self.folder / file)
            self._built[name] = self.folder / name
        return self._built[name]

    def _change(self, file: str, pattern: str, replacement: str) -> None:
        path = self.folder / file
        text, count = re.subn(pattern, replacement, path.read_text())
        assert count, f"{file} has no {pattern}"
        path.write_text(text)

    def _compile(self, *files: str) -> None:
        subprocess.run(["gcc", "-std=c99", "-O1", "-w", "-c", *files], cwd=self.folder, check=True)
