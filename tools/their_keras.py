"""Keras Applications' networks, with numbers as after training, saved and run by the Keras that published them.

    pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0

tf_keras is Keras 2, which wrote the published files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import numpy.typing as npt
import tf_keras

Array = npt.NDArray[Any]

PACKAGES = {"keras": "tf-keras"}

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as published; the latter is called a variance there


def publish(
    publisher: str, variant: str, numbers: dict[str, Array], folder: Path
) -> tuple[Path, Callable[[Array, str], Array]]:
    """Write a variant's checkpoint of these numbers; return its path, and what runs it on x f32[N, H, W, 3]."""
    model = build(variant, "float32")
    numbers = numbers | {
        "normalization/mean": np.float32(MEAN),
        "normalization/variance": np.float32(STD),
        "normalization/count": np.int64(0),
    }
    names = [weight.name.removesuffix(":0") for weight in model.weights]
    # Keras numbers the normalization layer if there was one before it.
    model.set_weights([numbers[re.sub(r"^normalization_\d+", "normalization", name)] for name in names])
    path = folder / f"{publisher}-{variant}.h5"
    model.save_weights(path)
    return path, partial(logits, model, variant)


def build(variant: str, dtype: str) -> tf_keras.Model:
    """Build a variant up to the logits, from pixels on."""
    tf_keras.backend.set_floatx(dtype)
    make = getattr(tf_keras.applications, f"EfficientNet{variant.upper()}")
    return make(weights=None, classifier_activation=None)


def logits(model: tf_keras.Model, variant: str, x: Array, dtype: str) -> Array:
    """Run a model's numbers on x f32[N, H, W, 3], normalised already, in ``float32`` or ``float64``."""
    whole = build(variant, dtype)
    whole.set_weights(model.get_weights())
    after_normalization = tf_keras.Model(whole.get_layer("stem_conv_pad").input, whole.output)
    return after_normalization(x.astype(dtype), training=False).numpy()
