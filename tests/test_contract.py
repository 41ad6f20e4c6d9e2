"""The promise: one result, whatever the CPU, the number of threads, the batch, and what else is looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers.places import CHELSEA, DATA, ROOT

import refnet
from refnet.preprocessing.recipe import RECIPES
from refnet.reference.digest import tensor_digest
from refnet.weights import synthetic

# Without fused multiply-add in hardware (it is a call to the C library there), with AVX2, with AVX-512, and this one.
CPUS = ["nehalem", "haswell", "skylake-avx512", "native"]

INTEGERS = DATA / "integers" / "lite.h5"

DIGESTS = """
import json, sys
import refnet
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import RECIPES
from refnet.weights import synthetic
from refnet.reference.digest import tensor_digest
digests = {}
for dtype in ("float32", "float64"):
    for model, size in (("lite0", None), ("b0@synthetic", (61, 80))):
        net = refnet.load(model, dtype=dtype, threads=2)
        x = net.preprocess(sys.argv[1]) if size is None else synthetic.picture_tensor(*size)
        for name, array in net.trace(x):
            digests[f"{model} {dtype} {name}"] = tensor_digest(array)
        digests[f"{model} {dtype} fused"] = tensor_digest(net.logits(x))
net = refnet.load(sys.argv[2], threads=2)
x = synthetic.picture_tensor(net.plan.height, net.plan.width)
for name, array in net.trace(x):
    digests[f"int8 {name}"] = tensor_digest(array)
digests["int8 fused"] = tensor_digest(net.features(x, at="logits"))
for name, recipe in RECIPES.items():
    digests[f"{name} prepared"] = tensor_digest(preprocess(sys.argv[1], recipe, 97, 200))
json.dump(digests, sys.stdout)
"""


def digests_on(cpu: str) -> dict[str, str]:
    """Digests of every step of two networks, and of one of int8, from kernels compiled for a CPU."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if cpu != "native":
        environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": ""}
    command = [sys.executable, "-c", DIGESTS, str(CHELSEA), str(INTEGERS)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=900)
    digests: dict[str, str] = json.loads(result.stdout)
    return digests


@pytest.fixture(scope="module")
def digests() -> dict[str, dict[str, str]]:
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CPUS, pool.map(digests_on, CPUS), strict=True))


@pytest.mark.parametrize("cpu", CPUS[:-1])
def test_one_digest_on_every_cpu(digests: dict[str, dict[str, str]], cpu: str) -> None:
    native = digests["native"]
    assert len(native) == 2 * (61 + 1 + 125 + 1) + 30 + 1 + len(RECIPES)
    assert digests[cpu] == native


@pytest.mark.parametrize("cpu", CPUS)
def test_one_digest_fused_and_step_by_step(digests: dict[str, dict[str, str]], cpu: str) -> None:
    fused = {key: digest for key, digest in digests[cpu].items() if key.endswith(" fused")}
    assert len(fused) == 5
    assert all(digests[cpu][key.removesuffix("fused") + "logits"] == digest for key, digest in fused.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", ["lite0", "b0@synthetic", "b2@synthetic"])
def test_one_digest_for_any_threads_batch_and_trace(model: str, dtype: str) -> None:
    x = synthetic.picture_tensor(95, 64)
    others = np.stack([synthetic.uniform(f"neighbour {i}", x.shape[1:]) for i in range(2)])
    digests = set()
    for threads in (1, 2, 3):
        net = refnet.load(model, dtype=dtype, threads=threads)
        traced = dict(net.trace(x))
        looked_at = net.features(x, at=["stem.bn", "block2b.project", "logits"])
        in_a_batch = net.logits(np.concatenate([others[:1], x, others[1:]]))[1:2]
        for logits in (net.logits(x), traced["logits"], looked_at["logits"], in_a_batch):
            digests.add(tensor_digest(logits))
    assert len(digests) == 1


def test_runs_repeat() -> None:
    net = refnet.load("lite0", threads=2)
    x = net.preprocess(CHELSEA)
    assert len({tensor_digest(net.logits(x)) for _ in range(20)}) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_subnormals_are_kept_whatever_the_caller_has_set(threads: int) -> None:
    """PyTorch can make a thread flush subnormal numbers to zero; results do not notice."""
    net = refnet.load("lite0", threads=threads)
    x = synthetic.picture_tensor(32, 32) * np.float32(2.0**-126)
    sums = net.features(x, at="stem.conv")
    smallest_normal = np.finfo(np.float32).tiny
    assert ((sums != 0) & (np.abs(sums) < smallest_normal)).any()
    assert torch.set_flush_denormal(True)
    try:
        assert np.float32(smallest_normal) * np.float32(0.5) == 0  # it does have an effect
        fresh = refnet.load("lite0", threads=threads)
        assert tensor_digest(fresh.features(x, at="stem.conv")) == tensor_digest(sums)
        assert tensor_digest(net.features(x, at="stem.conv")) == tensor_digest(sums)
        assert np.float32(smallest_normal) * np.float32(0.5) == 0  # and the caller's mode is left alone
    finally:
        torch.set_flush_denormal(False)
