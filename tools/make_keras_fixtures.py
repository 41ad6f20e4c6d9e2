"""Write tests/data/keras: EfficientNets of small width, built by Keras Applications and saved by Keras itself.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf-keras==2.21.0
    python tools/make_keras_fixtures.py [-o tests/data/keras]

tf_keras is Keras 2, which wrote the published files. All files hold one network; its numbers follow from the names,
see ``numbers``. They differ in container and in the numbers of the normalization layer:

====================  ==========  ===========================================================  ===================
file                  written by  container                                                    normalization
====================  ==========  ===========================================================  ===================
weights.h5            Keras 2     weights alone, as Keras Applications publishes them          as published
notop.h5              Keras 2     the same without the classifier                              as published
model.h5              Keras 2     whole model, its second scaling a TensorFlow operation       as published
keras3.keras          Keras 3     whole model, its second scaling a Rescaling layer            as published
keras3.weights.h5     Keras 3     weights alone, with the names of layers                      of a data set
nested.h5             Keras 3     whole model in the old layout, the network in another model  of a data set
keras2.keras          Keras 2     whole model, without the names of layers beside the weights  never set
====================  ==========  ===========================================================  ===================

``expected.npz`` has the tensors by the names that refnet reads them under (slashes become bars), the pixels that the
networks were run on, and what came out of each file's network in float32 and float64.
"""

from __future__ import annotations

import argparse
import os
import sys
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tf_keras
from keras.src.applications import efficientnet as keras3_network
from tf_keras.src.applications import efficientnet as keras2_network

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "keras"
WIDTH, DEPTH, CLASSES = 0.02, 0.3, 5
SHAPE = (45, 64, 3)  # an odd and an even side: Keras pads them differently
NETWORKS = {keras: keras3_network, tf_keras: keras2_network}

PUBLISHED = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
DATA_SET = ([0.5, 0.4, 0.3], [0.08, 0.07, 0.06])
NEVER_SET = ([0, 0, 0], [1, 1, 1])

# What wrote it, its normalization, and how the network is built.
FILES: dict[str, tuple[Any, Any, str]] = {
    "weights.h5": (tf_keras, PUBLISHED, "scaled twice"),
    "notop.h5": (tf_keras, PUBLISHED, "no top"),
    "model.h5": (tf_keras, PUBLISHED, "scaled twice"),
    "keras3.keras": (keras, PUBLISHED, "scaled twice"),
    "keras3.weights.h5": (keras, DATA_SET, "plain"),
    "nested.h5": (keras, DATA_SET, "nested"),
    "keras2.keras": (tf_keras, NEVER_SET, "plain"),
}


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("kernel"):
        taps = shape[:2] if shape[-1] == 1 else shape[:-1]
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(taps))).astype(np.float32)
    low, high = (0.5, 1.5) if name.endswith(("gamma", "variance")) else (-0.5, 0.5)
    return rng.uniform(low, high, shape).astype(np.float32)


def efficientnet(framework: Any, kind: str) -> Any:
    """Build Keras Applications' network; it scales a second time only where it believes to load published weights."""
    options = {"input_shape": SHAPE, "include_top": False, "pooling": "avg", "weights": None}
    if kind == "plain":
        options |= {"include_top": True, "classes": CLASSES, "classifier_activation": None}
    if kind == "scaled twice":
        name = (
            {"name": "efficientnetb0", "weights_name": "b0"} if framework is keras else {"model_name": "efficientnetb0"}
        )
        options |= {"weights": "imagenet", **name}
    downloads = keras3_network.file_utils if framework is keras else keras2_network.data_utils
    with mock.patch.object(downloads, "get_file"), mock.patch.object(framework.Model, "load_weights"):
        return NETWORKS[framework].EfficientNet(WIDTH, DEPTH, SHAPE[1], **options)


def model(framework: Any, kind: str) -> Any:
    """Build a network, and what is around it."""
    network = efficientnet(framework, kind)
    if kind in ("plain", "no top"):
        return network
    classifier = framework.layers.Dense(CLASSES, name="predictions")
    if kind == "scaled twice":
        return framework.Model(network.input, classifier(network.output))
    pixels = framework.layers.Input(SHAPE)
    return framework.Model(pixels, classifier(network(pixels)))


def fill(model: Any, normalization: tuple[list[float], list[float]]) -> dict[str, np.ndarray]:
    """Set all variables; return them by name."""
    found = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found |= fill(layer, normalization)
            continue
        is_normalization = layer.name.startswith("normalization")
        for variable in layer.weights:
            leaf = variable.name.rpartition("/")[2].removesuffix(":0").removeprefix("depthwise_")
            name = f"{'normalization' if is_normalization else layer.name}/{leaf}"
            if not is_normalization:
                variable.assign(numbers(name, tuple(variable.shape)))
            elif leaf != "count":
                variable.assign(np.float32(normalization[leaf == "variance"]))
            found[name] = variable.numpy()
        if is_normalization:
            layer.finalize_state()
    return found


def make(file: str, pixels: np.ndarray, dtype: str) -> tuple[Any, dict[str, np.ndarray], np.ndarray]:
    """Build a file's network; its variables, and what comes out of it."""
    framework, normalization, kind = FILES[file]
    if dtype == "float64":
        framework = keras  # Keras 2's second scaling can do float32 only
    framework.backend.clear_session()
    framework.backend.set_floatx(dtype)
    built = model(framework, kind)
    variables = fill(built, normalization)
    return built, variables, built.predict(pixels.astype(dtype), verbose=0)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "-o", "--output", type=Path, default=FOLDER, help="by default tests/data/keras of this checkout"
    )
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype(np.float32)
    expected = {"pixels": pixels}
    for file in FILES:
        _, _, expected[f"float64 {file}"] = make(file, pixels, "float64")
        built, variables, expected[f"float32 {file}"] = make(file, pixels, "float32")
        whole = file in ("model.h5", "nested.h5") or file.endswith(".keras")
        (built.save if whole else built.save_weights)(str(folder / file))
        expected |= {name.replace("/", "|"): array for name, array in variables.items() if "normalization" not in name}
    np.savez_compressed(folder / "expected.npz", **expected)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:8} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
