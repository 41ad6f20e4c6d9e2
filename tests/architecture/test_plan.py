import hashlib
import math
import os
import signal
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.architecture.padding import Pads
from refnet.architecture.plan import MAX_SIDE, make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant
from refnet.errors import InputError

# trainable parameters, BN statistics, tensors, multiply-adds at the native size; equal to the counts of timm,
# torchvision and efficientnet_pytorch.
COUNTS = {
    "b0": (5_288_548, 42_016, 311, 385_814_752),
    "b1": (7_794_184, 62_048, 439, 686_802_832),
    "b2": (9_109_994, 67_568, 439, 993_561_872),
    "b3": (12_233_232, 87_296, 496, 1_827_141_392),
    "b4": (19_341_616, 125_200, 610, 4_393_771_024),
    "b5": (30_389_784, 172_736, 738, 10_266_384_752),
    "b6": (43_040_704, 224_432, 852, 19_067_593_536),
    "b7": (66_347_960, 310_720, 1037, 37_745_884_192),
    "b8": (87_413_142, 380_032, 1151, 62_597_461_568),
    "l2": (480_309_308, 1_090_688, 1654, 475_703_653_280),
    "lite0": (4_652_008, 42_016, 247, 385_187_552),
    "lite1": (5_416_680, 53_664, 322, 600_185_232),
    "lite2": (6_092_072, 58_096, 322, 859_736_272),
    "lite3": (8_197_096, 76_672, 367, 1_383_321_872),
    "lite4": (13_006_568, 112_368, 457, 2_553_034_336),
}

# Table 2 of the paper: parameters in millions, "FLOPS" (multiply-adds) in billions.
PAPER = {
    "b0": (5.3, 0.39),
    "b1": (7.8, 0.70),
    "b2": (9.2, 1.0),
    "b3": (12, 1.8),
    "b4": (19, 4.2),
    "b5": (30, 9.9),
    "b6": (43, 19),
    "b7": (66, 37),
}

# (before, after) of the SAME pads of the strided convolutions at the native size, and the size of their input.
STRIDED = ("stem", "block2a.depthwise", "block3a.depthwise", "block4a.depthwise", "block6a.depthwise")
SAME_PADS = {
    "b0": ((0, 1, 224), (0, 1, 112), (1, 2, 56), (0, 1, 28), (1, 2, 14)),
    "b1": ((0, 1, 240), (0, 1, 120), (1, 2, 60), (0, 1, 30), (2, 2, 15)),
    "b2": ((0, 1, 260), (0, 1, 130), (2, 2, 65), (1, 1, 33), (2, 2, 17)),
    "b3": ((0, 1, 300), (0, 1, 150), (2, 2, 75), (0, 1, 38), (2, 2, 19)),
    "b4": ((0, 1, 380), (0, 1, 190), (2, 2, 95), (0, 1, 48), (1, 2, 24)),
    "b5": ((0, 1, 456), (0, 1, 228), (1, 2, 114), (1, 1, 57), (2, 2, 29)),
    "b6": ((0, 1, 528), (0, 1, 264), (1, 2, 132), (0, 1, 66), (2, 2, 33)),
    "b7": ((0, 1, 600), (0, 1, 300), (1, 2, 150), (1, 1, 75), (1, 2, 38)),
    "b8": ((0, 1, 672), (0, 1, 336), (1, 2, 168), (0, 1, 84), (1, 2, 42)),
    "l2": ((0, 1, 800), (0, 1, 400), (1, 2, 200), (0, 1, 100), (1, 2, 50)),
    "lite0": ((0, 1, 224), (0, 1, 112), (1, 2, 56), (0, 1, 28), (1, 2, 14)),
    "lite1": ((0, 1, 240), (0, 1, 120), (1, 2, 60), (0, 1, 30), (2, 2, 15)),
    "lite2": ((0, 1, 260), (0, 1, 130), (2, 2, 65), (1, 1, 33), (2, 2, 17)),
    "lite3": ((0, 1, 280), (0, 1, 140), (1, 2, 70), (1, 1, 35), (1, 2, 18)),
    "lite4": ((0, 1, 300), (0, 1, 150), (2, 2, 75), (0, 1, 38), (2, 2, 19)),
}

BATCH_NORM = ("bn/gamma", "bn/beta", "bn/mean", "bn/variance")
LEAVES = {"convolution": ("kernel", *BATCH_NORM), "depthwise": ("kernel", *BATCH_NORM), "dense": ("kernel", "bias")}

# Height and width of the head's map at the native size.
FINAL_MAP = {
    "b0": 7, "b1": 8, "b2": 9, "b3": 10, "b4": 12, "b5": 15, "b6": 17, "b7": 19, "b8": 21, "l2": 25,
    "lite0": 7, "lite1": 8, "lite2": 9, "lite3": 9, "lite4": 10,
}  # fmt: skip

SIDES = st.integers(1, 700)


@pytest.mark.parametrize("name", TABLE)
def test_counts_are_exact(name):
    trainable, statistics, tensors, macs = COUNTS[name]
    plan = make_plan(variant(name))
    assert plan.params == trainable
    assert plan.macs == macs
    assert sum(math.prod(weight.shape) for weight in plan.weights) == trainable + statistics
    assert len(plan.weights) == tensors


@pytest.mark.parametrize("name", PAPER)
def test_counts_beside_the_paper(name):
    """As close as two printed digits say: 2 % for parameters, 5 % for multiply-adds."""
    millions, billions = PAPER[name]
    plan = make_plan(variant(name))
    assert plan.params / 1e6 == pytest.approx(millions, rel=0.02)
    assert plan.macs / 1e9 == pytest.approx(billions, rel=0.05)


@pytest.mark.parametrize("name", TABLE)
def test_steps_sum_up_to_the_plan(name):
    plan = make_plan(variant(name))
    assert sum(step.params for step in plan) == plan.params
    assert sum(step.macs for step in plan) == plan.macs
    assert [plan[step.name] for step in plan] == list(plan.steps)
    assert len(plan) == len(plan.steps)


@pytest.mark.parametrize("name", TABLE)
def test_another_number_of_classes(name):
    full, ten = make_plan(variant(name)), make_plan(variant(name, classes=10))
    features = full.architecture.head_channels
    assert ten["logits"].params == features * 10 + 10
    assert full.params - ten.params == (features + 1) * 990
    assert full.macs - ten.macs == features * 990
    assert full.steps[:-2] == ten.steps[:-2]


# Trainable parameters and multiply-adds at the native size, of Keras's `include_top=False` and the like.
WITHOUT_A_CLASSIFIER = {
    "b0": (4_007_548, 384_534_752),
    "b8": (84_596_142, 62_594_645_568),
    "l2": (474_804_308, 475_698_149_280),
    "lite4": (11_725_568, 2_551_754_336),
}


@pytest.mark.parametrize("name", WITHOUT_A_CLASSIFIER)
def test_without_a_classifier(name):
    full, plan = make_plan(variant(name)), make_plan(variant(name, classes=0))
    assert (plan.params, plan.macs) == WITHOUT_A_CLASSIFIER[name]
    assert plan.steps == full.steps[:-2]
    assert plan.steps[-1].name == "pool"
    assert (full.outputs, plan.outputs) == (("logits", "probabilities"), ("pool",))
    check_chain(plan)


def test_multiply_adds_of_a_few_steps_by_hand():
    plan = make_plan(variant("b0"))
    assert plan["stem"].macs == 112 * 112 * 32 * 27
    assert plan["block1a.depthwise"].macs == 112 * 112 * 32 * 9
    assert plan["block1a.squeeze"].macs == 0
    assert plan["block1a.reduce"].macs == 32 * 8
    assert plan["block1a.gate"].macs == 8 * 32
    assert plan["block1a.excite"].macs == 0
    assert plan["block1a.project"].macs == 112 * 112 * 16 * 32
    assert plan["block3b.add"].macs == 0


@pytest.mark.parametrize("name", TABLE)
def test_same_pads_at_native_sizes(name):
    plan = make_plan(variant(name))
    for step, (before, after, size) in zip(STRIDED, SAME_PADS[name], strict=True):
        assert plan[step].stride == 2
        assert plan[step].in_shape[:2] == (size, size)
        assert plan[step].pads == Pads(top=before, bottom=after, left=before, right=after)
    assert sum(step.stride == 2 for step in plan) == len(STRIDED)
    assert plan["head"].shape[:2] == (FINAL_MAP[name],) * 2


def check_chain(plan):
    """Every step reads tensors that exist, of the shape it says, and its weights fit."""
    shapes = {"input": (plan.height, plan.width, 3)}
    for step in plan:
        assert step.name not in shapes
        assert step.in_shape == shapes[step.inputs[0]]
        kernel = step.weights[0].shape if step.weights else None
        if step.op in ("convolution", "depthwise"):
            assert (step.shape[0] - 1) * step.stride + step.kernel <= step.in_shape[0] + sum(step.pads[:2])
            assert step.shape[:2] == tuple(math.ceil(side / step.stride) for side in step.in_shape[:2])
        if step.op == "convolution":
            assert kernel == (step.kernel, step.kernel, step.in_shape[2], step.shape[2])
        elif step.op == "depthwise":
            assert kernel == (step.kernel, step.kernel, step.in_shape[2])
            assert step.shape[2] == step.in_shape[2]
        elif step.op == "dense":
            assert kernel == (*step.in_shape, *step.shape)
        elif step.op == "mean":
            assert step.shape == step.in_shape[2:]
        elif step.op == "excite":
            assert (step.shape, shapes[step.inputs[1]]) == (step.in_shape, step.in_shape[2:])
        elif step.op == "add":
            assert step.shape == step.in_shape == shapes[step.inputs[1]]
        else:
            assert (step.op, step.shape) == ("softmax", step.in_shape)
        assert all(weight.shape == step.shape[-1:] for weight in step.weights[1:])
        shapes[step.name] = step.shape
    assert plan.steps[-1].name == plan.outputs[-1]


@pytest.mark.parametrize("name", TABLE)
def test_shapes_chain(name):
    check_chain(make_plan(variant(name)))


@given(SIDES, SIDES, st.sampled_from(["same", "symmetric"]), st.sampled_from(["b0", "lite1"]))
def test_shapes_chain_for_any_size(height, width, padding, name):
    plan = make_plan(variant(name), (height, width), padding=padding)
    check_chain(plan)
    assert (plan.height, plan.width, plan.padding) == (height, width, padding)
    assert plan["head"].shape[:2] == (math.ceil(height / 32), math.ceil(width / 32))
    assert plan.params == COUNTS[name][0]


@pytest.mark.parametrize("size", [1, (1, 1), (1, 2), (31, 33), (33, 1), MAX_SIDE, (MAX_SIDE, 1)])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_extreme_sizes(size, padding):
    check_chain(make_plan(variant("b0"), size, padding=padding))


def test_a_side_means_a_square():
    assert make_plan(variant("b1"), 100) == make_plan(variant("b1"), (100, 100))
    assert make_plan(variant("b1")) == make_plan(variant("b1"), 240)


@pytest.mark.parametrize("name", TABLE)
def test_padding_changes_pads_and_nothing_else(name):
    same, symmetric = make_plan(variant(name)), make_plan(variant(name), padding="symmetric")
    assert (same.params, same.macs, same.shapes) == (symmetric.params, symmetric.macs, symmetric.shapes)
    for a, b in zip(same, symmetric, strict=True):
        assert a.pads == b.pads or a.stride == 2


@pytest.mark.parametrize("name", TABLE)
def test_weight_keys(name):
    plan = make_plan(variant(name))
    keys = [weight.key for weight in plan.weights]
    assert len(set(keys)) == len(keys)
    for step in plan:
        group = step.name.replace(".", "/")
        assert [weight.key for weight in step.weights] == [f"{group}/{leaf}" for leaf in LEAVES.get(step.op, ())]
    assert all(weight.trainable is not weight.key.endswith(("/bn/mean", "/bn/variance")) for weight in plan.weights)


# SHA-256 over the lines of names: every name is public, in files, goldens and other people's programs.
NAMES = {
    "b0": "e7a7cacde879ec69ca0d0283b0a9273e6f59f82ec68d88a22ce5b04fa915b30b",
    "b7": "e1fc6fd97901dc8b6fb13028676fb6d99ebb8341b46321297facab859dc70f55",
    "lite0": "2eb152dc6208dcdbe4aeb56868f9708b62376ecb81be0ba05c45a1883ee1ec72",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_never_change(name):
    plan = make_plan(variant(name))
    lines = [*plan.shapes, *(weight.key for weight in plan.weights)]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == NAMES[name]


def test_first_names_of_b0():
    names = [step.name for step in make_plan(variant("b0"))]
    assert names[:14] == [
        "stem",
        "block1a.depthwise",
        "block1a.squeeze",
        "block1a.reduce",
        "block1a.gate",
        "block1a.excite",
        "block1a.project",
        "block2a.expand",
        "block2a.depthwise",
        "block2a.squeeze",
        "block2a.reduce",
        "block2a.gate",
        "block2a.excite",
        "block2a.project",
    ]
    assert names[-5:] == ["block7a.project", "head", "pool", "logits", "probabilities"]
    assert [name for name in names if name.endswith(".add")] == [
        f"block{block}.add" for block in ("2b", "3b", "4b", "4c", "5b", "5c", "6b", "6c", "6d")
    ]


def test_a_residual_reads_the_blocks_input():
    plan = make_plan(variant("b0"))
    assert plan["block2b.add"].inputs == ("block2b.project", "block2a.project")
    assert plan["block4c.add"].inputs == ("block4c.project", "block4b.add")
    assert plan["block4c.excite"].inputs == ("block4c.depthwise", "block4c.gate")


def test_parts():
    plan = make_plan(variant("b0"))
    assert plan["stem"].parts == ("stem.conv", "stem.bn", "stem.act")
    assert plan["block1a.project"].parts == ("block1a.project.conv", "block1a.project.bn")
    assert plan["block1a.gate"].parts == plan["logits"].parts == plan["pool"].parts == ()
    assert list(plan.shapes)[:5] == ["stem.conv", "stem.bn", "stem.act", "stem", "block1a.depthwise.conv"]
    assert plan.shapes["stem.conv"] == plan.shapes["stem"] == (112, 112, 32)


@pytest.mark.parametrize("name", ["b0", "lite0"])
def test_activations(name):
    act = variant(name).activation
    wanted = {"reduce": "swish", "gate": "sigmoid", "expand": act, "depthwise": act, "stem": act, "head": act}
    for step in make_plan(variant(name)):
        assert step.activation == wanted.get(step.name.rsplit(".")[-1], "none")


@pytest.mark.parametrize("size", [0, -1, (0, 224), (224, 0), MAX_SIDE + 1, (1, MAX_SIDE + 1)])
def test_impossible_sizes(size):
    with pytest.raises(InputError, match=r"each side must be 1 to 16384 pixels"):
        make_plan(variant("b0"), size)


@pytest.mark.parametrize("padding", ["SAME", "valid", "", None])
def test_unknown_padding(padding):
    with pytest.raises(InputError, match="one of same, symmetric"):
        make_plan(variant("b0"), padding=padding)


@pytest.mark.parametrize("name", ["block8a", "stem.conv", "", "input"])
def test_no_such_step(name):
    with pytest.raises(InputError, match=r"no step .* in b0; see `refnet plan b0`"):
        make_plan(variant("b0"))[name]


@pytest.mark.parametrize("size", [224.0, "ab", (1, 2, 3), (224.5, 224), True, (), None.__class__])
def test_a_size_of_another_kind_is_refused(size):
    with pytest.raises(InputError, match="whole number"):
        make_plan(variant("b0"), size)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_while_a_thread_looks_at_shapes():
    """The child looks at those of another plan; it inherits no lock that is held."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(tuple):
        __slots__ = ()

        def __iter__(self):
            begun.set()
            go_on.wait()
            return super().__iter__()

    plan = make_plan(variant("lite0"), 64)
    thread = threading.Thread(target=lambda: replace(plan, steps=Slow(plan.steps)).shapes)
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if plan.shapes else 1)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert status == 0
