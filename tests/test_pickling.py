"""Networks, and all that holds or describes one, in other processes: the same bits, and no hang."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import safetensors.numpy
from helpers.generated_checkpoints import state
from helpers.places import CHELSEA, ROOT
from helpers.small_weights import make_weights

import refnet
from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.network import Network, restore
from refnet.preprocessing.recipe import RECIPES
from refnet.weights import paths, synthetic, writer

X = synthetic.picture_tensor(64, 64)
LONG = 120  # seconds: only a process that hangs takes so long


@pytest.fixture(scope="module")
def net() -> Network:
    return refnet.load("lite0", threads=2)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    writer.write(tmp_path / "tiny.h5", make_weights())
    return tmp_path / "tiny.h5"


@pytest.fixture(autouse=True)
def _nothing_kept():
    restore._load.cache_clear()


def again(thing):
    return pickle.loads(pickle.dumps(thing))


COPIES: dict[str, Callable[[Network], Network]] = {
    "pickle": again,
    "old pickle": lambda net: pickle.loads(pickle.dumps(net, 0)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("made", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("origin", ["file", "memory"])
def test_a_copy_is_the_same_network(made: Callable[[Network], Network], dtype: str, origin: str, tiny: Path) -> None:
    options = {"dtype": dtype, "threads": 2, "recipe": RECIPES["timm"], "size": (33, 47)}
    net = (
        Network(make_weights(), **options) if origin == "memory" else refnet.load(tiny, **{**options, "size": [33, 47]})
    )
    other = made(net)
    assert other is not net
    for name in ("dtype", "threads", "recipe", "plan", "variant", "labels"):
        assert getattr(other, name) == getattr(net, name)
    assert other.weights.digest() == net.weights.digest()
    assert (other.weights.recipe, other.weights.provenance) == (net.weights.recipe, net.weights.provenance)
    assert (other.probabilities(X) == net.probabilities(X)).all()
    assert (other.probabilities(X) == net.probabilities(X)).all()


def test_a_copy_shares_the_weights(net: Network) -> None:
    for other in (copy.copy(net), copy.deepcopy(net), copy.deepcopy([net])[0]):
        assert other.weights is net.weights
    other.recipe = RECIPES["keras"]
    assert net.recipe == RECIPES["lite"]


def test_a_network_of_a_file_is_sent_as_its_path(net: Network) -> None:
    sent = pickle.dumps(net)
    assert len(sent) < 1000
    assert b"lite0.h5" in sent
    assert paths.find("lite0").is_absolute()


def test_the_path_holds_wherever_the_other_process_stands(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    sent = pickle.dumps(refnet.load("tiny.h5"))
    monkeypatch.chdir("/")
    assert pickle.loads(sent).variant == "tiny"


def test_threads_that_nobody_stated_are_those_of_the_other_process(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = pickle.dumps(refnet.load("lite0"))
    monkeypatch.setattr("refnet.checks.available_cores", lambda: 7)
    assert pickle.loads(sent).threads == 7
    assert again(net).threads == 2


def test_what_is_sent_many_times_is_loaded_once(net: Network) -> None:
    first, second = again(net), again(net)
    assert first is not second
    assert first.weights is second.weights


@pytest.mark.parametrize("change", ["tensors", "recipe"])
def test_another_file_in_its_place_is_refused(change: str, tiny: Path) -> None:
    weights = make_weights()
    sent = pickle.dumps(refnet.load(tiny))
    pickle.loads(sent)
    if change == "recipe":
        weights = replace(weights, recipe=RECIPES["timm"])
    else:
        weights.tensors["logits/bias"][0] = 0.5
    writer.write(tiny, weights)
    with pytest.raises(WeightsError, match=r"tiny.h5 holds other weights than the network that was sent here .*digest"):
        pickle.loads(sent)


def test_a_file_that_is_missing_is_named_and_what_helps(tiny: Path) -> None:
    sent = pickle.dumps(refnet.load(tiny))
    tiny.unlink()
    with pytest.raises(
        WeightsNotFoundError, match=r"tiny.h5 does not exist; .*refnet.Network\(network.weights\)"
    ) as error:
        pickle.loads(sent)
    assert error.value.filename == str(tiny)


def test_weights_that_somebody_had_in_hand_are_sent_whole(tiny: Path) -> None:
    net = refnet.load(tiny)
    changed = dict(net.weights.tensors) | {"logits/bias": np.full(10, 0.5, np.float32)}
    for weights in (net.weights, replace(net.weights, tensors=changed)):
        made = Network(weights)
        sent = pickle.dumps([made, made.weights, weights])
        tiny.unlink(missing_ok=True)
        other, theirs, whole = pickle.loads(sent)
        assert (other.logits(X) == made.logits(X)).all()
        assert theirs.digest() == whole.digest() == weights.digest()


def test_a_converted_checkpoint_is_sent_as_what_it_became(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    safetensors.numpy.save_file(state("torchvision", classes=3), tmp_path / "mine.safetensors")
    net = refnet.load(tmp_path / "mine.safetensors")
    sent = pickle.dumps(net)
    assert b"converted" in sent
    assert (pickle.loads(sent).logits(X) == net.logits(X)).all()
    monkeypatch.setenv("REFNET_CACHE", "/proc/nowhere")  # where nothing can be kept
    unkept = refnet.load(tmp_path / "mine.safetensors")
    assert (again(unkept).logits(X) == net.logits(X)).all()


def test_what_describes_networks_comes_back_equal(net: Network, tmp_path: Path) -> None:
    manifest = refnet.record("lite0", tmp_path / "golden", steps=["stem"])
    predictions = net.predict(CHELSEA)
    for thing in (net.plan, net.recipe, net.labels, predictions, manifest, net.weights.provenance):
        for other in (again(thing), copy.copy(thing), copy.deepcopy(thing)):
            assert (type(other), other) == (type(thing), thing)
    assert again(net.plan).shapes == net.plan.shapes


# --- in other processes ---


def _pool(method: str, function, xs):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map_async(function, xs).get(LONG)


def _executor(executor: Executor, function, xs):
    with executor:
        return list(executor.map(function, xs, timeout=LONG))


def _joblib(function, xs):
    return joblib.Parallel(n_jobs=2, timeout=LONG)(joblib.delayed(function)(x) for x in xs)


WAYS = {
    "spawn": lambda *work: _pool("spawn", *work),
    "forkserver": lambda *work: _pool("forkserver", *work),
    "concurrent processes": lambda *work: _executor(
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")), *work
    ),
    "concurrent threads": lambda *work: _executor(ThreadPoolExecutor(2), *work),
    "joblib": _joblib,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_same_bits_in_other_processes(way: Callable, net: Network) -> None:
    xs = [synthetic.uniform(f"sent {n}", (1, 40, 40, 3)) for n in range(4)]
    for answer, x in zip(way(net.logits, xs), xs, strict=True):
        assert (answer == net.logits(x)).all()


FORK = """
import multiprocessing, os, threading
from concurrent.futures import ProcessPoolExecutor
import refnet
from refnet.weights import synthetic

net = refnet.load("lite0", threads=2)
xs = [synthetic.picture_tensor(16, width) for width in range(16, 36)]
expected = [net.logits(x).tobytes() for x in xs]
stop = threading.Event()

def predict():  # ever new sizes: a program is made for each, and a network now and then
    while not stop.is_set():
        refnet.load("lite0", threads=2).logits(xs[0])
        [net.logits(x) for x in xs]

def answers(n):
    other = refnet.load("lite0", threads=2)
    return [each.logits(xs[n]).tobytes() for each in (net, other)] == [expected[n]] * 2

busy = threading.Thread(target=predict)
busy.start()
fork = multiprocessing.get_context("fork")
try:
    with ProcessPoolExecutor(2, fork) as executor:
        assert all(executor.map(answers, range(4), timeout=60))
    for n in range(5):
        with fork.Pool(2) as pool:
            assert all(pool.map_async(answers, [n, n]).get(60))
    print("done")
finally:
    stop.set()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_beside_a_thread_that_predicts() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3 * LONG, check=False)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr
