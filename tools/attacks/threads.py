"""Many threads with several networks at once, and forks beside them: the same digests, and no child that hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from helpers.forks import stress_in_a_process

from attacks import ROOT
from attacks.case import Attack, Case, FaultError, patience
from attacks.readers import make_weight_file

# A program of its own: what hangs or dies is that alone. It prints what is wrong, and nothing else.
COMMON = """
import hashlib, random, sys, threading, warnings
import numpy as np
import refnet
from refnet.weights import synthetic
warnings.simplefilter("ignore")
chance = random.Random(sys.argv[1])
models = ["lite0", sys.argv[2]] if chance.random() < 0.3 else [sys.argv[2]]
nets = [refnet.load(m, dtype=d, threads=t) for m in models for d in ("float32", "float64") for t in (1, 3)]
steps = ["logits", "stem", "block1a.depthwise", "head", "pool"]
def job(chance):
    net, size = chance.choice(nets), (chance.randint(16, 40), chance.randint(16, 40))
    at = sorted(chance.sample(steps, chance.randint(1, 3)))
    return net, size, at
def digest(net, size, at):
    found = net.features(synthetic.uniform("attack", (1, *size, 3)), at=at)
    return hashlib.sha256(b"".join(found[name].tobytes() for name in at)).hexdigest()
"""

MANY = """
jobs = [job(chance) for _ in range(64)]
right = [digest(*each) for each in jobs]
def work(number):
    own = random.Random(f"{sys.argv[1]} {number}")
    for i in own.sample(range(64), 24):
        if own.random() < 0.05:
            refnet.load(sys.argv[2], threads=own.randint(1, 3)).logits(synthetic.uniform("x", (1, 20, 20, 3)))
        if digest(*jobs[i]) != right[i]:
            print("other numbers", jobs[i][1:])
threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
"""

POOL = """
import multiprocessing
busy = threading.Thread(target=lambda: [digest(*job(random.Random(i))) for i in range(20)])
busy.start()
jobs = [job(chance) for _ in range(8)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.starmap_async(digest, [(each[0], each[1], each[2]) for each in jobs]).get(float(sys.argv[3]))
busy.join()
if found != [digest(*each) for each in jobs]:
    print("other numbers in a pool's children")
"""


def _run(case: Case, program: str) -> None:
    """Run a program; it prints nothing where all is right."""
    (case.folder / "program.py").write_text(COMMON + program, "utf-8")
    limit = 100 * patience()
    command = [
        sys.executable,
        str(case.folder / "program.py"),
        case.name,
        str(make_weight_file(case)),
        str(0.9 * limit),
    ]
    with (case.folder / "out").open("w+") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise FaultError("hang", f"more than {limit:.0f} s") from None
        out.seek(0)
        said = out.read()
    if code or said:
        kind = "hang" if "-14" in said else "crash" if code < 0 or "[-" in said or ", -" in said else "wrong"
        raise FaultError(kind, f"exit {code}\n{said[-3000:]}")


def many(case: Case) -> None:
    """Let 16 threads run networks of several dtypes, sizes and sets of steps, and load further ones."""
    _run(case, MANY)


def forks(case: Case) -> None:
    """Fork beside threads that load, make new programs and prepare pictures: the tests' own stress, by other seeds."""
    limit = 110 * patience()
    try:
        problems = stress_in_a_process(25, 60, case.random.getrandbits(32), timeout=limit)
    except subprocess.TimeoutExpired:
        raise FaultError("hang", f"more than {limit:.0f} s") from None
    if problems:
        raise FaultError("hang" if "hangs" in problems[0] else "wrong", "; ".join(problems)[:3000])


def pool(case: Case) -> None:
    """Let a pool of forked processes predict beside a busy thread."""
    _run(case, POOL)


def attacks() -> Iterator[Attack]:
    """All of them."""
    yield Attack("threads/sixteen", many, seconds=120)
    yield Attack("forks/beside-threads", forks, seconds=120)
    yield Attack("forks/pool", pool, seconds=120)
