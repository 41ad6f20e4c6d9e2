"""Configurations that lie: whatever stands in them, nothing but a refusal comes out."""

import json
import random
import zipfile

import h5py
import pytest
from helpers.keras_programs import found_in
from helpers.places import DATA

from refnet.checkpoints.graph.keras.build import from_keras
from refnet.checkpoints.readers.keras import keras_content, keras_file
from refnet.checkpoints.readers.keras.keras_content import Content
from refnet.errors import CheckpointError

FOLDER = DATA / "keras_programs"
ROUNDS = 60
ODD = [
    None, True, False, -1, 0, 1, 2, 1 << 40, 10**400, 0.5, float("nan"), float("inf"), "", "x", "same", "softmax", [], {}, [[]],
    [1], [1, 1], [[1, 1], [1, 1]], [None, None, 3], ["stem_conv", 0, 0], [["stem_conv", 0, 0, {}]], {"class_name": "function"},
    {"args": [], "kwargs": {}}, {"class_name": "__numpy__", "config": {"value": [1, 2, 3]}}, [[1, 2], [3]], "Functional",
    "Sequential", "Lambda", "Dense", "TFOpLambda",
]  # fmt: skip


def configuration(file):
    if file.endswith(".h5"):
        with h5py.File(FOLDER / file) as opened:
            return json.loads(opened.attrs["model_config"])
    with zipfile.ZipFile(FOLDER / file) as archive:
        return json.loads(archive.read("config.json"))


def places(value, found):
    """Every list and object inside, as often as it has members."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        found.append((value, key))
        places(inner, found)
    return found


@pytest.mark.parametrize("file", ["tutorial.h5", "operations.h5", "max.keras", "hub.keras"])
def test_nothing_but_refusals(file):
    """One to three values anywhere are others, gone or twice."""
    rng = random.Random(file)
    original = keras_file.read(FOLDER / file)
    text = json.dumps(configuration(file))
    refused = 0
    for _ in range(ROUNDS):
        stated = json.loads(text)
        for _ in range(rng.randint(1, 3)):
            above, key = rng.choice(places(stated, []))
            change = rng.choice(["odd", "odd", "gone", "twice"])
            if change == "odd":
                above[key] = rng.choice(ODD)
            elif change == "gone":
                del above[key]
            elif isinstance(above, list):
                above.insert(key, above[key])
        try:
            model = keras_content.parse_model(json.dumps(stated))
            found_in(from_keras(Content(original.tensors, model, "", original.placed)))
        except CheckpointError as error:
            refused += 1
            assert len(str(error)) < 1000
    assert refused > ROUNDS / 4
