"""Write tests/data/saved_model: what TensorFlow 2 saves of Keras models, but for Keras's own files.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf-keras==2.21.0
    python tools/make_saved_model_fixtures.py [-o tests/data/saved_model]

========================  ============================================================================================
what                      by
========================  ============================================================================================
``keras2/``               Keras 2, ``model.save``: a trained network in another model, with a top of its own
``keras2_weights``        Keras 2, ``model.save_weights``: a trained network of Keras Applications
``keras3_objects``        ``tf.train.Checkpoint(model=..., step=...)`` of Keras 3's network, trained
``subclass/``             Keras 2, ``model.save``: a model of its author's own class
========================  ============================================================================================

Trained ones have an optimiser and metrics beside the network. ``expected.npz`` has the pixels, and what came out of
each network in float64.
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
import tf_keras

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "saved_model"
SIZE = (64, 64, 3)


def nested() -> Any:
    """A network as one layer of another, with a top of its own: the largest numbers, batch norm, two dense layers."""
    body = made.NETWORKS[tf_keras].EfficientNet(
        made.WIDTH, made.DEPTH, 64, weights=None, input_shape=SIZE, include_top=False
    )
    layers = tf_keras.layers
    tops = [
        layers.GlobalMaxPooling2D(),
        layers.BatchNormalization(epsilon=0.01, name="own_bn"),
        layers.Dropout(0.5),
        layers.Dense(6, "relu", name="hidden"),
        layers.Dense(1, "sigmoid", name="pred"),
    ]
    return tf_keras.Sequential([layers.Input(SIZE), body, *tops])


def plain(framework: Any) -> Any:
    """Keras Applications' network."""
    return made.NETWORKS[framework].EfficientNet(
        made.WIDTH, made.DEPTH, 64, weights=None, input_shape=SIZE, classes=made.CLASSES
    )


class Own(tf_keras.Model):
    """A model whose program only its author has."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = tf_keras.layers.Conv2D(2, 3)

    def call(self, pixels: Any) -> Any:
        """Turn the picture round first."""
        return self.convolution(pixels[:, ::-1])


def trained(model: Any, framework: Any) -> Any:
    """Train a model one step, so that an optimiser and metrics are there, and give it its numbers again."""
    model.compile(framework.optimizers.Adam(), "mse", metrics=["mae"])
    model.fit(np.zeros((1, *SIZE)), np.zeros((1, *model.output_shape[1:])), verbose=0)
    made.fill(model, made.DATA_SET)
    return model


def save_objects(model: Any, folder: Path) -> None:
    """Save a checkpoint of objects, with a number beside the model."""
    made_of = tf.train.Checkpoint(model=model, step=tf.Variable(7, name="step"))
    made_of.write(str(folder / "keras3_objects"))


NETWORKS: dict[str, tuple[Any, Callable[[], Any], Callable[[Any, Path], None]]] = {
    "keras2": (tf_keras, nested, lambda model, folder: model.save(str(folder / "keras2"), save_traces=False)),
    "keras2_weights": (
        tf_keras, lambda: plain(tf_keras), lambda model, folder: model.save_weights(str(folder / "keras2_weights")),
    ),
    "keras3_objects": (keras, lambda: plain(keras), save_objects),
}  # fmt: skip


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/saved_model")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SIZE)).astype(np.uint8)
    expected = {"pixels": pixels}
    for name, (framework, build, save) in NETWORKS.items():
        framework.backend.clear_session()
        framework.backend.set_floatx("float64")
        wide = build()
        made.fill(wide, made.DATA_SET)
        expected[name] = wide.predict(pixels.astype(np.float64), verbose=0)
        framework.backend.clear_session()
        framework.backend.set_floatx("float32")
        save(trained(build(), framework), folder)
    own = Own()
    own(pixels.astype(np.float32))
    own.save(str(folder / "subclass"), save_traces=False)
    (folder / "checkpoint").unlink()
    np.savez_compressed(folder / "expected.npz", **expected)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        print(f"{path.stat().st_size:8} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
