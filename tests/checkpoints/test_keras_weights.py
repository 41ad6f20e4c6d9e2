"""Files of weights alone by Keras: of B0 with layers that people put behind it."""

from functools import cache

import pytest
from helpers.keras_models import keras, layers

from refnet.checkpoints import checkpoint_file
from refnet.checkpoints.recognition import recognise
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@cache
def base():
    """B0 at its own width, without a top."""
    return keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")


def weights(tmp_path, *parts, nested=False):
    """The file of weights of a model with these layers behind the network."""
    entry = keras.Input((32, 32, 3)) if nested else base().input
    x = base()(entry) if nested else base().output
    for part in parts:
        x = part(x)
    path = tmp_path / "mine.weights.h5"
    keras.Model(entry, x).save_weights(path)
    return path


def recognised(path, **stated):
    wanted = Stated(**stated)
    content = checkpoint_file.read(path, wanted)[1]
    return recognise(checkpoint_file.fingerprint(path), content.state, wanted)


@pytest.mark.parametrize("nested", [False, True])
def test_a_classifier(nested, tmp_path):
    identity, state = recognised(weights(tmp_path, layers.Dense(3, name="pred"), nested=nested))
    assert (identity.architecture.name, identity.architecture.classes) == ("b0", 3)
    assert identity.architecture.top.output == "softmax"
    assert state.told == (
        "the file does not say what follows its classifier 'pred': softmax, unless --output is given",
    )


def test_what_was_stated_of_it(tmp_path):
    identity, state = recognised(weights(tmp_path, layers.Dense(3, name="pred")), output="sigmoid")
    assert (identity.architecture.top.output, state.told) == ("sigmoid", ())


def test_one_number_is_asked_for(tmp_path):
    path = weights(tmp_path, layers.Dense(1, name="pred"))
    with pytest.raises(CheckpointError, match="ends in one number") as caught:
        recognised(path)
    assert caught.value.options == ("--output sigmoid", "--output none")
    for output in ("sigmoid", "none"):
        identity, _ = recognised(path, output=output)
        assert (identity.architecture.classes, identity.architecture.top.output) == (1, output)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        [lambda: layers.BatchNormalization(), lambda: layers.Dense(3, name="pred")],
        [lambda: layers.Dense(8, "relu"), lambda: layers.Dense(3, name="pred")],
    ],
    ids=["batch norm", "dense"],
)
def test_layers_of_its_own(parts, nested, tmp_path):
    """keras.io's fine-tuning example, saved as weights."""
    path = weights(tmp_path, *(part() for part in parts), nested=nested)
    with pytest.raises(CheckpointError, match="a file of weights does not say in which order") as caught:
        recognised(path)
    assert "model.save('mine.keras')" in str(caught.value)
    assert caught.value.options == ("--head none",)
    identity, state = recognised(path, head="none")
    assert (identity.architecture.name, identity.architecture.classes) == ("b0", 0)
    assert ("pred/kernel", "behind the pool; the features alone were asked for") in state.dropped
