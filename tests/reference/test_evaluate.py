"""A network small enough to be worked out by hand."""

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import Architecture, Block
from refnet.reference.evaluate import evaluate
from refnet.weights import synthetic

# 4 x 4 x 3 -> stem 2 x 2 x 2 -> one block with squeeze-excite and residual -> head -> two classes
TINY = Architecture(
    name="tiny",
    coefficients=Coefficients(resolution=4),
    stem_channels=2,
    blocks=(Block("block1a", kernel=3, stride=1, in_channels=2, channels=2, out_channels=2, se_channels=1),),
    head_channels=1,
    classes=2,
    activation="relu6",
)
EPS = 1.0


def batch_norm(step, K, *, gamma=2, beta=0, mean=0, variance=3):
    """With its defaults and EPS, a batch norm that changes nothing: 2 * (x - 0) / sqrt(3 + 1) + 0."""
    values = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    return {f"{step}/bn/{leaf}": np.full(K, value, np.float32) for leaf, value in values.items()}


def tiny_tensors():
    stem = np.zeros((3, 3, 3, 2))
    stem[0, 0, 0, 0] = stem[0, 0, 1, 1] = 1  # red and green of the window's first pixel
    tensors = {
        "stem/kernel": stem,
        "block1a/depthwise/kernel": np.ones((3, 3, 2)),
        "block1a/reduce/kernel": np.zeros((2, 1)),
        "block1a/reduce/bias": np.zeros(1),
        "block1a/gate/kernel": np.ones((1, 2)),
        "block1a/gate/bias": np.zeros(2),
        "block1a/project/kernel": np.array([[[[1, 0], [1, -1]]]]),  # first + second, minus second
        "head/kernel": np.array([[[[1], [2]]]]),
        "logits/kernel": np.array([[3, 3]]),
        "logits/bias": np.array([1, 1]),
        **batch_norm("stem", 2, gamma=4, beta=3, mean=1),  # 4 * (x - 1) / 2 + 3 = 2 * x + 1
        **batch_norm("block1a/depthwise", 2),
        **batch_norm("block1a/project", 2, beta=-1),  # x - 1
        **batch_norm("head", 1, gamma=1),  # x / 2
    }
    return {key: tensor.astype(np.float32) for key, tensor in tensors.items()}


def picture():
    """Red and green are seen at every second pixel of every second row; the rest is not."""
    x = np.full((1, 4, 4, 3), 7, np.float32)
    x[0, ::2, ::2, 0] = [[0, 1], [-1, 0]]
    x[0, ::2, ::2, 1] = [[0, 0], [0, 2]]
    return x


# Every tensor as [pixels, channels], in the order of the picture's rows.
BY_HAND = {
    "stem.conv": [[0, 0], [1, 0], [-1, 0], [0, 2]],
    "stem.bn": [[1, 1], [3, 1], [-1, 1], [1, 5]],
    "stem.act": [[1, 1], [3, 1], [0, 1], [1, 5]],
    "stem": [[1, 1], [3, 1], [0, 1], [1, 5]],
    "block1a.depthwise.conv": [[5, 8]] * 4,  # a window of 3 x 3 sees all of 2 x 2
    "block1a.depthwise.bn": [[5, 8]] * 4,
    "block1a.depthwise.act": [[5, 6]] * 4,
    "block1a.depthwise": [[5, 6]] * 4,
    "block1a.squeeze": [5, 6],
    "block1a.reduce": [0],  # swish(0)
    "block1a.gate": [0.5, 0.5],  # sigmoid(0)
    "block1a.excite": [[2.5, 3]] * 4,
    "block1a.project.conv": [[5.5, -3]] * 4,
    "block1a.project.bn": [[4.5, -4]] * 4,
    "block1a.project": [[4.5, -4]] * 4,
    "block1a.add": [[5.5, -3], [7.5, -3], [4.5, -3], [5.5, 1]],
    "head.conv": [[-0.5], [1.5], [-1.5], [7.5]],
    "head.bn": [[-0.25], [0.75], [-0.75], [3.75]],
    "head.act": [[0], [0.75], [0], [3.75]],
    "head": [[0], [0.75], [0], [3.75]],
    "pool": [1.125],
    "logits": [4.375, 4.375],
    "probabilities": [0.5, 0.5],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_tensor_by_hand(dtype):
    plan = make_plan(TINY)
    got = dict(evaluate(plan.steps, tiny_tensors(), EPS, picture().astype(dtype)))
    assert list(got) == list(BY_HAND)
    for name, tensor in got.items():
        assert tensor.dtype == dtype, name
        np.testing.assert_array_equal(tensor.reshape(np.shape(BY_HAND[name])), BY_HAND[name], err_msg=name)


@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("size", [(4, 4), (1, 1), (5, 2)])
def test_names_and_shapes_are_the_plans(padding, size):
    plan = make_plan(TINY, size, padding=padding)
    x = synthetic.uniform("input", (2, *size, 3))
    tensors = evaluate(plan.steps, tiny_tensors(), EPS, x)
    assert [(name, tensor.shape) for name, tensor in tensors] == [(n, (2, *shape)) for n, shape in plan.shapes.items()]


def test_symmetric_padding_sees_other_pixels():
    """Zeros above and left, too: the window's first pixel lies one pixel further up and left."""
    plan = make_plan(TINY, padding="symmetric")
    stem = dict(evaluate(plan.steps, tiny_tensors(), EPS, picture()))["stem.conv"]
    np.testing.assert_array_equal(stem.reshape(4, 2), [[0, 0], [0, 0], [0, 0], [7, 7]])


def test_a_batch_is_its_pictures():
    tensors = synthetic.tensors(TINY)
    x = synthetic.uniform("input", (3, 4, 4, 3))
    plan = make_plan(TINY)
    batch = dict(evaluate(plan.steps, tensors, 1e-3, x))
    for n in range(3):
        for name, tensor in evaluate(plan.steps, tensors, 1e-3, x[n : n + 1]):
            np.testing.assert_array_equal(tensor, batch[name][n : n + 1], err_msg=name)


def test_steps_run_one_at_a_time():
    steps = evaluate(make_plan(TINY).steps, {}, EPS, picture())
    with pytest.raises(KeyError, match="stem/kernel"):
        next(steps)


def test_inputs_stay_as_they_are():
    tensors, x = tiny_tensors(), picture()
    for array in (x, *tensors.values()):
        array.flags.writeable = False
    assert len(list(evaluate(make_plan(TINY).steps, tensors, EPS, x))) == len(BY_HAND)
