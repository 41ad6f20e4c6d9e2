"""What TensorFlow 2 saves of Keras models: the network by its objects, and all else by its place.

The files in tests/data/saved_model were written by tools/make_saved_model_fixtures.py, which says what each one is.
"""

import hashlib
import json
import shutil
import tarfile

import numpy as np
import pytest
from helpers.places import DATA

from refnet.architecture.scaling import Coefficients
from refnet.architecture.top import Top, TopLayer
from refnet.architecture.variants import efficientnet
from refnet.checkpoints import certificate, checkpoint_file, tf_objects
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.graph.match import match
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers.tensorflow import tensor_bundle
from refnet.checkpoints.readers.tensorflow.object_graph import Object
from refnet.errors import CheckpointError, CheckpointNotFoundError
from refnet.network import Network
from refnet.preprocessing.normalise import normalise
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights import reader
from refnet.weights.weights import Provenance, Weights

FOLDER = DATA / "saved_model"
EXPECTED = np.load(FOLDER / "expected.npz")
TINY = efficientnet(Coefficients(0.02, 0.3, 64), name="tiny", classes=5)
WHOLE, INDEX = FOLDER / "keras2", "variables/variables.index"


def answer(weights: Weights, operations) -> np.ndarray:
    x = normalise(EXPECTED["pixels"].astype(np.float32), operations)
    return Network(weights, dtype="float64", threads=1).answer(x)


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Keras normalises pixels in 64 bits there, refnet in 32: a difference of its own."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.sqrt(np.mean(np.square(theirs))))


def test_a_saved_model_computes_what_it_computed():
    """By its configuration: names alone would not tell the largest numbers, nor what follows."""
    _, content = checkpoint_file.read(WHOLE)
    found = match(content.program.graph, candidates=[TINY])
    layers = (TopLayer("batch_norm", eps=0.01), TopLayer("dense", 6, "relu"))
    assert found.architecture.top == Top(pooling="max", layers=layers, output="sigmoid")
    assert (found.architecture.classes, found.padding, found.bn_eps) == (1, "same", 0.001)
    weights = Weights(found.architecture, "same", 0.001, TENSORFLOW, found.tensors, None, Provenance("keras"))
    assert distance(answer(weights, found.normalise), EXPECTED["keras2"]) < 1e-6


@pytest.mark.parametrize("name", ["keras2_weights", "keras3_objects"])
def test_weights_by_objects_compute_what_they_computed(name):
    _, content = checkpoint_file.read(FOLDER / name)
    converted = PUBLISHERS["keras"].to_ours(content.state.tensors, TINY)
    weights = Weights(TINY, "same", 0.001, TENSORFLOW, converted.tensors, None, Provenance("keras"))
    assert distance(answer(weights, content.normalise), EXPECTED[name]) < 1e-6


@pytest.mark.parametrize("name", ["keras2_weights", "keras3_objects", "keras2"])
def test_every_bit_is_the_files(name):
    """And every tensor of the file is the network's, or was left out for a reason."""
    _, content = checkpoint_file.read(FOLDER / name)
    index = FOLDER / name / INDEX if (FOLDER / name).is_dir() else FOLDER / f"{name}.index"
    with tensor_bundle.opened(index) as bundle:
        stored = bundle.read(set(bundle.entries) - {"_CHECKPOINTABLE_OBJECT_GRAPH"})
    dropped = dict(content.state.dropped)
    assert len(content.state.tensors) == len(stored.keys() - dropped.keys())
    bits = sorted(array.tobytes() for key, array in stored.items() if key not in dropped)
    assert sorted(array.tobytes() for array in content.state.tensors.values()) == bits


@pytest.mark.parametrize(
    ("name", "of_optimiser", "of_metrics", "others"),
    [
        ("keras2", lambda key: "optimizer" in key, lambda key: key.startswith("keras_api/metrics"), {}),
        ("keras2_weights", lambda key: key.startswith("optimizer"), lambda key: False, {}),
        (
            "keras3_objects",
            lambda key: key.startswith("model/optimizer"),
            lambda key: "_loss_tracker" in key or "_compile_metrics" in key,
            {"step/.ATTRIBUTES/VARIABLE_VALUE": "a whole number beside the model"},
        ),
    ],
)
def test_what_is_left_out_by_its_place(name, of_optimiser, of_metrics, others):
    _, content = checkpoint_file.read(FOLDER / name)
    reasons = dict(content.state.dropped)
    assert len(reasons) > 100
    for key, reason in reasons.items():
        if key in others:
            assert reason.startswith(others[key])
        else:
            assert of_optimiser(key) == reason.startswith("the optimiser's, by its place"), key
            assert of_metrics(key) == reason.startswith("a metric's or a loss's, by its place"), key
    assert others.keys() <= reasons.keys()


def test_what_is_left_out_is_told():
    _, content = checkpoint_file.read(WHOLE)
    count = len(content.state.dropped)
    digest = hashlib.sha256((WHOLE / "keras_metadata.pb").read_bytes()).hexdigest()
    assert content.program.told == (
        f"what it computes is from keras_metadata.pb, SHA-256 {digest}",
        f"{count} tensors left out: the optimiser's, by its place in the object graph; inference does not use it",
    )


@pytest.mark.parametrize(
    "part",
    ["", "saved_model.pb", "keras_metadata.pb", "variables", INDEX, "variables/variables.data-00000-of-00001"],
)
def test_a_saved_model_by_any_of_its_files(part):
    path = WHOLE / part if part else WHOLE
    assert checkpoint_file.main_file(path) == WHOLE / INDEX
    assert checkpoint_file.read(path)[1].program is not None


def test_weights_by_any_of_their_files():
    for suffix in ("", ".index", ".data-00000-of-00001"):
        assert checkpoint_file.main_file(FOLDER / f"keras2_weights{suffix}") == FOLDER / "keras2_weights.index"


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(WHOLE, tmp_path / "net")


def refusal(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint_file.read(path)
    return str(caught.value).removeprefix(f"{path}: ")


def test_without_keras_configuration(copy):
    """The command was run with TensorFlow 2.21 on what Keras 3 exports; refnet takes what it writes."""
    (copy / "keras_metadata.pb").unlink()
    text = refusal(copy / INDEX)
    assert text.startswith("a SavedModel whose program is there as graphs of functions alone, which are not read; in")
    assert f"tf.lite.TFLiteConverter.from_saved_model('{copy}').convert()" in text
    assert text.endswith("and then refnet convert x.tflite")


def test_a_folder_whose_name_is_no_plain_text(copy):
    """The command must not become another one."""
    (copy / "keras_metadata.pb").unlink()
    odd = copy.rename(copy.with_name("a');b"))
    assert "from_saved_model('FOLDER')" in refusal(odd / INDEX)


def test_a_saved_model_of_tensorflow_1(copy):
    """Its numbers have names, and its program is not read either."""
    (copy / "keras_metadata.pb").unlink()
    for suffix in ("index", "data-00000-of-00001"):
        shutil.copy(DATA / "tf" / f"small.ckpt.{suffix}", copy / "variables" / f"variables.{suffix}")
    assert refusal(copy / INDEX).startswith("a SavedModel whose program is there as graphs of functions alone")


def test_a_class_of_its_authors_own():
    text = refusal(FOLDER / "subclass")
    assert (
        "a model of its author's own class 'Own', of which keras_metadata.pb does not say what it computes; in" in text
    )
    assert "from_saved_model" in text


def test_without_its_numbers(copy):
    shutil.rmtree(copy / "variables")
    assert refusal(copy) == (
        "a SavedModel without its numbers: variables/variables.index and the files beside it are missing; "
        "bring the whole folder"
    )


def test_numbers_without_their_index(copy):
    path = copy / "variables" / "variables.data-00000-of-00001"
    (copy / INDEX).unlink()
    shutil.move(path, copy / "alone.data-00000-of-00001")
    assert refusal(copy / "alone.data-00000-of-00001") == (
        "a checkpoint's numbers alone: alone.index, which says whose they are, must lie beside"
    )


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointNotFoundError, match="does not exist"):
        checkpoint_file.read(tmp_path / "net")


def test_an_archive_of_a_saved_model(tmp_path):
    with tarfile.open(tmp_path / "net.tar.gz", "w:gz") as archive:
        archive.add(WHOLE, "net")
    assert refusal(tmp_path / "net.tar.gz") == (
        "an archive of a SavedModel; unpack it (tar -xf), and convert its folder"
    )


def test_a_moving_average_of_the_optimiser():
    """Keras computes with the model's own numbers until the optimiser is told to put the averages in their place."""
    objects = (
        Object({"model": 1, "optimizer": 2}),
        Object({"kernel": 3}),
        Object({"_model_variables_moving_average": 4, "_iterations": 5}),
        Object({}, "k", "a/kernel"),
        Object({"0": 6}),
        Object({}, "i", "i"),
        Object({}, "e", "a/kernel"),
    )
    network, left_out = tf_objects.parted(objects)
    assert [place.variable.key for place in network] == ["k"]
    assert left_out == {"e": tf_objects.AVERAGE, "i": tf_objects.OPTIMISER}


def test_a_whole_conversion(tmp_path, monkeypatch):
    monkeypatch.setattr("refnet.checkpoints.graph.match.every_variant", lambda: (TINY,))
    path = convert(WHOLE, out=tmp_path / "net.h5")
    weights = reader.read(path)
    assert certificate.prove(path, weights) is None
    stated = json.loads((tmp_path / "net.certificate.json").read_text())["conversion"]
    assert (stated["file"], stated["format"], stated["recognised_by"]) == (
        "variables.index",
        "TensorFlow",
        "its program",
    )
    assert [line for line in stated["told"] if "the optimiser's, by its place in the object graph" in line]
    assert distance(answer(weights, weights.recipe.normalise), EXPECTED["keras2"]) < 1e-6
