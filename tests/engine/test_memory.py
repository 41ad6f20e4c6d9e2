from __future__ import annotations

import numpy as np
import pytest

from refnet import synthetic
from refnet.architecture import variant
from refnet.engine.memory import plan_memory
from refnet.models import synthetic_weights
from refnet.network import Network
from refnet.plan import make_plan


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("threads", "batch"), [(1, 1), (3, 2), (2, 5)])
def test_a_run_uses_what_was_planned(dtype: str, threads: int, batch: int) -> None:
    net = Network(synthetic_weights("lite0"), dtype=dtype, threads=threads)
    x = np.concatenate([synthetic.picture_tensor(64, 48)] * batch)
    plan = make_plan(variant("lite0"), (64, 48))
    memory = plan_memory(plan.steps, dtype, threads=threads, batch=batch)
    net.logits(x)
    engine = net._engine
    _, arenas = engine._program(64, 48, frozenset(["logits"]))
    vectors = sum(engine.weights[key].nbytes for key in engine.weights if not key.endswith("kernel"))
    assert memory.weights == engine.weights.flat.nbytes + vectors
    assert memory.pictures == (threads if batch >= threads else 1)
    assert 1 <= len(arenas) <= memory.pictures
    assert {arena.nbytes for arena in arenas} == {memory.activations + memory.line_buffers}
    assert memory.total == memory.weights + memory.pictures * (memory.activations + memory.line_buffers)


def test_in_use_is_what_is_alive() -> None:
    plan = make_plan(variant("b0"))
    memory = plan_memory(plan.steps)
    assert list(memory.in_use) == [step.name for step in plan]
    inside = [name.split(".")[-1] for name, used in memory.in_use.items() if used is None]
    assert set(inside) == {"stem", "expand", "project"}
    used = [value for value in memory.in_use.values() if value is not None]
    assert max(used) <= memory.activations
    # the picture, what is made of it, and the sums of its rows
    assert memory.in_use["block1a.depthwise"] == 4 * (224 * 224 * 3 + 112 * 112 * 32 + 112 * 32)


def test_large_pictures_are_worked_on_one_at_a_time() -> None:
    b7 = make_plan(variant("b7"))
    assert plan_memory(b7.steps, threads=4, batch=8).pictures == 1
    assert plan_memory(make_plan(variant("b0")).steps, threads=4, batch=8).pictures == 4
    assert plan_memory(make_plan(variant("b0")).steps, threads=4, batch=3).pictures == 1


def test_no_tensor_is_written_over_another_that_is_still_read() -> None:
    """Looking at more keeps more: never less memory, and the same bits (tests/test_contract.py)."""
    plan = make_plan(variant("lite0"), 64)
    alone = plan_memory(plan.steps).activations
    assert plan_memory(plan.steps, visible=list(plan.shapes)).activations >= alone
