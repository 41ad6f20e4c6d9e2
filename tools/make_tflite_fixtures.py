"""Write tests/data/tflite: EfficientNets of small width, converted by TensorFlow to TensorFlow Lite.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf-keras==2.21.0
    python tools/make_tflite_fixtures.py [-o tests/data/tflite]

======================  =============================================================================================
file                    what it is
======================  =============================================================================================
plain.tflite            Keras Applications' network for pictures of 64x64, without softmax
odd.tflite              the same for 45x64, where zeros lie elsewhere, with softmax
float16.tflite          the same for 64x64, its numbers in 16 bits
any_size.tflite         the same for pictures of any size: zeros as for even sides, whatever comes
head.tflite             largest numbers instead of means, batch norm, two dense layers, one class
lite.tflite             the official Lite from TensorFlow 1's layers, with softmax; pixels are normalised outside
dynamic.tflite          as plain, with the larger kernels as whole numbers
int8.tflite             as plain, whole numbers throughout
======================  =============================================================================================

``expected.npz`` has the pixels, what TensorFlow Lite's interpreter makes of them, and what the network that was
converted makes of them in float64, where its batch norms are still by themselves.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import make_keras_fixtures as made
import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "tflite"
SIZE = (64, 64, 3)
LITE = "lite.tflite"


def plain(shape: Any, activation: str | None = "softmax") -> keras.Model:
    """Keras Applications' network."""
    return made.keras3_network.EfficientNet(
        made.WIDTH, made.DEPTH, 64, weights=None, input_shape=shape, classes=made.CLASSES,
        classifier_activation=activation,
    )  # fmt: skip


def any_size() -> keras.Model:
    """A network that knows no size: Keras adds zeros before strides as if sides were even."""
    body = made.keras3_network.EfficientNet(
        made.WIDTH, made.DEPTH, 64, weights=None, input_shape=(None, None, 3), include_top=False, pooling="avg"
    )
    return keras.Model(body.input, keras.layers.Dense(made.CLASSES, "softmax", name="predictions")(body.output))


def head() -> keras.Model:
    """A network with a top of its own."""
    body = made.keras3_network.EfficientNet(
        made.WIDTH, made.DEPTH, 64, weights=None, input_shape=SIZE, include_top=False, pooling="max"
    )
    x = keras.layers.BatchNormalization(name="own_bn")(body.output)
    x = keras.layers.Dense(6, "relu", name="hidden")(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(body.input, keras.layers.Dense(1, "sigmoid", name="pred")(x))


# How the network is built, and how it is converted.
FILES: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "plain.tflite": (lambda: plain(SIZE, None), "float"),
    "odd.tflite": (lambda: plain((45, 64, 3)), "float"),
    "float16.tflite": (lambda: plain(SIZE), "float16"),
    "any_size.tflite": (any_size, "float"),
    "head.tflite": (head, "float"),
    "dynamic.tflite": (lambda: plain(SIZE, None), "dynamic"),
    "int8.tflite": (lambda: plain(SIZE, None), "int8"),
}


def converted(model: keras.Model, how: str, pixels: np.ndarray) -> bytes:
    """Convert a model."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if how != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if how == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if how == "int8":
        converter.representative_dataset = lambda: [[pixels[:1]], [pixels[1:]]]
    return converter.convert()


def interpreted(file: bytes, pixels: np.ndarray) -> np.ndarray:
    """Run a file by TensorFlow Lite's interpreter."""
    interpreter = tf.lite.Interpreter(model_content=file, num_threads=1)
    (entry,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(entry["index"], pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], pixels)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def lite(pixels: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Convert the official Lite; what it makes of the pixels in float64."""
    import their_tensorflow as theirs

    scaling = theirs.Scaling("lite0", 0.125, 0.3, made.CLASSES, lite=True)
    numbers = {}
    with theirs.tf.Graph().as_default(), theirs.tf.Session() as session:
        entry = theirs.tf.placeholder(theirs.tf.float32, (1, *SIZE), "images")
        output = theirs.tf.nn.softmax(theirs.network(entry, scaling), name="Softmax")
        for variable in theirs.tf.global_variables():
            rng = np.random.default_rng(len(numbers))
            numbers[variable] = theirs.trained(rng, variable.op.name, variable.shape.as_list())
        theirs.assign(session, numbers)
        named = {variable.op.name: value for variable, value in numbers.items()}
        file = tf.compat.v1.lite.TFLiteConverter.from_session(session, [entry], [output]).convert()
    with theirs.tf.Graph().as_default(), theirs.tf.Session() as session:
        output = theirs.tf.nn.softmax(theirs.network(theirs.tf.constant(pixels.astype(np.float64)), scaling))
        wide = {each: named[each.op.name].astype(np.float64) for each in theirs.tf.global_variables()}
        theirs.assign(session, wide)
        return file, session.run(output)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/tflite")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for file, (build, how) in FILES.items():
        sides = (45, 64) if file in ("odd.tflite", "any_size.tflite") else (64, 64)
        pixels = np.random.default_rng(0).integers(0, 256, (2, *sides, 3)).astype(np.float32)
        for dtype in ("float64", "float32"):
            keras.backend.clear_session()
            keras.backend.set_floatx(dtype)
            model = build()
            made.fill(model, made.DATA_SET)
            expected[f"{dtype} {file}"] = model.predict(pixels.astype(dtype), verbose=0)
        content = converted(model, how, pixels)
        (folder / file).write_bytes(content)
        expected |= {f"pixels {file}": pixels.astype(np.uint8), f"interpreted {file}": interpreted(content, pixels)}
    pixels = (np.random.default_rng(0).integers(0, 256, (1, *SIZE)) / 128 - 1).astype(np.float32)
    content, wide = lite(pixels)
    (folder / LITE).write_bytes(content)
    expected |= {f"pixels {LITE}": pixels, f"interpreted {LITE}": interpreted(content, pixels), f"float64 {LITE}": wide}
    np.savez_compressed(folder / "expected.npz", **expected)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:8} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
