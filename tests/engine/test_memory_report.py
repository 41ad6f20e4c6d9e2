from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.engine.fusion import fuse
from refnet.engine.layout import blocks_of
from refnet.engine.memory_report import report_memory
from refnet.engine.packed import lay_out
from refnet.engine.program import make_program
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.weights import synthetic


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("threads", "batch"), [(1, 1), (3, 2), (2, 5)])
def test_a_run_uses_what_was_planned(dtype: str, threads: int, batch: int) -> None:
    net = Network(synthetic_weights("lite0"), dtype=dtype, threads=threads)
    x = np.concatenate([synthetic.picture_tensor(64, 48)] * batch)
    plan = make_plan(variant("lite0"), (64, 48))
    memory = report_memory(plan, dtype, threads=threads, batch=batch)
    net.logits(x)
    engine = net._engine
    idle = engine._program((64, 48), frozenset(["logits"]), frozenset(["input"])).idle_arenas
    arenas = [arena for kept in idle.values() for arena in kept]
    vectors = sum(engine.weights[key].nbytes for key in engine.weights if not key.endswith("kernel"))
    assert memory.weights == engine.weights.flat.nbytes + vectors
    assert memory.pictures == (threads if batch >= threads else 1)
    # A busy helper may have left its share to the others: then fewer arenas were needed.
    assert arenas
    assert sum(arena.nbytes for arena in arenas) <= memory.activations + memory.line_buffers
    if memory.pictures == 1:
        assert sum(arena.nbytes for arena in arenas) == memory.activations + memory.line_buffers
    assert memory.total == memory.weights + memory.activations + memory.line_buffers


def test_in_use_is_what_is_alive() -> None:
    plan = make_plan(variant("b0"))
    memory = report_memory(plan)
    assert list(memory.in_use) == [step.name for step in plan]
    inside = [name.split(".")[-1] for name, used in memory.in_use.items() if used is None]
    assert set(inside) == {"stem", "expand", "project"}
    used = [value for value in memory.in_use.values() if value is not None]
    assert max(used) <= memory.activations
    # the picture, what is made of it, and the sums of its rows
    assert memory.in_use["block1a.depthwise"] == 4 * (224 * 224 * 3 + 112 * 112 * 32 + 112 * 32)


def test_large_pictures_are_worked_on_one_at_a_time() -> None:
    b7 = make_plan(variant("b7"))
    assert report_memory(b7, threads=4, batch=8).pictures == 1
    assert report_memory(make_plan(variant("b0")), threads=4, batch=8).pictures == 4
    assert report_memory(make_plan(variant("b0")), threads=4, batch=3).pictures == 1


@pytest.mark.parametrize("visible", [["logits"], ["stem", "block1a.depthwise", "logits"], None])
@pytest.mark.parametrize("name", ["b0", "lite0", "b2"])
def test_tensors_that_are_needed_at_once_lie_apart(name: str, visible: list[str] | None) -> None:
    plan = make_plan(variant(name), 64)
    layout = lay_out(plan.steps)
    visible = list(plan.shapes) if visible is None else visible
    program = make_program(plan.steps, layout, np.float32, visible=visible)
    operations = fuse(plan.steps, layout, visible).operations
    last_read = {source: program.tensors[o.name].row for o in operations for source in o.inputs}
    made = {o.name for o in operations} | {o.row_sums for o in operations if o.row_sums} | {"input"}
    spans = []
    for tensor_name in made:
        tensor = program.tensors[tensor_name]
        size = math.prod(tensor.shape[:-1]) * blocks_of(tensor.shape[-1]) * 16
        size = math.prod(tensor.shape) if tensor_name == "input" else size
        spans.append((tensor.row, last_read.get(tensor_name, tensor.row), tensor.offset, tensor.offset + size))
        assert tensor.offset + size <= program.constants.scratch
    for (made_a, read_a, begin_a, end_a), (made_b, read_b, begin_b, end_b) in combinations(spans, 2):
        together = max(made_a, made_b) < min(read_a, read_b) or made_a == made_b
        # What an operation reads for the last time may be where its result goes, if it is in place.
        assert not together or end_a <= begin_b or end_b <= begin_a


@pytest.mark.parametrize("name", ["b0", "b2", "b3", "b7", "lite4"])
@pytest.mark.parametrize("size", [None, (37, 51)])
def test_each_thread_s_piece_begins_on_a_cache_line(name: str, size: tuple[int, int] | None) -> None:
    plan = make_plan(variant(name), size)
    constants = make_program(plan.steps, lay_out(plan.steps), np.float32).constants
    assert constants.scratch % 16 == 0
    assert constants.scratch_size % 16 == 0


def test_pictures_at_once_need_a_line_buffer_for_one_thread_each() -> None:
    b0 = make_plan(variant("b0"))
    one, many = report_memory(b0, threads=1), report_memory(b0, threads=64, batch=64)
    assert (many.pictures, many.activations) == (64, 64 * one.activations)
    assert many.line_buffers == 64 * one.line_buffers
    left_over = report_memory(b0, threads=64, batch=65)
    assert left_over.activations == 65 * one.activations
