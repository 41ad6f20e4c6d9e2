"""What a graph wants at its input, told by what it makes of it."""

import pytest

from refnet.checkpoints.pixel_range import from_pixels, wants_unit
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import NORMALISATIONS

IMAGENET = (("subtract", (0.485, 0.456, 0.406)), ("divide", (0.229, 0.224, 0.225)))
UNIT = ("divide", (255.0,) * 3)


@pytest.mark.parametrize("name", ["keras-imagenet", "tf-imagenet", "tf-lite", "tf-advprop", "torch-imagenet"])
def test_pixels(name):
    operations = NORMALISATIONS[name]
    assert from_pixels(operations)[0] == operations
    assert not wants_unit(operations)


def test_numbers_of_0_to_1():
    operations, told = from_pixels(IMAGENET)
    assert operations == (UNIT, *IMAGENET)
    assert told == ("the graph normalises by itself, and wants pixels divided by 255",)
    assert wants_unit(IMAGENET)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_neither(factor):
    """Scaled twice, or by mistake: no telling, and a Keras model computes so all the same."""
    operations = (("multiply", (factor,) * 3),)
    assert not wants_unit(operations)
    with pytest.raises(CheckpointError, match="no telling whether that is pixels of 0 to 255 or numbers of 0 to 1"):
        from_pixels(operations)
