"""The official network in TensorFlow, with numbers as after training, saved and run as its publisher does.

    pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0

What the tools that make or measure checkpoints share. tensorflow/tpu is no package, so the network is written here
from TensorFlow 1's layers after its models/official/efficientnet: in the same scopes and the same order, so that
TensorFlow itself names and numbers all variables.
"""

from __future__ import annotations

import gzip
import math
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tf.layers is not in Keras 3
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import numpy.typing as npt
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

Array = npt.NDArray[Any]

PACKAGES = {"tf": "tensorflow-cpu"}

STEP = 218949  # of the official B0
EPSILON = 1e-3
AVERAGE = "/ExponentialMovingAverage"

# Repeats, kernel, stride, expansion and channels of each stage: the paper's table 1.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Scaling:
    """Of one network: its scope is ``efficientnet-NAME``."""

    name: str
    width: float
    depth: float
    classes: int
    lite: bool = False

    def filters(self, number: int) -> int:
        """Scale a number of filters; a multiple of 8, not below 90 %."""
        scaled = number * self.width
        rounded = max(8, int(scaled + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * scaled else rounded

    def blocks(self) -> list[tuple[int, int, int, int]]:
        """Kernel, stride, expansion and channels of each block."""
        found = []
        for number, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
            fixed = self.lite and number in (0, len(STAGES) - 1)
            count = repeats if fixed else math.ceil(self.depth * repeats)
            strides = [stride] + [1] * (count - 1)
            found += [(kernel, each, expansion, self.filters(channels)) for each in strides]
        return found


# Width and depth of the official variants.
VARIANTS = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "b8": (2.2, 3.6),
    "l2": (4.3, 5.3),
}
LITES = {f"lite{number}": VARIANTS[f"b{number}"] for number in range(5)}


class TpuBatchNormalization(tf.layers.BatchNormalization):
    """Of this name in tensorflow/tpu; it gives the variables theirs."""


class DepthwiseConv2D(tf.keras.layers.DepthwiseConv2D, tf.layers.Layer):
    """As in tensorflow/tpu: Keras by itself would number these through all scopes."""


def convolution(x: tf.Tensor, filters: int, size: int = 1, stride: int = 1, *, bias: bool = False) -> tf.Tensor:
    """A convolution, which TensorFlow names and numbers in the scope at hand."""
    return tf.layers.Conv2D(filters, size, stride, "same", use_bias=bias, dtype=x.dtype)(x)


def norm(x: tf.Tensor) -> tf.Tensor:
    """Batch norm by its moving statistics, named likewise."""
    return TpuBatchNormalization(epsilon=EPSILON, dtype=x.dtype)(x, training=False)


def block(x: tf.Tensor, scaling: Scaling, kernel: int, stride: int, expansion: int, channels: int) -> tf.Tensor:
    """One mobile inverted bottleneck, its layers in the official order."""
    activation = tf.nn.relu6 if scaling.lite else tf.nn.swish
    entry = x
    if expansion != 1:
        x = activation(norm(convolution(x, entry.shape[-1] * expansion)))
    x = activation(norm(DepthwiseConv2D(kernel, stride, "same", use_bias=False, dtype=x.dtype)(x)))
    if not scaling.lite:
        with tf.variable_scope("se"):
            gate = convolution(tf.reduce_mean(x, [1, 2], keepdims=True), entry.shape[-1] // 4, bias=True)
            x = tf.sigmoid(convolution(activation(gate), x.shape[-1], bias=True)) * x
    x = norm(convolution(x, channels))
    return x + entry if stride == 1 and entry.shape[-1] == channels else x


def network(x: tf.Tensor, scaling: Scaling) -> tf.Tensor:
    """The whole network in the official scopes, up to the logits."""
    activation = tf.nn.relu6 if scaling.lite else tf.nn.swish
    with tf.variable_scope(f"efficientnet-{scaling.name}"):
        with tf.variable_scope("stem"):
            x = activation(norm(convolution(x, 32 if scaling.lite else scaling.filters(32), 3, 2)))
        for index, each in enumerate(scaling.blocks()):
            with tf.variable_scope(f"blocks_{index}"):
                x = block(x, scaling, *each)
        with tf.variable_scope("head"):
            x = activation(norm(convolution(x, 1280 if scaling.lite else scaling.filters(1280))))
            return tf.layers.Dense(scaling.classes, dtype=x.dtype)(tf.reduce_mean(x, [1, 2]))


def publish(
    publisher: str, variant: str, numbers: dict[str, Array], folder: Path
) -> tuple[Path, Callable[[Array, str], Array]]:
    """Write a variant's checkpoint of these numbers; return its path, and what runs it on x f32[N, H, W, 3]."""
    width, depth = (VARIANTS | LITES)[variant]
    scaling = Scaling(variant, width, depth, classes=1000, lite=variant in LITES)
    archive = folder / f"{publisher}-{variant}.tar.gz"
    save(archive, scaling, lambda name, shape: numbers[name], level=1)
    return archive, partial(logits, archive, scaling)


Numbers = Callable[[str, list[int]], Array]


def trained(rng: np.random.Generator, name: str, shape: list[int]) -> Array:
    """Numbers as after training: each kernel keeps the spread, no batch norm is the identity."""
    if len(shape) > 1:
        fan_in = np.prod(shape[:2] if name.endswith("depthwise_kernel") else shape[:-1])
        return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
    low, high = (0.5, 1.5) if name.endswith(("gamma", "moving_variance")) else (-0.5, 0.5)
    return rng.uniform(low, high, shape).astype(np.float32)


def save(archive: Path, scaling: Scaling, numbers: Numbers, level: int = 9) -> None:
    """Write an archive like the published ones: variables, their moving averages, and what the optimiser left.

    ``numbers`` gives a variable's average by its name and shape.
    """
    with tf.Graph().as_default(), tf.Session() as session, tempfile.TemporaryDirectory() as made:
        step = tf.train.create_global_step()
        train = tf.train.RMSPropOptimizer(0.016, 0.9, 0.9, EPSILON).minimize(
            tf.reduce_sum(network(tf.zeros((1, 32, 32, 3)), scaling)), step
        )
        moving = [variable for variable in tf.global_variables() if "/moving_" in variable.op.name]
        average = tf.train.ExponentialMovingAverage(0.9999, step)
        with tf.control_dependencies([train]):
            average.apply(tf.trainable_variables() + moving)
        session.run(tf.global_variables_initializer())
        values: dict[tf.Variable, Any] = {step: STEP}
        for variable in tf.trainable_variables() + moving:
            value = numbers(variable.op.name, variable.shape.as_list())
            values[average.average(variable)] = value
            # The last step's, near the average; a few bits only, so that the archive stays small.
            values[variable] = value.astype(np.float16).astype(np.float32)
        assign(session, values)
        tf.train.Saver(save_relative_paths=True).save(session, f"{made}/model.ckpt", write_meta_graph=False)
        pack(Path(made), f"efficientnet-{scaling.name}", archive, level)


def assign(session: tf.Session, values: dict[tf.Variable, Any]) -> None:
    """Give variables their values, all in one run: a run for each takes minutes."""
    initializers = [variable.initializer for variable in values]
    fed = [initializer.inputs[1] for initializer in initializers]
    session.run(initializers, dict(zip(fed, values.values(), strict=True)))


def pack(source: Path, folder: str, archive: Path, level: int) -> None:
    """Make an archive that does not depend on the clock or on who packs it."""
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", level, file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        root = tarfile.TarInfo(folder)
        root.type = tarfile.DIRTYPE
        tar.addfile(root)
        for path in sorted(source.iterdir()):
            member = tarfile.TarInfo(f"{folder}/{path.name}")
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)


def logits(archive: Path, scaling: Scaling, x: Array, dtype: str) -> Array:
    """Run the network of an archive on x f32[N, H, W, 3] in ``float32`` or ``float64``, by its moving averages."""
    with tf.Graph().as_default(), tf.Session() as session, tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
        stored = tf.train.load_checkpoint(f"{unpacked}/efficientnet-{scaling.name}/model.ckpt")
        output = network(tf.constant(x.astype(dtype)), scaling)
        variables = tf.global_variables()
        assign(session, {each: stored.get_tensor(each.op.name + AVERAGE).astype(dtype) for each in variables})
        return session.run(output)
