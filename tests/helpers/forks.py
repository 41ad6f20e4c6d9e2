"""Forks beside threads that load models, make new programs and compile: every child predicts, and ends.

Run as a program, it forks so many times for so many seconds at most, and prints how many children there were.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import warnings

from helpers.places import ROOT

LIMIT = 60.0  # seconds in which a child must have ended


def stress(forks: int, seconds: float, seed: int = 0) -> list[str]:
    """Fork beside busy threads, from this thread and from others, grandchildren too; say what went wrong.

    It wants a process of its own: its threads go on until it ends.
    """
    import refnet
    from refnet.weights import synthetic

    warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, which are the point
    net = refnet.load("lite0", threads=2)
    x = synthetic.picture_tensor(64, 64)
    expected = {dtype: refnet.load("lite0", dtype=dtype).logits(x).tobytes() for dtype in ("float32", "float64")}
    draw, stop = random.Random(seed), threading.Event()

    def child() -> int:
        """Use what the parent made, and make all of it anew; how many answers differ."""
        found = [net.logits(x).tobytes() == expected["float32"]]
        dtype = "float64" if os.getpid() % 2 else "float32"
        found.append(refnet.load("lite0", dtype=dtype, threads=2).logits(x).tobytes() == expected[dtype])
        net.features(synthetic.picture_tensor(*new_size(random.Random(os.getpid()))), at=["stem", "head"])
        return found.count(False)

    def loading() -> None:
        while not stop.is_set():
            refnet.load("lite0", threads=1)

    def planning() -> None:
        sizes = random.Random(seed + 1)
        while not stop.is_set():
            net.features(synthetic.picture_tensor(*new_size(sizes)), at=[sizes.choice(net.plan.steps).name, "logits"])

    def preparing() -> None:
        while not stop.is_set():
            refnet.predict("refnet/data/chelsea.png", "lite0")

    for work in (loading, planning, planning, preparing):
        threading.Thread(target=work, daemon=True).start()
    problems: list[str] = []
    end = time.monotonic() + seconds
    for number in range(forks):
        if time.monotonic() > end:
            break
        time.sleep(draw.uniform(0, 0.02))
        _fork_and_judge(number, child, problems, by_thread=number % 3 == 1, grandchild=number % 5 == 2)
    print(f"{number + 1} forks, {len(problems)} problems", flush=True)
    stop.set()
    return problems


def new_size(draw: random.Random) -> tuple[int, int]:
    """Draw a size that is hardly ever drawn twice."""
    return draw.randint(32, 96), draw.randint(32, 96)


def _fork_and_judge(number: int, child, problems: list[str], *, by_thread: bool, grandchild: bool) -> None:  # type: ignore[no-untyped-def]
    pids: list[int] = []
    fork = lambda: pids.append(_fork(child, grandchild=grandchild))  # noqa: E731
    if by_thread:
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    else:
        fork()
    code = _wait(pids[0])
    if code != 0:
        how = "hangs" if code is None else f"ends with {code}"
        problems.append(f"child {number} {how}{' (by a thread)' * by_thread}{' (a grandchild)' * grandchild}")


def _fork(child, *, grandchild: bool) -> int:  # type: ignore[no-untyped-def]
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        code = child()
        if grandchild:
            inner = _fork(child, grandchild=False)
            code += _wait(inner) or 0
    finally:
        os._exit(code)


def _wait(pid: int) -> int | None:
    """Exit code of a child; None, and it is killed, if it does not end."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None


def stress_in_a_process(forks: int, seconds: float, seed: int = 0, timeout: float = 600.0) -> list[str]:
    """Do as ``stress`` in a process of its own."""
    command = [sys.executable, "-m", "helpers.forks", str(forks), str(seconds), str(seed)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )
    return done.stdout.splitlines()[1:] + ([done.stderr] if done.returncode or done.stderr else [])


if __name__ == "__main__":
    for problem in stress(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])):
        print(problem)
    sys.stdout.flush()
    os._exit(0)  # without waiting for the threads
