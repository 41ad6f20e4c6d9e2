"""Damage to what refnet keeps: compiled kernels, converted checkpoints, weight files by name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from helpers.places import DATA

from attacks.case import Attack, Case, FaultError
from attacks.mutation import bytes_of, one_bit
from attacks.programs import run
from attacks.readers import make_weight_file
from attacks.tables import pictures
from attacks.watch import DONE

NOBODY = 65534


def _answers(case: Case, model: str, variables: dict[str, str], codes: set[int] = DONE - {1}) -> str:
    """Classify pictures in a new process; an empty text if that was refused."""
    told = run(["predict", str(pictures(case)), "-m", model, "--json", "--top", "3"], variables, codes)
    return told.out if told.code == 0 else ""


def kernels(case: Case) -> None:
    """Damage a file of compiled code: it is compiled anew or refused, and the numbers are the same."""
    model = str(make_weight_file(case))
    own = case.folder / "kernels"
    shutil.copytree(Path(os.environ["NUMBA_CACHE_DIR"]) / "refnet", own / "refnet")
    right = case.once("right", lambda: _answers(case, model, {}))
    files = sorted((own / "refnet").glob("*.kernels"))
    chosen = case.random.choice(files)
    match case.random.randrange(6):
        case 0:
            chosen.write_bytes(bytes_of(chosen.read_bytes(), case.random))
        case 1:
            chosen.write_bytes(case.random.choice(files).read_bytes())
        case 2:
            chosen.chmod(0o666)
        case 3 if os.geteuid() == 0:
            os.chown(chosen, NOBODY, NOBODY)
            chosen.write_bytes(one_bit(chosen.read_bytes(), case.random))
        case _:
            chosen.write_bytes(one_bit(chosen.read_bytes(), case.random))
    if _answers(case, model, {"NUMBA_CACHE_DIR": str(own)}, {0}) != right:
        raise FaultError("wrong", f"{chosen.name} was damaged, and the numbers are others")
    if left := [path.name for path in (own / "refnet").iterdir() if path.suffix != ".kernels"]:
        raise FaultError("leftover", f"in the cache of kernels: {left}")


def converted(case: Case) -> None:
    """Damage what a checkpoint was converted into, or the note of it: the same numbers, or refused."""
    source = DATA / "hugging_face" / "b-narrow"
    kept = case.kept["folder"] / "converted"

    right = case.once("converted", lambda: _answers(case, str(source), {"REFNET_CACHE": str(kept)}))
    own = case.folder / "cache"
    shutil.copytree(kept, own)
    chosen = case.random.choice(sorted(path for path in own.rglob("*") if path.is_file() and path.stat().st_size))
    chosen.write_bytes(case.random.choice([bytes_of, one_bit])(chosen.read_bytes(), case.random))
    found = _answers(case, str(source), {"REFNET_CACHE": str(own)})
    if found and found != right:
        raise FaultError("wrong", f"{chosen.name} was damaged, and the numbers are others")


def weights(case: Case) -> None:
    """Damage a weight file that is found by its name: refused, and never other numbers."""
    own = case.folder / "weights"
    own.mkdir()
    whole = case.once("lite1", lambda: _lite1(case))
    data = whole.read_bytes()
    damaged = case.random.choice([bytes_of, one_bit])(data, case.random)
    place = case.random.choice(["REFNET_CACHE", "REFNET_WEIGHTS"])
    (own / "lite1@lite.h5").write_bytes(damaged)
    right = case.once("right lite1", lambda: _answers(case, str(whole), {}))
    found = _answers(case, "lite1@lite", {place: str(own)})
    if found and found != right:
        raise FaultError("wrong", "a weight file was damaged, and the numbers are others")


def _lite1(case: Case) -> Path:
    from helpers.small_weights import make_weights_of

    from refnet.weights import writer

    path: Path = case.kept["folder"] / "lite1.h5"
    writer.write(path, make_weights_of("lite1", "lite", 1000))
    return path


def attacks() -> Iterator[Attack]:
    """All of them."""
    yield Attack("caches/kernels", kernels, seconds=150)
    yield Attack("caches/converted", converted, seconds=100)
    yield Attack("caches/weights", weights, seconds=100)
