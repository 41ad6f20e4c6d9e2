"""What beside a network is explained by its name, and what may be part of it, whatever its name says."""

import numpy as np
import pytest

from refnet.checkpoints.layout.strays import DECAY, EMPTY, LOSS, WHOLE, explain


def tensor(shape, dtype=np.float32):
    return np.ones(shape, dtype)


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("criterion.pos_weight", tensor(1), LOSS),
        ("loss_fn.centers", tensor((3, 1280)), LOSS),
        ("class_weights", tensor(3), LOSS),
        ("train_acc.tp", tensor(3), LOSS),
        ("model_ema.decay", tensor(()), DECAY),
        ("norm.num_batches_tracked", tensor((), np.int64), WHOLE),
        ("global_step", tensor((), np.int32), WHOLE),
        ("cuda_rng_state", tensor(5056, np.uint8), WHOLE),
        ("nothing", tensor((0, 3)), EMPTY),
    ],
)
def test_what_cannot_change_an_answer(name, array, reason):
    assert explain(name, array) == reason


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("metric_fc.weight", tensor((3, 1280))),  # ArcFace calls its classifier so
        ("f1.weight", tensor(1280)),
        ("f1.running_mean", tensor(1280)),
        ("acc.centres", tensor((3, 1280))),
        ("order", tensor(3, np.int64)),  # a permutation of the classes
        ("mean", tensor(3, np.int64)),
        ("keep", tensor(1280, bool)),
        ("temperature", tensor((), np.int32)),
        ("decay", tensor(())),
        ("step", tensor(())),  # a number with a point
        ("scale", tensor(1)),
    ],
)
def test_what_may_be_part_of_the_network(name, array):
    assert explain(name, array) is None
