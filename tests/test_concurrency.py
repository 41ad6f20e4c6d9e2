"""Several callers at once, and after a fork: right answers, no abort, no hang.

Numba's threading layers (omp, tbb, workqueue) play no part: refnet's threads are its own, see engine/team.py. So the
answers are the same with any of them installed or chosen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import forks
from helpers.places import ROOT

import refnet
from refnet.network import Network
from refnet.weights import synthetic


@pytest.fixture(scope="module")
def net() -> Network:
    return refnet.load("lite0", threads=2)


def inputs(count: int) -> list[np.ndarray]:
    return [synthetic.uniform(f"caller {i}", (1, 64, 64, 3)) for i in range(count)]


def test_many_callers_of_one_network(net: Network) -> None:
    xs = inputs(8)
    expected = [net.logits(x) for x in xs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for got, want in zip(pool.map(net.logits, xs), expected, strict=True):
                assert (got == want).all()


def test_callers_of_different_networks_and_sizes(net: Network) -> None:
    other = refnet.load("b0@synthetic", threads=3)
    jobs = [(n, synthetic.picture_tensor(size, size)) for n in (net, other) for size in (32, 47, 64)] * 2
    expected = [n.logits(x) for n, x in jobs]
    with ThreadPoolExecutor(6) as pool:
        for got, want in zip(pool.map(lambda job: job[0].logits(job[1]), jobs), expected, strict=True):
            assert (got == want).all()


def test_far_more_threads_than_cores(net: Network) -> None:
    """Thirty-two for each call, and as many calls at once: they take turns, and each step has the same bytes."""
    crowd = refnet.load("lite0", threads=32)
    xs = inputs(32)
    for (name, got), (_, want) in zip(crowd.trace(xs[0]), net.trace(xs[0]), strict=True):
        assert got.tobytes() == want.tobytes(), name
    expected = [net.logits(x).tobytes() for x in xs]
    with ThreadPoolExecutor(32) as pool:
        calls = [pool.submit(crowd.logits, x) for x in xs * 2]
        assert [call.result(timeout=300).tobytes() for call in calls] == expected * 2


FORK = """
import os, sys, threading
import refnet
from refnet.weights import synthetic
net = refnet.load("lite0", threads=2)
x = synthetic.picture_tensor(64, 64)
if "before" in sys.argv:
    expected = net.logits(x)          # threads are running when the process forks
if "busy" in sys.argv:
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [net.logits(x) for _ in iter(stop.is_set, True)])
    busy.start()
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        same = net.logits(x).tobytes() == net.logits(x).tobytes()
        if "before" in sys.argv:
            same = same and (net.logits(x) == expected).all()
        os._exit(0 if same else 1)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
if "busy" in sys.argv:
    stop.set()
    busy.join()
net.logits(x)
print(codes)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("layer", ["default", "workqueue", "omp"])
@pytest.mark.parametrize("when", [["first"], ["before"], ["before", "busy"]], ids="-".join)
def test_after_a_fork(when: list[str], layer: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK, *when],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_THREADING_LAYER": layer},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "[0, 0, 0]\n"), result.stderr


FORK_WHILE_COMPILING = """
import os, sys, threading, time
import refnet
from refnet.weights import synthetic
net = refnet.load("lite0", threads=2)
x = synthetic.picture_tensor(32, 32)
caller = threading.Thread(target=net.logits, args=(x,))
caller.start()
time.sleep(float(sys.argv[1]))
pid = os.fork()
if pid == 0:
    net.logits(x)
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
caller.join()
print(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("cold", "seconds"), [(True, 2), (False, 0.1), (False, 0.3)])
def test_a_fork_while_another_thread_compiles_or_loads(cold: bool, seconds: float, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_OPT": "0"}
    if cold:
        environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    else:
        del environment["NUMBA_OPT"]
    command = [sys.executable, "-W", "ignore", "-c", FORK_WHILE_COMPILING, str(seconds)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout == "0\n"


FORK_WHILE_OTHERS_COMPILE = """
import os, threading, time
import refnet
from refnet.weights import synthetic
import llvmlite.binding.ffi as llvm
from numba.core.compiler_lock import global_compiler_lock
net = refnet.load("lite0", threads=2)
x = synthetic.picture_tensor(32, 32)
def compile_something_else():
    with global_compiler_lock, llvm.lib._lock:
        held.set()
        time.sleep(0.5)
held = threading.Event()
threading.Thread(target=compile_something_else).start()
held.wait()
pid = os.fork()
if pid == 0:
    net.logits(x)  # whose kernels are not loaded yet
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""

POOL = """
import multiprocessing, threading
import refnet
from refnet.weights import synthetic
net = refnet.load("lite0", threads=2)
x = synthetic.picture_tensor(64, 64)
def logits(number):
    return net.logits(x).tobytes()
stop = threading.Event()
def busy():
    size = 32
    while not stop.is_set():
        size = size % 90 + 32
        net.features(synthetic.picture_tensor(size, size), at=["stem", "logits"])
threading.Thread(target=busy).start()
for _ in range(3):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        answers = set(pool.map(logits, range(12)))
    assert answers == {net.logits(x).tobytes()}
stop.set()
print(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("program", [FORK_WHILE_OTHERS_COMPILE, POOL], ids=["others compile", "pool"])
def test_forks_beside_others(program: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (0, "0\n"), result.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_beside_threads_that_load_and_make_programs() -> None:
    assert forks.stress_in_a_process(forks=10, seconds=4) == []


def test_first_calls_from_two_threads_compile_once() -> None:
    code = """
import threading
import refnet
from refnet.weights import synthetic
net = refnet.load("lite0", threads=2)
x = synthetic.picture_tensor(32, 32)
results = []
callers = [threading.Thread(target=lambda: results.append(net.logits(x).tobytes())) for _ in range(4)]
[c.start() for c in callers]
[c.join() for c in callers]
print(len(results), len(set(results)))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout == "4 1\n"


def test_helpers_end_with_their_network() -> None:
    before = set(threading.enumerate())
    net = refnet.load("lite0", threads=3)
    net.logits(synthetic.picture_tensor(32, 32))
    helpers = set(threading.enumerate()) - before
    assert helpers
    del net
    for helper in helpers:
        helper.join(10)
        assert not helper.is_alive()
