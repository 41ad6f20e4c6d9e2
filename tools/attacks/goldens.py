"""Damaged recordings, certificates and tables of digests, and `compare` and `verify` behind them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from attacks.case import Attack, Case, FaultError
from attacks.mutation import bytes_of, json_of, one_bit, text_of, zip_of
from attacks.readers import make_weight_file
from attacks.watch import Told, command, refused_or

# Ends of goldens: of a file, or the format in a directory; "text" is a C header of decimals.
KINDS = (".h5", ".npz", "npy", "raw", "hex", "mem", "coe", "txt", "h", "text")
PICTURED = (".npz", "raw", "txt")  # of a picture, with its recipe; the others of a generated input
STEPS = ["stem", "stem.conv", "block1a.depthwise", "head", "logits"]


def golden_of(case: Case, kind: str) -> Path:
    """Record the small network, once for this process."""

    def make() -> Path:
        from helpers.photos import pixels

        import refnet

        target: Path = case.kept["folder"] / f"golden-{kind.strip('.')}{kind if kind.startswith('.') else ''}"
        how: dict[str, Any] = {} if kind.startswith(".") else {"format": kind}
        how |= {"format": "h", "text": True} if kind == "text" else {}
        if kind in PICTURED:
            how["image"] = pixels(5, 40, 40)
        network = case.once("network", lambda: refnet.load(make_weight_file(case), threads=1))
        refnet.record(network, target, steps=STEPS, size=(17, 16), **how)
        return target

    path: Path = case.once(f"golden {kind}", make)
    return path


def copied(source: Path, case: Case, name: str) -> Path:
    """Copy a golden: a file, or a folder of files."""
    target = case.folder / f"{name}{source.suffix}"
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
    return target


def damage(target: Path, chance: Random) -> int:
    """Damage a golden, anywhere or in what its manifest says; return its size."""
    files = sorted(target.iterdir()) if target.is_dir() else [target]
    manifest = target / "manifest.json"
    chosen = manifest if manifest.exists() and chance.random() < 0.5 else chance.choice(files)
    data = chosen.read_bytes()
    how: Callable[[bytes, Random], bytes] = bytes_of
    if chosen.suffix == ".json":
        how = json_of
    elif chosen.suffix == ".npz":
        how = zip_of
    elif chosen.suffix in {".txt", ".h", ".hex", ".mem", ".coe"} and chance.random() < 0.5:
        how = text_of
    chosen.write_bytes(how(data, chance))
    return sum(path.stat().st_size for path in files)


def read(kind: str) -> Callable[[Case], None]:
    """Make the attack on the reader: what a tensor's digest agrees with is the tensor."""

    def run(case: Case) -> None:
        from refnet.golden.read import open_reader

        good = golden_of(case, kind)
        tensors = case.once(f"tensors {kind}", lambda: _tensors(good))
        target = copied(good, case, "damaged")
        size = damage(target, case.random)

        def check(found: dict[str, Any]) -> None:
            for name, (array, digest) in found.items():
                was, was_digest = tensors.get(name, (None, None))
                if was is not None and digest == was_digest and was.tobytes() != array.tobytes():
                    raise FaultError("wrong", f"{name} has other numbers and the same digest")

        def all_of_it() -> dict[str, Any]:
            with open_reader(target) as reader:
                verified = [name for name in reader.names if reader.verify(name)]
            found = _tensors(target)
            return {name: found[name] for name in verified if found[name][1] is not None}

        refused_or(all_of_it, size, check)

    return run


def _tensors(path: Path) -> dict[str, Any]:
    """Every tensor, with the digest of its bytes in the manifest."""
    from refnet.golden.read import open_reader

    found = {}
    with open_reader(path) as reader:
        for name in reader.names:
            stored = reader.read(name)
            found[name] = stored.array, stored.entry and stored.entry.sha256
    return found


def compared(kind: str) -> Callable[[Case], None]:
    """Make the attack on `compare`: damage to either side is refused or judged, with a documented exit code."""

    def run(case: Case) -> None:
        good = golden_of(case, kind)
        target = copied(good, case, "damaged")
        size = damage(target, case.random)
        sides = [str(good), str(target)]
        if case.random.random() < 0.5:
            sides.reverse()
        told = command(
            ["compare", *sides, *_model(case), *case.random.choice([[], ["--json"], ["--exact"]])], size + MARGIN
        )
        if told.code == 0 and "--json" in told.out:
            json.loads(told.out)

    return run


MARGIN = 2_000_000  # bytes that reading a megabyte would take as long as the run of the network and its diagnosis


def _model(case: Case) -> list[str]:
    return ["--model", str(make_weight_file(case))] if case.random.random() < 0.7 else []


def changed_number(case: Case) -> None:
    """Change one number of a port so much that no rounding explains it: `compare` may not call it right."""
    good = golden_of(case, "npy")
    port = copied(good, case, "port")
    if case.random.random() < 0.5:
        (port / "manifest.json").unlink()  # a port has none
    name = case.random.choice(["stem", "block1a.depthwise", "head", "logits"])
    array = np.load(port / f"{name}.npy")
    at = case.random.randrange(array.size)
    scale = float(np.abs(array).max()) or 1.0
    wrong = [array.flat[at] + scale, -2 * scale, np.nan, np.inf, array.flat[at] + scale / 50]
    array.flat[at] = case.random.choice(wrong)
    np.save(port / f"{name}.npy", array)
    model = ["--model", str(make_weight_file(case))]
    told = command(["compare", str(good), str(port), *model], MARGIN)
    _must_differ(told, f"{name}[{at}] was changed by a fiftieth of the largest number or more")


def one_wrong_bit(case: Case) -> None:
    """Turn one bit of a port's tensor over: with --exact `compare` may not call it equal."""
    good = golden_of(case, "npy")
    port = copied(good, case, "port")
    (port / "manifest.json").unlink()
    name = case.random.choice(["stem", "block1a.depthwise", "head", "logits"])
    data = np.load(port / f"{name}.npy")
    changed = np.frombuffer(one_bit(data.tobytes(), case.random), data.dtype).reshape(data.shape)
    if (np.isnan(changed) | (changed == data)).all() or (data == changed).all():  # -0 equals 0
        return
    np.save(port / f"{name}.npy", changed)
    told = command(["compare", str(good), str(port), "--exact", "--model", str(make_weight_file(case))], MARGIN)
    _must_differ(told, f"a bit of {name} was changed")


def _must_differ(told: Told, what: str) -> None:
    if told.code == 0:
        raise FaultError("wrong", f"{what}, and compare says {told.out[-1000:]}")


def name_map(case: Case) -> None:
    """A damaged table of names for `compare`."""
    good = golden_of(case, "npy")
    names = {"stem": "stem", "head": "head", "their logits": "logits"}
    text = json.dumps(names) if case.random.random() < 0.6 else "\n".join(f"{a}\t{b}" for a, b in names.items())
    how = json_of if text.startswith("{") else text_of
    path = case.folder / "names.txt"
    path.write_bytes(how(text.encode(), case.random))
    command(["compare", str(good), str(good), "--map", str(path), "--model", str(make_weight_file(case))], MARGIN)


def certificate(case: Case) -> None:
    """A damaged certificate: `verify` refuses it, or finds a difference wherever it says something else."""
    from helpers.photos import tiny_weights

    from refnet.checkpoints import certificate as certificates
    from refnet.weights import writer

    target = case.folder / "mine.h5"
    weights = case.once("tiny", tiny_weights)
    writer.write(target, weights)
    beside = certificates.beside(target)
    text = certificates.text(certificates.statement(weights), {"told": []})
    damaged = json_of(text.encode(), case.random)
    beside.write_bytes(damaged)
    told = command(["verify", str(target), *case.random.choice([[], ["--json"]])], len(damaged) + MARGIN)
    if told.code == 0 and _stated(damaged) != _stated(text.encode()):
        raise FaultError("wrong", f"another certificate was taken for this one's: {told.out[-500:]}")


def _stated(text: bytes) -> Any:
    """What a certificate says of the weights; the rest tells how they came about."""
    try:
        return json.dumps(json.loads(text)["weights"], sort_keys=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def digests(case: Case) -> None:
    """A damaged table of digests: refused, or verified to a difference where it says another digest."""
    from refnet.golden import digests as tables
    from refnet.golden.verify import verify

    source = tables.FOLDER / "lite0.json"
    lines = [line for line in source.read_text("utf-8").splitlines(keepends=True) if '"digest_of"' not in line]
    damaged = json_of("".join(lines).encode(), case.random)
    (case.folder / "lite0.json").write_bytes(damaged)
    refused_or(lambda: tables.read_tables(case.folder), len(damaged))
    if case.random.random() < 0.1:
        refused_or(lambda: list(verify("lite0@synthetic", table=case.folder)), len(damaged) + 20_000_000)


def attacks() -> Iterator[Attack]:
    """All of them."""
    for kind in KINDS:
        yield Attack(f"goldens/{kind.strip('.')}", read(kind))
        yield Attack(f"compare/{kind.strip('.')}", compared(kind), seconds=40)
    yield Attack("compare/changed-number", changed_number, seconds=40)
    yield Attack("compare/one-bit", one_wrong_bit, seconds=40)
    yield Attack("compare/map", name_map, seconds=40)
    yield Attack("verify/certificate", certificate, seconds=40)
    yield Attack("verify/digests", digests, seconds=60)
