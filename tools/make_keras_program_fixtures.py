"""Write models of Keras 2, KerasHub and PyPI's efficientnet, small ones, and what comes out of them in float64.

    pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0 keras==3.15.1 keras-hub==0.32.0 efficientnet==1.1.1
    python tools/make_keras_program_fixtures.py

===============  ====================================================================================
tutorial.h5      keras.io's fine-tuning example by Keras 2: augmentation, batch norm, "pred"
operations.h5    Keras 2: pixels changed by operators, a network called with training=False, sigmoid
max.keras        Keras 2's own .keras: a Sequential model with the maximum of each channel
hub.keras        KerasHub's classifier, with the preprocessor it predicts by
package.h5       PyPI's efficientnet, a whole model: its own classes and names
===============  ====================================================================================

``expected.npz`` has the pixels that the networks were run on, and what came out of each.
"""

from __future__ import annotations

import argparse
import os
import sys
import zlib
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import efficientnet.model
import keras
import keras_hub
import numpy as np
import tensorflow
import tf_keras
from tf_keras import layers
from tf_keras.src.applications.efficientnet import EfficientNet

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "keras_programs"
WIDTH, DEPTH, SIDE = 0.02, 0.25, 32


def network(**options: Any) -> Any:
    """Keras 2's network, narrow and short."""
    options = {"include_top": False, "weights": None, "input_shape": (SIDE, SIDE, 3)} | options
    return EfficientNet(WIDTH, DEPTH, SIDE, model_name="efficientnetb0", **options)


def tutorial() -> Any:
    """https://keras.io/examples/vision/image_classification_efficientnet_fine_tuning."""
    pixels = layers.Input((SIDE, SIDE, 3))
    x = tf_keras.Sequential([layers.RandomFlip(), layers.GaussianNoise(0.1)])(pixels)
    base = network(input_tensor=x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(base.output)
    x = layers.Dropout(0.2, name="top_dropout")(layers.BatchNormalization()(x))
    return tf_keras.Model(pixels, layers.Dense(5, activation="softmax", name="pred")(x))


def operations() -> Any:
    """Pixels as MobileNet's preprocess_input makes them, before a network that is frozen."""
    pixels = layers.Input((SIDE, SIDE, 3))
    x = network()(pixels / 127.5 - 1.0, training=False)
    return tf_keras.Model(pixels, tensorflow.sigmoid(layers.Dense(1)(layers.GlobalAveragePooling2D()(x))))


def maximum() -> Any:
    """A model in a row."""
    head = [layers.GlobalMaxPooling2D(), layers.Dropout(0.3), layers.Dense(3, activation="softmax")]
    return tf_keras.Sequential([network(), *head])


def hub() -> Any:
    """KerasHub's classifier of its B0 with other coefficients."""
    backbone = keras_hub.models.EfficientNetBackbone(
        stackwise_width_coefficients=[WIDTH] * 7,
        stackwise_depth_coefficients=[DEPTH] * 7,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        stackwise_squeeze_and_excite_ratios=[0.25] * 7,
        stackwise_block_types=["v1"] * 7,
        min_depth=None,
        use_depth_divisor_as_min_depth=True,
        cap_round_filter_decrease=True,
    )
    converter = keras_hub.layers.EfficientNetImageConverter(
        image_size=(SIDE, SIDE), scale=[0.017, 0.0175, 0.0174], offset=[-2.1, -2.0, -1.8]
    )
    return keras_hub.models.EfficientNetImageClassifier(
        backbone=backbone,
        num_classes=5,
        activation="softmax",
        preprocessor=keras_hub.models.EfficientNetImageClassifierPreprocessor(converter),
    )


def of_package() -> Any:
    """PyPI's efficientnet, which takes the Keras it is given."""
    keras2 = {"backend": tf_keras.backend, "layers": layers, "models": tf_keras.models, "utils": tf_keras.utils}
    options = {"weights": None, "input_shape": (SIDE, SIDE, 3), "classes": 4}
    return efficientnet.model.EfficientNet(WIDTH, DEPTH, SIDE, **options, **keras2)


FILES = {
    "tutorial.h5": (tf_keras, tutorial),
    "operations.h5": (tf_keras, operations),
    "max.keras": (tf_keras, maximum),
    "hub.keras": (keras, hub),
    "package.h5": (tf_keras, of_package),
}


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("kernel"):
        taps = shape[:2] if len(shape) == 4 and shape[-1] == 1 else shape[:-1]
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(taps))).astype(np.float32)
    low, high = (0.5, 1.5) if name.endswith(("gamma", "variance")) else (-0.5, 0.5)
    return rng.uniform(low, high, shape).astype(np.float32)


def fill(model: Any) -> None:
    """Set all variables by the names of their layers."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            fill(layer)
            continue
        for variable in layer.weights:
            leaf = variable.name.rpartition("/")[2].removesuffix(":0")
            if leaf != "count" and "seed" not in leaf and "StateVar" not in variable.name:
                variable.assign(numbers(f"{layer.name}/{leaf}", tuple(variable.shape)))
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def make(file: str, dtype: str, pixels: np.ndarray) -> tuple[Any, np.ndarray]:
    """Build a file's model; what it answers."""
    framework, build = FILES[file]
    framework.backend.clear_session()
    framework.backend.set_floatx(dtype)
    model = build()
    fill(model)
    if file != "hub.keras":
        return model, model.predict(pixels.astype(dtype), verbose=0)
    scaled = pixels * np.array([0.017, 0.0175, 0.0174]) + [-2.1, -2.0, -1.8]  # pictures of the network's size
    return model, np.array(model(scaled.astype(dtype), training=False))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float64)
    expected = {"pixels": pixels}
    for file in FILES:
        _, expected[file] = make(file, "float64", pixels)
        model, _ = make(file, "float32", pixels)
        model.save(str(folder / file))
    np.savez_compressed(folder / "expected.npz", **expected)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:8} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
