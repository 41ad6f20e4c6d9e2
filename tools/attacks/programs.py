"""Commands in processes of their own: how they are started, how they end, what they leave."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attacks import ROOT
from attacks.case import Case, FaultError
from attacks.readers import make_weight_file
from attacks.tables import pictures
from attacks.watch import Told, check_told

SECONDS = 60.0  # for a command that takes two
SIGNALLED = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGKILL": -9}


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    Attributes
    ----------
    words
        With {model}, {pictures}, {target} and {source}, a checkpoint, in them.
    target
        What it writes.
    beside
        What it writes as well.
    keeps
        Whether an interrupted run may leave TARGET.part, for --resume.
    """

    words: str
    target: str
    beside: tuple[str, ...] = ()
    keeps: bool = False


WRITERS = {
    "golden-folder": Writer("golden {model} -o {target} --quiet --size 40x40", "golden"),
    "golden-h5": Writer("golden {model} -o {target} --quiet --size 40x40", "golden.h5"),
    "golden-npz": Writer("golden {model} -o {target} --quiet --size 40x40", "golden.npz"),
    "golden-c": Writer("golden {model} --c {target}", "program"),
    "convert": Writer("convert {source} -o {target}", "made.h5", ("made.certificate.json",)),
    "invert": Writer("convert {lite0} --invert -o {target}", "made.safetensors"),
    "predict": Writer("predict {pictures} -m {model} -o {target}", "found.csv", keeps=True),
    "features-h5": Writer("features {pictures} -m {model} -o {target}", "found.h5", keeps=True),
    "features-npy": Writer("features {pictures} -m {model} -o {target}", "found.npy", ("found.names.txt",), keeps=True),
    "eval": Writer("eval {pictures} --truth {truth} -m {model} -o {target}", "found.jsonl", keeps=True),
    "html": Writer("eval {pictures} --truth {truth} -m {model} --html {target}", "page.html"),
    "export": Writer("export {model} -o {target}", "made.onnx"),
}


def words_of(name: str, case: Case, folder: Path) -> list[str]:
    """Write down a command of the table, for a target in this folder."""
    from helpers.places import DATA

    from attacks.tables import TRUTHS

    writer = WRITERS[name]
    truth = case.kept["folder"] / "truth.csv"
    case.once("truth", lambda: truth.write_text(TRUTHS["csv"], "utf-8"))
    places = {
        "model": make_weight_file(case), "pictures": pictures(case), "target": folder / writer.target, "truth": truth,
        "lite0": ROOT / "weights" / "lite0.h5", "source": DATA / "hugging_face" / "b-narrow",
    }  # fmt: skip
    return [word.format(**places) for word in writer.words.split()]


def started(
    words: Sequence[str], variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.Popen[str]:
    """Start a command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
    command = [sys.executable, "-m", "refnet", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        errors="replace",
    )


def ended(process: subprocess.Popen[str], seconds: float = SECONDS) -> Told:
    """Wait for its end."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise FaultError("hang", f"{process.args} took more than {seconds} s") from None
    return Told(process.returncode, out, err)


def run(
    words: Sequence[str], variables: Mapping[str, str] | None = None, codes: frozenset[int] = frozenset({0, 1, 2})
) -> Told:
    """Run a command to its end, which is a documented one."""
    told = ended(started(words, variables))
    check_told(list(words), told, codes)
    return told


def undisturbed(name: str, case: Case) -> tuple[dict[str, str], float]:
    """Run a command of the table, once for this process: the digests of its files, and how long it took."""

    def make() -> tuple[dict[str, str], float]:
        folder: Path = case.kept["folder"] / f"undisturbed-{name}"
        folder.mkdir()
        words = words_of(name, case, folder)
        begun = time.monotonic()
        told = run(words)
        if told.code:
            raise FaultError("wrong", f"{name} does not work: {told.err}")
        return content(folder), time.monotonic() - begun

    found: tuple[dict[str, str], float] = case.once(f"undisturbed {name}", make)
    return found


def content(folder: Path) -> dict[str, str]:
    """Give the digest of every file in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_whole(name: str, found: Mapping[str, str], whole: Mapping[str, str], folder: Path, *, killed: bool) -> None:
    """What is there under its own name is whole; anything else is a leftover, but for what --resume goes on from."""
    writer = WRITERS[name]
    for file, digest in found.items():
        top = file.partition("/")[0]
        if file in whole:
            if digest != whole[file] and not _may_differ(file):
                raise FaultError("wrong", f"{file} is there, and not what an undisturbed run writes")
        elif not killed and not (writer.keeps and top in {f"{writer.target}.part"}):
            raise FaultError("leftover", f"{file} in {sorted(p.name for p in folder.iterdir())}")
    if len(set(found) & set(whole)) not in {0, len(whole)} and not writer.beside:
        raise FaultError("wrong", f"half written: {sorted(found)} of {sorted(whole)}")
    if not killed and (left := [path.name for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]):
        raise FaultError("leftover", f"empty folders: {left}")


def _may_differ(file: str) -> bool:
    """Files that tell the time at which they were made."""
    return file.endswith((".certificate.json", "page.html"))
