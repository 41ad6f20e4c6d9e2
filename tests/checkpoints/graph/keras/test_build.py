"""Models that people make of Keras's EfficientNet: refnet answers as Keras does in float64, or refuses by name."""

import re
import warnings

import pytest
from helpers.keras_models import SIDE, fill, keras, layers, network, pixels, theirs
from helpers.keras_programs import TOLERANCE, difference, found_in, ours

from refnet.architecture.top import Top, TopLayer
from refnet.checkpoints.graph.keras.build import from_keras
from refnet.checkpoints.readers.keras import keras_file
from refnet.errors import CheckpointError

# Of Keras by PyTorch, with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def chain(*parts, side=SIDE, inner=None):
    """Layers in a row on the network, ``None`` in the network's place, as a Functional model."""
    x = entry = keras.Input((side, side, 3))
    for part in parts if None in parts else (None, *parts):
        x = network(inner or side)(x) if part is None else part(x)
    return keras.Model(entry, x)


def sequential(*parts):
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), network(), *parts])


def gap(**options):
    return layers.GlobalAveragePooling2D(**options)


def flat(pooling, *parts):
    """The same, but no model in a model."""
    base = network(pooling=pooling)
    x = base.output
    for part in parts:
        x = part(x)
    return keras.Model(base.input, x)


def tutorial():
    """keras.io's "Image classification via fine-tuning with EfficientNet"."""
    entry = layers.Input((SIDE, SIDE, 3))
    x = entry
    for augment in (
        layers.RandomRotation(0.15),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomFlip(),
        layers.RandomContrast(0.1),
    ):
        x = augment(x)
    base = network.__wrapped__(input_tensor=x)
    base.trainable = False
    x = gap(name="avg_pool")(base.output)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.2, name="top_dropout")(x)
    return keras.Model(entry, layers.Dense(5, activation="softmax", name="pred")(x), name="EfficientNet")


def two_pools(join):
    entry = keras.Input((SIDE, SIDE, 3))
    x = network()(entry)
    pools = gap()(x), layers.GlobalMaxPooling2D()(x)
    x = layers.Concatenate()(pools) if join == "concatenated" else layers.Add()(pools) * 0.5
    return keras.Model(entry, layers.Dense(3, activation="softmax")(x))


def functional_call():
    """A frozen base, called as Keras's guide on transfer learning says."""
    base = network()
    entry = keras.Input((SIDE, SIDE, 3))
    x = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)])(entry)
    x = base(layers.Rescaling(2.0, offset=-3)(x), training=False)
    return keras.Model(entry, layers.Dense(1)(layers.Dropout(0.2)(gap()(x))))


MODELS = {
    "one class": (lambda: sequential(gap(), layers.Dense(1, activation="sigmoid")), Top(output="sigmoid")),
    "several at once": (lambda: sequential(gap(), layers.Dense(3, activation="sigmoid")), Top(output="sigmoid")),
    "regression": (lambda: sequential(gap(), layers.Dense(1)), Top(output="none")),
    "max, nested": (
        lambda: sequential(layers.GlobalMaxPooling2D(), layers.Dropout(0.3), layers.Dense(3, activation="softmax")),
        Top("max"),
    ),
    "max, flat": (lambda: flat("max", layers.Dense(3, activation="softmax")), Top("max")),
    "flat": (lambda: network(include_top=True, classes=3), Top()),
    "tutorial": (tutorial, Top(layers=(TopLayer("batch_norm", eps=1e-3),))),
    "frozen base": (functional_call, Top(output="none")),
    "scaled twice": (lambda: chain(layers.Rescaling(1 / 255), None, gap(), layers.Dense(2, "softmax")), Top()),
    "kept axes": (lambda: chain(gap(keepdims=True), layers.Flatten(), layers.Dense(2, "softmax")), Top()),
    "average of all": (
        lambda: chain(layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(2, "softmax"), side=64),
        Top(),
    ),
    "reshaped": (
        lambda: chain(gap(), layers.Reshape((1, 1, -1)), layers.Flatten(), layers.Dense(2)),
        Top(output="none"),
    ),
    "a convolution for a classifier": (
        lambda: chain(gap(keepdims=True), layers.Conv2D(4, 1), layers.Flatten(), layers.Softmax()),
        Top(),
    ),
    "hidden layers": (
        lambda: chain(
            gap(),
            layers.Dense(6, "relu"),
            layers.BatchNormalization(epsilon=1e-4),
            layers.ReLU(6.0),
            layers.Dense(4, "tanh"),
            layers.Dense(2),
            layers.Softmax(),
        ),
        Top(
            layers=(
                TopLayer("dense", 6, "relu"),
                TopLayer("batch_norm", eps=1e-4),
                TopLayer("activation", activation="relu6"),
                TopLayer("dense", 4, "tanh"),
            )
        ),
    ),
    "batch norm without scale and shift": (
        lambda: chain(
            gap(), layers.BatchNormalization(scale=False), layers.BatchNormalization(center=False), layers.Dense(2)
        ),
        Top(layers=(TopLayer("batch_norm", eps=1e-3),) * 2, output="none"),
    ),
    "without bias": (lambda: chain(gap(), layers.Dense(2, "log_softmax", use_bias=False)), Top(output="log_softmax")),
    "temperature": (
        lambda: chain(gap(), layers.Dense(3), layers.Rescaling(0.25), layers.Activation("softmax")),
        Top(temperature=4.0),
    ),
    "concatenated": (lambda: two_pools("concatenated"), Top("concatenated")),
    "half the sum": (lambda: two_pools("mean+max"), Top("mean+max")),
    "features": (lambda: network(pooling="avg"), Top()),
    "constants": (
        lambda: chain(layers.Normalization(mean=[1.0, 2, 3], variance=[4.0, 9, 2]), None, gap(), layers.Dense(2)),
        Top(output="none"),
    ),
    "one constant, inverted": (
        lambda: chain(
            layers.Normalization(axis=None, mean=3.0, variance=0.04, invert=True), None, gap(), layers.Dense(2)
        ),
        Top(output="none"),
    ),
    "own statistics": (lambda: chain(layers.Normalization(), None, gap(), layers.Dense(2)), Top(output="none")),
    "operations": (
        lambda: chain(lambda x: x / 127.5 - 1.0, None, gap(), layers.Dense(2), lambda x: 2.0 * x, keras.ops.sigmoid),
        Top(temperature=0.5, output="sigmoid"),
    ),
    "of its size already": (
        lambda: chain(layers.Resizing(SIDE, SIDE), layers.CenterCrop(SIDE, SIDE), None, gap(), layers.Dense(2)),
        Top(output="none"),
    ),
    "models in models": (
        lambda: keras.Sequential(
            [keras.Input((SIDE, SIDE, 3)), keras.Sequential([sequential(gap())]), layers.Dense(2)]
        ),
        Top(output="none"),
    ),
}


# Configurations in which the two kinds of files differ.
IN_BOTH = ("one class", "max, nested", "flat", "tutorial", "operations", "models in models", "own statistics")


def read(model, tmp_path, ending=".keras"):
    """What refnet finds in a model's file."""
    path = tmp_path / f"model{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return from_keras(keras_file.read(path))


@pytest.mark.parametrize("name", MODELS)
def test_as_keras_answers(name, tmp_path):
    build, top = MODELS[name]
    model = fill(build())
    answer = theirs(model, pixels(model.input_shape[1]))
    for ending in (".keras", ".h5") if name in IN_BOTH else (".keras",):
        program = read(model, tmp_path, ending)
        found = found_in(program)
        assert found.architecture.top == top
        assert (found.architecture.name, found.padding, found.bn_eps) == ("small", "same", 1e-3)
        assert (found.architecture.classes or 24, found.architecture.resolution) == (
            answer.shape[1],
            model.input_shape[1],
        )
        assert difference(ours(program, found, pixels(model.input_shape[1])), answer) < TOLERANCE


@pytest.mark.parametrize("side", [32, 33, 45, 50])
def test_zeros_of_a_model_for_any_size(side, tmp_path):
    """Keras pads it as for even sides, whatever comes."""
    base = network(None)
    model = fill(keras.Model(base.input, layers.Dense(3, "softmax")(gap()(base.output))))
    program = read(model, tmp_path)
    found = found_in(program)
    assert found.padding in ("same@64", "same@224")  # the same zeros
    assert difference(ours(program, found, pixels(side)), theirs(model, pixels(side))) < TOLERANCE


def test_a_size_of_two_sides(tmp_path):
    base = network.__wrapped__(input_shape=(45, 64, 3))
    model = fill(keras.Model(base.input, layers.Dense(3, "softmax")(gap()(base.output))))
    program = read(model, tmp_path)
    found = found_in(program)
    assert "45 x 64 pixels" in found.told[0]
    assert difference(ours(program, found, pixels(45, 64)), theirs(model, pixels(45, 64))) < TOLERANCE


def shared():
    dense = layers.Dense(24)
    return chain(gap(), dense, layers.ReLU(), dense)


def two_answers():
    base = network(pooling="avg")
    return keras.Model(
        base.input, [layers.Dense(2, name="first")(base.output), layers.Dense(3, name="second")(base.output)]
    )


@keras.saving.register_keras_serializable("mine")
class Own(layers.Layer):
    def call(self, x):
        return x * 2


@keras.saving.register_keras_serializable("mine")
class OwnModel(keras.Model):
    """A functional model that answers otherwise than its layers say."""

    def call(self, x):
        return 2 * super().call(x)


def own_model():
    model = sequential(gap(), layers.Dense(2))
    return OwnModel(model.inputs, model.outputs)


HEAD_NONE, KERAS = "--head none", "keras.Model"
REFUSED = {
    "Lambda": (lambda: chain(gap(), layers.Lambda(lambda x: x * 2), layers.Dense(2)), "code of its author", HEAD_NONE),
    "own layer": (lambda: chain(gap(), Own(), layers.Dense(2)), "class of its author, mine>Own", HEAD_NONE),
    "own activation": (lambda: chain(gap(), layers.Dense(2, "gelu"), layers.Dense(2)), "applies gelu", HEAD_NONE),
    "layer norm": (lambda: chain(gap(), layers.LayerNormalization(), layers.Dense(2)), "LayerNormalization", HEAD_NONE),
    "unpooled": (lambda: chain(layers.Flatten(), layers.Dense(2), side=64), "'flatten.*one pixel", KERAS),
    "pooled in part": (
        lambda: chain(layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(2), side=96),
        "pools 2 x 2 pixels of 3 x 3",
        KERAS,
    ),
    "leaky": (lambda: chain(gap(), layers.ReLU(negative_slope=0.1), layers.Dense(2)), "ReLU with", HEAD_NONE),
    "in training": (
        lambda: chain(gap(), lambda x: layers.Dropout(0.5)(x, training=True), layers.Dense(2)),
        "training=True",
        HEAD_NONE,
    ),
    "two answers": (two_answers, "2 answers", KERAS),
    "Resizing": (
        lambda: chain(layers.Resizing(SIDE, SIDE), None, gap(), layers.Dense(2), side=None, inner=SIDE),
        "'resizing.*in its own way",
        "keras.Model",
    ),
    "CenterCrop": (
        lambda: chain(layers.CenterCrop(SIDE, SIDE), None, gap(), layers.Dense(2), side=40, inner=SIDE),
        "'center_crop",
        "keras.Model",
    ),
    "RandomCrop": (
        lambda: chain(layers.RandomCrop(SIDE, SIDE), None, gap(), layers.Dense(2), side=40, inner=SIDE),
        "'random_crop",
        "keras.Model",
    ),
    "own model": (own_model, "OwnModel of its author", KERAS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_with_a_way_out(name, tmp_path):
    """What the text says to do is done, and then it converts."""
    build, reason, way_out = REFUSED[name]
    model = fill(build())
    with pytest.raises(CheckpointError, match=reason) as caught:
        found_in(read(model, tmp_path))
    text = str(caught.value)
    assert len(text) < 600
    assert way_out in text
    if way_out == HEAD_NONE:
        assert found_in(read(model, tmp_path), head="none").architecture.classes == 0
        return
    command, _, file = re.search(r"(keras\.Model\(.*\))\.(save)\('(\w+\.keras)'\)", text).groups()
    mended = eval(command, {"keras": keras, "model": model})
    mended.save(tmp_path / file)
    if HEAD_NONE in text:
        assert found_in(from_keras(keras_file.read(tmp_path / file)), head="none").architecture.classes == 0
    else:
        found = found_in(from_keras(keras_file.read(tmp_path / file)))
        assert found.architecture.classes == mended.output_shape[1]
