"""What a caller states is checked, and never lost on the way."""

import json
from dataclasses import fields, replace

import pytest
from helpers.generated_checkpoints import B0, state

import refnet
from refnet.architecture.top import Top, TopLayer
from refnet.checkpoints import certificate
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.cli.convert import STATED
from refnet.errors import CheckpointError, InputError, UnknownModelError
from refnet.preprocessing.recipe import RECIPES
from refnet.weights.weights import Provenance, Weights


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
        ({"padding": "same@"}, InputError, "padding is 'same@', not one of same, symmetric, or same@SIZE"),
        ({"key": ""}, InputError, "a key cannot be ''"),
        ({"head": "none", "output": "sigmoid"}, InputError, "without a head there is neither"),
    ],
)
def test_what_there_is_not(facts, kind, message):
    with pytest.raises(kind, match=message):
        Stated(**facts)


def test_nothing_is_given():
    assert NOTHING.given == {}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"key": "model_ema"}, "no network under 'model_ema'; there is '.'"),
        ({"activation": "relu"}, "nothing to apply --activation relu to"),
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


def test_padding_that_names_cannot_tell(save, tmp_path):
    """The zeros of EfficientNet-PyTorch's from_name are those of one size, whatever picture comes."""
    written = refnet.convert(
        save("a.safetensors", state("lukemelas")),
        publisher="lukemelas:baseline",
        padding="same@224",
        out=tmp_path / "a.h5",
    )
    assert refnet.load(written).weights.padding == "same@224"
    told = json.loads(certificate.beside(written).read_text())["conversion"]["told"]
    assert told[-1:] == ["padding same@224 as stated, where lukemelas has same"]


FITTING = {
    "model": "b0",
    "publisher": "timm",
    "key": "model_ema",
    "output": "sigmoid",
    "pooling": "max",
    "activation": "relu",
    "padding": "same@224",
}
OTHERS = {
    "model": "b1",
    "publisher": "keras",
    "key": "model",
    "output": "none",
    "pooling": "mean",
    "activation": "tanh",
    "padding": "same",
    "head": "none",
}


def network():
    top = Top(pooling="max", layers=(TopLayer("dense", 8, "relu"), TopLayer("batch_norm", eps=1e-3)), output="sigmoid")
    return Weights(replace(B0, top=top), "same@224", 1e-3, RECIPES["timm"], {}, None, Provenance(publisher="timm:ra"))


def test_what_fits_is_honoured():
    Stated(**FITTING).check_honoured(network(), "model_ema")


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_fit_is_refused_with_both_values(name):
    with pytest.raises(CheckpointError) as caught:
        Stated(**{name: OTHERS[name]}).check_honoured(network(), "model_ema")
    assert f"--{name} {OTHERS[name]}" in str(caught.value)
    if name != "head":
        found = "timm:ra" if name == "publisher" else FITTING[name]
        assert f", but it is {found} here; convert without" in str(caught.value)
