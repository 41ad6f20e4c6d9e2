from __future__ import annotations

import numpy as np
import pytest

from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.variants import variant
from refnet.engine.fusion import fuse
from refnet.engine.packed import PackedWeights
from refnet.engine.program import make_program
from refnet.kernels import rows
from refnet.weights import synthetic


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(variant("b0"), 32)


@pytest.fixture(scope="module")
def packed(plan: Plan) -> PackedWeights:
    return PackedWeights(plan.steps, synthetic.tensors(plan.architecture).pop, 1e-3, "float32")


def test_everything_that_can_be_fused_is(plan: Plan, packed: PackedWeights) -> None:
    fused = fuse(plan.steps, packed.layout, ())
    adds = sum(step.op == "add" for step in plan)
    expansions = 1 + sum(step.name.endswith(".expand") for step in plan)  # the stem is one, too
    assert len(fused.operations) == len(plan) - adds - expansions
    assert sum(o.expansion is not None for o in fused.operations) == expansions
    assert all(o.row_sums for o in fused.operations if o.op == rows.DEPTHWISE)
    assert all(o.op not in (rows.ADD, rows.AFFINE) for o in fused.operations)


def test_only_what_is_looked_at_is_split(plan: Plan, packed: PackedWeights) -> None:
    whole = fuse(plan.steps, packed.layout, ()).operations
    split = fuse(plan.steps, packed.layout, ("block2b.project", "stem.bn")).operations
    assert len(split) == len(whole) + 4  # the stem, its conv and bn, the add of block2b
    names = [o.name for o in split]
    assert names[:3] == ["stem.conv", "stem.bn", "stem"]
    assert names[names.index("block2b.project") + 1] == "block2b.add"


def test_every_step_and_part_can_be_looked_at(plan: Plan, packed: PackedWeights) -> None:
    program = make_program(plan.steps, packed.layout, np.float32, visible=plan.shapes)
    assert set(plan.shapes) <= set(program.tensors)
    assert all(program.tensors[name].shape == shape for name, shape in plan.shapes.items())


def test_chunks_cover_the_work(plan: Plan, packed: PackedWeights) -> None:
    program = make_program(plan.steps, packed.layout, np.float32)
    made_by_the_next = np.append(program.rows["expansion"][1:], 0)
    assert ((program.rows["chunks"] >= 1) != made_by_the_next).all()
    assert (program.rows["per_strip"] >= 1).all()


def test_a_bias_is_a_shift_beside_a_scale_of_one(packed: PackedWeights) -> None:
    offsets = packed.layout.offsets["logits"]
    assert (packed.flat[offsets.scale : offsets.scale + 1000] == 1).all()
    bias = synthetic.tensors(variant("b0"))["logits/bias"]
    assert (packed.flat[offsets.shift : offsets.shift + 1000] == bias).all()


def test_packed_weights_begin_on_a_cache_line(packed: PackedWeights) -> None:
    assert packed.flat.ctypes.data % 64 == 0
