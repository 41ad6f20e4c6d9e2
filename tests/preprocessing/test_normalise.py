import numpy as np
import pytest
import torch
from helpers.places import DATA

from refnet.errors import InputError
from refnet.preprocessing.normalise import (
    LARGEST,
    MOST_OPERATIONS,
    NORMALISATIONS,
    OPERATIONS,
    SMALLEST_DIVISOR,
    check_operations,
    normalise,
)

FIXTURES = DATA / "tf"
LEVELS = np.arange(256, dtype=np.float32).repeat(3).reshape(16, 16, 3)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_operations_in_their_order():
    x = np.array([[[1, 2, 3]]], np.float32)
    first = normalise(x, (("subtract", (1.0, 0.0, -1.0)), ("multiply", (2.0, 2.0, 2.0)), ("divide", (1.0, 4.0, 16.0))))
    assert first.tolist() == [[[0, 1, 0.5]]]
    assert first.dtype == np.float32
    assert normalise(x, ()) is x


def test_numbers_are_rounded_to_float32_once():
    x = normalise(LEVELS, (("subtract", (123.675, 116.28, 103.53)),))
    for channel, mean in enumerate((123.675, 116.28, 103.53)):
        assert np.array_equal(x[..., channel], LEVELS[..., channel] - np.float32(mean))


def test_published_constants():
    (_, mean), (_, std) = NORMALISATIONS["tf-imagenet"]
    assert mean == tuple(round(255 * m, 3) for m in MEAN)
    assert std == tuple(round(255 * s, 3) for s in STD)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("torch-imagenet", lambda x: (x / 255 - torch.tensor(MEAN)) / torch.tensor(STD)),
        ("torch-half", lambda x: (x / 255 - 0.5) / 0.5),
        ("torch-advprop", lambda x: x / 255 * 2.0 - 1.0),
    ],
)
def test_torch_gives_the_same_bits(name, theirs):
    x = normalise(LEVELS, NORMALISATIONS[name])
    assert x.tobytes() == theirs(torch.from_numpy(LEVELS)).numpy().tobytes()


def test_keras_gives_the_same_bits():
    with np.load(FIXTURES / "keras.npz") as arrays:
        x = normalise(arrays["pixels"], NORMALISATIONS["keras-imagenet"])
        assert x.tobytes() == arrays["normalised"].tobytes()


def test_keras_means_what_the_others_do():
    x, y = (normalise(LEVELS, NORMALISATIONS[name]) for name in ("keras-imagenet", "torch-imagenet"))
    assert np.abs(x - y).max() < 1e-6
    assert not np.array_equal(x, y)


def test_nothing_overflows():
    brightest = np.full((1, 1, 3), 255, np.float32)
    for name, number in (("multiply", LARGEST), ("divide", SMALLEST_DIVISOR)):
        operations = ((name, (number, -number, number)),) * MOST_OPERATIONS
        check_operations(operations)
        assert np.isfinite(normalise(brightest, operations)).all()


@pytest.mark.parametrize("operations", NORMALISATIONS.values(), ids=NORMALISATIONS)
def test_the_published_ones_pass(operations):
    check_operations(operations)


ONES = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (None, "want a list of at most 8 operations"),
        ((("multiply", ONES),) * 9, "want a list of at most 8 operations"),
        (("multiply",), "multiply; want pairs of an operation and its numbers"),
        ((("multiply", ONES, ONES),), "want pairs"),
        ((("add", ONES),), "unknown operation 'add'; one of subtract, divide, multiply"),
        (((1, ONES),), "unknown operation 1"),
        (((ONES, ONES),), "unknown operation (1.0, 1.0, 1.0)"),
        ((("multiply", 1.0),), "multiply 1.0; want three numbers"),
        ((("multiply", (1.0, 1.0)),), "want three numbers"),
        ((("divide", (1.0, 0.0, 1.0)),), "divide 0.0; want a number from 0.0001 to 10000"),
        ((("divide", (1.0, 1e-50, 1.0)),), "divide 1e-50;"),
        ((("subtract", (1.0, True, 1.0)),), "subtract True; want a number from 0 to 10000, or the same below zero"),
        ((("subtract", (1.0, None, 1.0)),), "subtract None;"),
        ((("subtract", (1.0, float("nan"), 1.0)),), "subtract nan;"),
        ((("multiply", (1.0, float("-inf"), 1.0)),), "multiply -inf;"),
        ((("multiply", (1.0, 10**400, 1.0)),), "multiply 1000"),
        ((("multiply", (1.0, -10001, 1.0)),), "multiply -10001;"),
    ],
)
def test_what_cannot_be_applied(operations, message):
    with pytest.raises(InputError) as error:
        check_operations(operations)
    assert message in str(error.value)
    assert len(str(error.value)) < 250
    assert set(OPERATIONS) == {"subtract", "divide", "multiply"}
