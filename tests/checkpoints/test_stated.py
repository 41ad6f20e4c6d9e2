"""What a caller states is checked, and never lost on the way."""

from dataclasses import fields, replace

import pytest
from helpers.generated_checkpoints import B0, state

import refnet
from refnet.checkpoints.stated import NOTHING, Stated, is_padding
from refnet.cli.convert import STATED
from refnet.errors import CheckpointError, InputError, UnknownModelError


def test_the_command_line_has_every_fact():
    assert tuple(field.name for field in fields(Stated)) == STATED


@pytest.mark.parametrize("spelled", ["b0", "B0", "efficientnet-b0", "EfficientNet_B0", "efficientnetb0"])
def test_a_variant_may_be_spelled_out(spelled):
    assert Stated(model=spelled).model == "b0"


@pytest.mark.parametrize(
    ("facts", "kind", "message"),
    [
        ({"model": "b9"}, UnknownModelError, "unknown model 'b9'; known models: b0, "),
        ({"model": 3}, UnknownModelError, "unknown model 3"),
        ({"publisher": "somebody"}, UnknownModelError, "somebody"),
        ({"output": "softmin"}, InputError, "unknown output 'softmin'; want one of softmax, "),
        ({"head": "flat"}, InputError, "unknown head 'flat'; want one of none"),
        ({"pooling": "median"}, InputError, "unknown pooling"),
        ({"activation": "gelu"}, InputError, "unknown activation 'gelu'"),
        ({"padding": "same@"}, InputError, "unknown padding 'same@'; want one of same, symmetric, same@SIZE"),
        ({"key": ""}, InputError, "a key cannot be ''"),
        ({"head": "none", "output": "sigmoid"}, InputError, "without a head there is neither"),
    ],
)
def test_what_there_is_not(facts, kind, message):
    with pytest.raises(kind, match=message):
        Stated(**facts)


@pytest.mark.parametrize(("rule", "is_one"), [("same", True), ("same@224", True), ("same@0", False), ("same@x", False)])
def test_rules_of_padding(rule, is_one):
    assert is_padding(rule) is is_one


def test_nothing_is_given():
    assert NOTHING.given == {}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"key": "model_ema"}, "no network under 'model_ema'; there is '.'"),
        ({"activation": "relu"}, "nothing to apply --activation relu to"),
        ({"padding": "same@64"}, "you state --padding same@64, but it is symmetric here; convert without that option"),
        ({"model": "b1"}, "b1"),
    ],
)
def test_what_is_not_so_is_refused_and_nothing_written(facts, message, save, tmp_path):
    path = save("mine.safetensors", state("torchvision", classes=3))
    with pytest.raises(CheckpointError, match=message):
        refnet.convert(path, **facts, out=tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()


def test_what_is_so_is_welcome(save, tmp_path):
    path = save("mine.safetensors", state("torchvision", classes=3))
    facts = {"model": "B0", "publisher": "torchvision", "output": "softmax", "padding": "symmetric", "pooling": "mean"}
    network = refnet.load(refnet.convert(path, **facts, out=tmp_path / "a.h5"))
    assert network.weights.architecture == replace(B0, classes=3)
