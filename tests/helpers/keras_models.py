"""Small models of Keras 3, run by PyTorch, and what they answer in float64.

Importing this chooses Keras's backend.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from helpers.keras_programs import DEPTH, WIDTH
from keras import layers
from keras.src.applications.efficientnet import EfficientNet
from keras.src.backend.common import dtypes

SIDE = 32

torch.set_num_threads(1)  # networks are too small to be shared
# Keras computes in float64 only where TensorFlow does the work; PyTorch can as well.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


@cache
def network(side: int | None = SIDE, **options: object) -> keras.Model:
    """Keras Applications' network, narrow and short; the same model each time."""
    options = {"include_top": False, "input_shape": (side, side, 3), "weights": None} | options
    return EfficientNet(WIDTH, DEPTH, side or SIDE, **options)


def fill(model: keras.Model) -> keras.Model:
    """Give all variables numbers as after training; the same to the same layer."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            fill(layer)
            continue
        for variable in layer.weights:
            if variable.name != "count" and "seed" not in variable.name:
                variable.assign(numbers(f"{layer.name}/{variable.name}", tuple(variable.shape)))
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()
    return model


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As after training: kernels keep the spread, no batch norm is the identity."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("kernel"):
        taps = shape[:2] if shape[-1] == 1 and len(shape) == 4 else shape[:-1]
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(taps))).astype(np.float32)
    low, high = (0.5, 1.5) if name.endswith(("gamma", "variance")) else (-0.5, 0.5)
    return rng.uniform(low, high, shape).astype(np.float32)


def pixels(height: int = SIDE, width: int | None = None) -> np.ndarray:
    """Two pictures."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (2, height, width or height, 3)).astype(np.float64)


def theirs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What Keras answers when each of its layers computes in float64."""
    with _in_float64(model):
        return keras.ops.convert_to_numpy(model(x, training=False))


@contextmanager
def _in_float64(model: keras.Model) -> Iterator[None]:
    """Let all layers of a model compute in float64; variables stay as they are."""
    wide = keras.DTypePolicy("float32")
    wide._compute_dtype = "float64"
    every = [model, *model._flatten_layers(include_self=False)]
    before = [layer.dtype_policy for layer in every]
    keras.config.set_floatx("float64")
    try:
        for layer in every:
            _compute_in(layer, wide)
        yield
    finally:
        keras.config.set_floatx("float32")
        for layer, policy in zip(every, before, strict=True):
            _compute_in(layer, policy)


def _compute_in(layer: keras.Layer, policy: keras.DTypePolicy) -> None:
    layer.dtype_policy = policy
    for tensor in getattr(layer, "_inputs", ()):
        tensor._dtype = policy.compute_dtype  # what a model converts its inputs to
    if isinstance(layer, layers.Normalization) and layer.built and layer.input_mean is not None:
        layer.build(layer._build_input_shape)  # converts its constants
    elif isinstance(layer, layers.Normalization):
        layer.finalize_state()
