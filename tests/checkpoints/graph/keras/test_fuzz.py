"""Configurations that lie: whatever stands in them, nothing but a refusal comes out."""

import copy
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
ROUNDS = 50
ODD = """
    [null, true, false, -1, 0, 1, 2, 1099511627776, 0.5, NaN, Infinity, "", "x", "same", "softmax", [], {}, [[]], [1],
    [1, 1], [[1, 1], [1, 1]], [null, null, 3], ["stem_conv", 0, 0], [["stem_conv", 0, 0, {}]],
    {"args": [], "kwargs": {}}, {"class_name": "function"}, {"class_name": "__numpy__", "config": {"value": [1, 2, 3]}},
    [[1, 2], [3]], "Functional", "Sequential", "Lambda", "Dense", "TFOpLambda"]
"""


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


def read(stated, original):
    """Find the network that a configuration is."""
    model = keras_content.parse_model(json.dumps(stated))
    return found_in(from_keras(Content(original.tensors, model, "", original.placed)))


@pytest.mark.parametrize("file", ["tutorial.h5", "operations.h5", "max.keras", "hub.keras"])
def test_nothing_but_refusals(file):
    """One to three values anywhere are others, gone or twice."""
    rng = random.Random(file)
    original = keras_file.read(FOLDER / file)
    text = json.dumps(configuration(file))
    refusals = []
    for _ in range(ROUNDS):
        stated = json.loads(text)
        for _ in range(rng.randint(1, 3)):
            above, key = rng.choice(places(stated, []))
            change = rng.choice(["odd", "odd", "gone", "twice"])
            if change == "odd":
                above[key] = rng.choice(json.loads(ODD))
            elif change == "gone":
                del above[key]
            elif isinstance(above, list):
                above.insert(key, copy.deepcopy(above[key]))
        try:
            read(stated, original)
        except CheckpointError as error:
            refusals.append(str(error))
    assert len(refusals) > ROUNDS / 4
    assert len(max(refusals, key=len)) < 1000


def test_lists_in_lists():
    """As deep as JSON is read, and no deeper than they are looked at."""
    original = keras_file.read(FOLDER / "max.keras")
    for depth in range(100, 1000, 100):
        for key in ("inbound_nodes", "config"):
            stated = configuration("max.keras")
            deep = json.loads("[" * depth + "]" * depth)
            stated["config"]["layers"][1]["config"]["layers"][3][key] = (
                [[["rescaling", 0, 0, {"mask": deep}]]] if key == "inbound_nodes" else {"name": "pad", "padding": deep}
            )
            with pytest.raises(CheckpointError):
                read(stated, original)
