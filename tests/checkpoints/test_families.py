"""Files that each publisher's own software wrote are read, and the network computes what that software computed.

The files in tests/data/families were written by tools/make_fixtures.py, which says what each one is. No framework is
needed here: their logits lie beside them.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from helpers.places import DATA

from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import Architecture, efficientnet
from refnet.checkpoints import state_dict, tf_variables
from refnet.checkpoints.names_and_shapes import publishers_by_names
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers import safetensors_file
from refnet.checkpoints.readers.tensorflow import tensor_bundle
from refnet.checkpoints.readers.torch import torch_file
from refnet.checkpoints.state_dict import StateDict
from refnet.network import Network
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights.weights import Provenance, Weights

FOLDER = DATA / "families"
B = efficientnet(Coefficients(0.125, 0.3, 64), name="tiny", classes=5)
LITE = efficientnet(Coefficients(0.125, 0.3, 64, lite=True), name="tiny", classes=5)


@dataclass(frozen=True)
class Family:
    """What a file must turn out to be."""

    publisher: str
    architecture: Architecture
    padding: str
    bn_eps: float
    recognised: tuple[str, ...]
    averaging: str = "unknown"


TIMM = ("timm-tf", "timm")
FAMILIES = {
    "lukemelas.pth": Family("lukemelas", B, "same", 1e-3, ("lukemelas",)),
    "lite.pth": Family("lite", LITE, "same", 1e-3, ("lite",)),
    "timm-tf.pth": Family("timm-tf", B, "same", 1e-3, TIMM),
    "timm-tf-lite.safetensors": Family("timm-tf", LITE, "same", 1e-3, TIMM),
    "timm.safetensors": Family("timm", B, "symmetric", 1e-5, TIMM),
    "timm-lite.pth": Family("timm", LITE, "symmetric", 1e-5, TIMM),
    "timm-training.pth": Family("timm", B, "symmetric", 1e-5, TIMM, "ema"),
    "torchvision.pth": Family("torchvision", B, "symmetric", 1e-5, ("torchvision",)),
    "torchvision-b5.pth": Family("torchvision", B, "symmetric", 1e-3, ("torchvision",)),
    "tf.tar.gz": Family("tf", B, "same", 1e-3, ("tf",), "ema"),
    "tf-lite.tar.gz": Family("tf", LITE, "same", 1e-3, ("tf",), "ema"),
}
every_file = pytest.mark.parametrize("name", FAMILIES)


@cache
def state_of(name: str) -> StateDict:
    """The tensors of a file, by the reader for its suffix."""
    path = FOLDER / name
    if path.suffix == ".pth":
        return state_dict.find_state_dict(torch_file.read(path))
    if path.suffix == ".safetensors":
        return state_dict.find_state_dict(safetensors_file.read(path))
    with tensor_bundle.opened(path) as bundle:
        choice = tf_variables.choose_variables(bundle.entries)
        stored = bundle.read(choice.stored_as.values())
    tensors = {variable: stored[there] for variable, there in choice.stored_as.items()}
    return StateDict(tensors, choice.averaging, dropped=choice.dropped)


def weights_of(name: str) -> Weights:
    family, publisher = FAMILIES[name], PUBLISHERS[FAMILIES[name].publisher]
    tensors = publisher.to_ours(state_of(name).tensors, family.architecture).tensors
    origin = Provenance(family.publisher)
    return Weights(family.architecture, publisher.padding, family.bn_eps, TENSORFLOW, tensors, None, origin)


def distance(weights: Weights, name: str, batch: str, dtype: str) -> float:
    """Relative rms distance of our logits from those of the publisher's software in the same dtype."""
    x = np.load(FOLDER / "inputs.npz")[batch]
    theirs = np.load(FOLDER / f"{name.partition('.')[0]}.npz")[f"{batch}_{dtype}"]
    ours = Network(weights, dtype=dtype, threads=1).logits(x)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype) == ((len(x), 5), dtype)
    return float(np.sqrt(np.mean(np.square(ours - theirs)) / np.mean(np.square(theirs))))


def test_every_file_is_tested():
    files = {path.name for path in FOLDER.iterdir() if path.suffix != ".npz"}
    assert files == FAMILIES.keys()
    tested = {family.publisher for family in FAMILIES.values()}
    # Keras's files are in tests/data/keras, those of transformers in tests/data/hugging_face.
    assert tested | {"keras", "huggingface"} == PUBLISHERS.keys()


@every_file
def test_names_and_rules_are_the_publishers(name):
    family, publisher = FAMILIES[name], PUBLISHERS[FAMILIES[name].publisher]
    assert state_of(name).averaging == family.averaging
    assert publisher.padding == family.padding
    assert family.bn_eps in publisher.bn_eps.values()
    scope = "efficientnet-lite0/" if family.architecture is LITE else "efficientnet-b0/"  # TensorFlow's names have it
    names = [variable.replace("efficientnet-tiny/", scope) for variable in state_of(name).tensors]
    assert publishers_by_names(names) == family.recognised


@every_file
@pytest.mark.parametrize("batch", ["even", "odd"])
@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-13), ("float32", 1e-5)])
def test_the_same_logits(name, batch, dtype, limit):
    assert distance(weights_of(name), name, batch, dtype) < limit


@every_file
@pytest.mark.parametrize("batch", ["even", "odd"])
def test_by_no_other_rule(name, batch):
    weights = weights_of(name)
    other = "symmetric" if weights.padding == "same" else "same"
    assert distance(replace(weights, padding=other), name, batch, "float64") > 1e-3
    other = 1e-5 if weights.bn_eps == 1e-3 else 1e-3
    assert distance(replace(weights, bn_eps=other), name, batch, "float64") > 1e-6


@every_file
def test_every_bit_comes_back(name):
    family, publisher = FAMILIES[name], PUBLISHERS[FAMILIES[name].publisher]
    state = state_of(name).tensors
    converted = publisher.to_ours(state, family.architecture)
    again = publisher.to_theirs(converted.tensors, family.architecture)
    assert again.keys() | dict(converted.dropped).keys() == state.keys()
    for key, array in again.items():
        assert (array.shape, array.tobytes()) == (state[key].shape, np.ascontiguousarray(state[key]).tobytes()), key


def test_what_a_training_leaves_behind():
    """The average is taken out of a checkpoint of a training; what the last step left has other numbers."""
    content = torch_file.read(FOLDER / "timm-training.pth")
    state = state_of("timm-training.pth")
    assert (state.found_under, state.prefix) == ("state_dict_ema", "module.")
    last_step = content["state_dict"]["module.conv_stem.weight"]
    assert last_step.shape == state.tensors["conv_stem.weight"].shape
    assert not np.array_equal(last_step, state.tensors["conv_stem.weight"])


@pytest.mark.parametrize("name", ["tf.tar.gz", "tf-lite.tar.gz"])
def test_what_tensorflow_leaves_behind(name):
    """Raw variables, which have other numbers, two slots of the optimiser for what it trains, and the step."""
    state, pairs = state_of(name), PUBLISHERS["tf"].pairs(FAMILIES[name].architecture)
    reasons = [reason for _, reason in state.dropped]
    trained = [pair for pair in pairs if not pair.ours.endswith(("/bn/mean", "/bn/variance"))]
    assert {reason: reasons.count(reason) for reason in reasons} == {
        "the value after the last training step; its moving average is taken": len(pairs),
        "the optimiser's; inference does not use it": 2 * len(trained),
        "counts training steps; inference does not use it": 1,
    }
    with tensor_bundle.opened(FOLDER / name) as bundle:
        raw = bundle.read(pair.theirs for pair in pairs)
    assert not any(np.array_equal(raw[pair.theirs], state.tensors[pair.theirs]) for pair in pairs)
