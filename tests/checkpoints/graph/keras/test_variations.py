"""Models with a fact changed, drawn by hypothesis: refnet answers as Keras does with that change, or refuses."""

import io
import json
import tempfile
import warnings
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from helpers.keras_models import SIDE, fill, keras, layers, network, pixels, theirs
from helpers.keras_programs import TOLERANCE, difference, found_in, ours
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from refnet.checkpoints.graph.keras.build import from_keras
from refnet.checkpoints.readers.keras import keras_file
from refnet.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def many(examples):
    """So many examples, and what repeats one that fails."""
    return settings(max_examples=examples, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))


numbers = st.sampled_from([0.5, 2.0, -1.0, 0.25, 127.5])
functions = st.sampled_from(
    ["linear", "relu", "relu6", "swish", "sigmoid", "tanh", "softmax", "log_softmax", "gelu", "elu", "hard_sigmoid"]
)
on_pixels = st.one_of(
    st.builds(lambda scale, offset: lambda: layers.Rescaling(scale, offset), numbers, numbers),
    st.builds(lambda mean: lambda: layers.Normalization(mean=mean, variance=2.0, axis=None), numbers),
    st.builds(
        lambda mean, invert: lambda: layers.Normalization(mean=[mean, 1, 2], variance=[2.0, 3, 4], invert=invert),
        numbers, st.booleans(),
    ),
    st.sampled_from([layers.RandomFlip, lambda: layers.GaussianNoise(0.1), lambda: layers.RandomCrop(SIDE, SIDE)]),
    st.builds(lambda side: lambda: layers.Resizing(side, SIDE), st.sampled_from([SIDE, SIDE + 1])),
    st.builds(lambda pad: lambda: layers.ZeroPadding2D(pad), st.sampled_from([0, 1])),
    st.builds(lambda number: lambda: lambda x: x / number - 1, numbers),
    st.builds(lambda number: lambda: lambda x: number - x, numbers),
)  # fmt: skip
pools = st.sampled_from(
    [
        [layers.GlobalAveragePooling2D],
        [layers.GlobalMaxPooling2D],
        [lambda: layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten],
        [lambda: layers.AveragePooling2D(1), layers.Flatten],
        [lambda: layers.MaxPooling2D(1, padding="same"), lambda: layers.Reshape((-1,))],
        [layers.Flatten],
        [lambda: lambda x: keras.ops.mean(x, axis=(1, 2))],
        [lambda: lambda x: keras.ops.max(x, axis=(1, 2), keepdims=True), layers.Flatten],
        [lambda: layers.BatchNormalization(), layers.GlobalAveragePooling2D],
        [lambda: layers.Dense(6, "relu"), layers.GlobalAveragePooling2D],
        [lambda: lambda x: layers.Concatenate()([layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)])],
        [lambda: lambda x: layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])],
    ]
)
dense = st.builds(
    lambda units, name, bias: lambda: layers.Dense(units, name, use_bias=bias),
    st.integers(1, 6), functions, st.booleans(),
)  # fmt: skip
behind = st.one_of(
    dense,
    dense,
    st.builds(
        lambda eps, scale, center: lambda: layers.BatchNormalization(epsilon=eps, scale=scale, center=center),
        st.sampled_from([1e-3, 1e-5, 0.5]), st.booleans(), st.booleans(),
    ),
    st.builds(lambda name: lambda: layers.Activation(name), functions),
    st.builds(lambda top: lambda: layers.ReLU(top), st.sampled_from([None, 6.0, 1.0])),
    st.builds(lambda slope: lambda: layers.ReLU(negative_slope=slope), st.sampled_from([0.0, 0.1])),
    st.builds(lambda scale: lambda: layers.Rescaling(scale), numbers),
    st.builds(lambda number: lambda: lambda x: x * number, numbers),
    st.sampled_from([layers.LayerNormalization, layers.UnitNormalization, layers.Softmax, lambda: layers.Dropout(0.5)]),
    st.sampled_from([lambda: lambda x: x + 1, lambda: lambda x: x * x, lambda: lambda x: 1 - x, layers.Flatten]),
)  # fmt: skip


def answer(data, x):
    """What refnet answers, or None if it refuses."""
    try:
        program = from_keras(keras_file.load(data))
        found = found_in(program)
    except CheckpointError as error:
        note(str(error))
        return None
    return ours(program, found, x)


def test_before_and_behind_the_network():
    """Any layers before and behind: 45 models, of which some are refused and some are not."""
    seen = Counter()

    @many(24)
    @given(st.lists(on_pixels, max_size=2), pools, st.lists(behind, max_size=3), st.booleans())
    def agrees_or_refuses(before, pool, after, classified):
        parts = [*before, network, *pool, *after, *([lambda: layers.Dense(3, "softmax")] if classified else [])]
        x = entry = keras.Input((SIDE, SIDE, 3))
        try:
            for part in parts:
                x = part()(x)
        except ValueError:
            assume(False)  # Keras refuses it
        model = fill(keras.Model(entry, x))
        mine = answer(saved(model), pixels())
        seen["refused" if mine is None else "agreed"] += 1
        if mine is not None:
            assert difference(mine, theirs(model, pixels())) < TOLERANCE

    agrees_or_refuses()
    assert min(seen["refused"], seen["agreed"]) >= 8


def saved(model: keras.Model) -> bytes:
    """The bytes of a model's ``.keras`` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save(path)
        return path.read_bytes()


@cache
def plain() -> tuple[bytes, keras.Model]:
    """The network with a classifier, no model in a model."""
    model = fill(network.__wrapped__(include_top=True, classes=3, name="net"))
    return saved(model), model


PLACES = st.integers(0, 200)
EDITS = {
    "Conv2D": {
        "activation": ["relu", "swish", "linear"], "strides": [[1, 1], [2, 2]], "padding": ["same", "valid"],
        "dilation_rate": [[1, 1], [2, 2]], "use_bias": [True, False], "filters": [8, 16], "groups": [1, 2],
        "data_format": ["channels_first"], "kernel_size": [[1, 1], [3, 3]],
        "dtype": ["mixed_float16", "int8"],
    },
    "DepthwiseConv2D": {
        "activation": ["relu"], "strides": [[1, 1], [2, 2]], "padding": ["same", "valid"], "use_bias": [True],
        "dilation_rate": [[2, 2]], "depth_multiplier": [2], "kernel_size": [[5, 5], [3, 3]],
    },
    "BatchNormalization": {
        "epsilon": [1e-5, 2e-3], "axis": [1, 3, -1], "center": [False], "scale": [False], "momentum": [0.5],
        "renorm": [True], "trainable": [False],
    },
    "Activation": {"activation": ["relu", "relu6", "sigmoid", "linear", "gelu", "silu"]},
    "ZeroPadding2D": {
        "padding": [[[1, 1], [1, 1]], [[0, 1], [0, 1]], [[2, 2], [2, 2]], [[0, 0], [0, 0]], [[1, 2], [1, 2]]],
    },
    "GlobalAveragePooling2D": {"keepdims": [True], "data_format": ["channels_first"]},
    "Reshape": {"target_shape": [[8, 1, 1], [1, 8, 1], [-1]]},
    "Rescaling": {"scale": [1.0, 2.0], "offset": [1.0]},
    "Normalization": {"invert": [True], "mean": [[1.0, 2, 3]], "axis": [[1], []]},
    "Dense": {"activation": ["sigmoid", "linear", "relu", "tanh", "gelu"], "units": [2], "use_bias": [False]},
    "Dropout": {"rate": [0.9]},
    "InputLayer": {"batch_shape": [[None, 33, 33, 3], [None, 64, 64, 3], [None, None, None, 3], [None, 32, 32, 4]]},
}  # fmt: skip
KINDS = st.sampled_from(
    [(kind, key, value) for kind, keys in EDITS.items() for key, values in keys.items() for value in values]
)


def edited(data: bytes, change) -> bytes:
    """The file with another configuration."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(result, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                stated = json.loads(content)
                change(stated["config"]["layers"])
                content = json.dumps(stated).encode()
            written.writestr(name, content)
    return result.getvalue()


def by_keras(data: bytes, weights) -> keras.Model:
    """The model that Keras makes of a configuration, with the weights of the unchanged one."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        model = keras.saving.deserialize_keras_object(json.loads(archive.read("config.json")))
    model.set_weights(weights)
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()
    return model


def test_a_setting_inside_the_network():
    """One setting of one layer: where refnet takes it, Keras takes it too and gives the same answer."""
    data, model = plain()
    seen = Counter()

    @many(20)
    @given(KINDS, PLACES)
    def agrees_or_refuses(edit, place):
        kind, key, value = edit

        def change(stated):
            fitting = [layer["config"] for layer in stated if layer["class_name"] == kind]
            fitting[place % len(fitting)][key] = value

        changed = edited(data, change)
        side = value[1] if key == "batch_shape" and value[1] else SIDE
        mine = answer(changed, pixels(side))
        seen["refused" if mine is None else "agreed"] += 1
        if mine is not None:
            assert difference(mine, theirs(by_keras(changed, model.get_weights()), pixels(side))) < TOLERANCE

    agrees_or_refuses()
    assert min(seen["refused"], seen["agreed"]) >= 5


def test_connections_inside_the_network():
    """Two layers change places, or one reads what another should: refused, or it makes no difference."""
    data, model = plain()

    @many(10)
    @given(st.integers(1, 100), st.integers(1, 100))
    def agrees_or_refuses(first, second):
        def change(stated):
            readers = [layer for layer in stated if layer["inbound_nodes"]]
            one, two = readers[first % len(readers)], readers[second % len(readers)]
            one["inbound_nodes"], two["inbound_nodes"] = two["inbound_nodes"], one["inbound_nodes"]

        changed = edited(data, change)
        mine = answer(changed, pixels())
        if mine is not None:
            assert difference(mine, theirs(by_keras(changed, model.get_weights()), pixels())) < TOLERANCE

    agrees_or_refuses()
