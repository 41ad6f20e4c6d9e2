"""A model's configuration: JSON from anywhere, of which only names and plain settings are taken."""

import json

import pytest

from refnet.checkpoints.readers.keras.keras_content import MAX_CONFIG, MAX_DEPTH, MAX_LAYERS, key, parse_model
from refnet.errors import CheckpointError


def layer(name: str = "x", kind: str = "Conv2D", **settings: object) -> dict[str, object]:
    return {"class_name": kind, "config": {"name": name, **settings}}


def test_layers_and_settings():
    pixels = layer("input", "InputLayer")
    stretched = layer("tf.math.multiply", "TFOpLambda", function="math.multiply")
    stretched["inbound_nodes"] = [["input", 0, 0, {"y": [[1, 2, 3]], "name": None}]]
    inner = layer("net", "Functional", layers=[layer("stem_conv", filters=8, dtype={"class_name": "DTypePolicy"})])
    model = parse_model(json.dumps(layer("model", "Functional", layers=[pixels, stretched, inner])))
    assert [found.name for found in model.flat()] == ["input", "tf.math.multiply", "stem_conv"]
    assert [found.name for found in model.inside] == ["input", "tf.math.multiply", "net"]
    assert model.inside[1].settings["y"] == [[1, 2, 3]]
    assert model.inside[2].inside[0].settings["filters"] == 8


def test_code_is_only_a_setting():
    """What Keras would run is text here."""
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
    model = parse_model(json.dumps(layer("m", "Sequential", layers=[layer("l", "Lambda", function=code)])))
    assert model.inside[0].settings["function"] == code


def nested(depth: int) -> dict[str, object]:
    return layer("m", "Functional", layers=[nested(depth - 1)]) if depth else layer()


def test_limits_that_are_kept():
    assert parse_model(json.dumps(nested(MAX_DEPTH))).name == "m"
    many = parse_model(json.dumps(layer("m", "Functional", layers=[layer()] * MAX_LAYERS)))
    assert len(many.inside) == MAX_LAYERS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        ("9" * 5000, "is not JSON"),
        (" " * (MAX_CONFIG + 1), "has 4194305 bytes, more than that of any EfficientNet"),
        (json.dumps(nested(MAX_DEPTH + 1)), "does not describe layers as Keras does"),
        (json.dumps(layer("m", "Functional", layers=[layer()] * (MAX_LAYERS + 1))), "more than 8192 layers"),
        ("[]", "does not describe layers"),
        ('{"class_name": "Functional", "config": []}', "does not describe layers"),
        ('{"class_name": 3, "config": {"name": "x"}}', "does not describe layers"),
        (json.dumps(layer("m", "Functional", layers={})), "does not describe layers"),
        (
            json.dumps(layer("m", "Functional", layers=["stem_conv"])),
            "as Keras does: 'stem_conv'",
        ),
    ],
)
def test_what_is_none(text, message):
    with pytest.raises(CheckpointError, match=message):
        parse_model(text)


def test_names_of_tensors():
    assert key("stem_bn", "moving_mean:0") == "stem_bn/moving_mean"
    assert key("a", "kernel:0:1") == "a/kernel:0"
