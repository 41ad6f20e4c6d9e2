"""Write tests/data/tf: checkpoints written by TensorFlow itself, for the tests of the reader that does without it.

    pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0
    python tools/make_tf_fixtures.py [-o tests/data/tf]

``small.ckpt`` has tensors of every dtype, special numbers and shared beginnings of names; ``sharded.ckpt`` two
shards and a variable saved in slices; ``small.npz`` and ``sharded.npz`` what TensorFlow reads from them. ``net.tar.gz``
is an EfficientNet of the smallest width and depth, as the official ones are published: built from TensorFlow 1's layers
in the official scopes, so that TensorFlow numbers them, with moving averages and the optimiser's variables. Its
numbers follow from the names: see ``numbers``.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tf.layers is not in Keras 3
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow.compat.v1 as tf

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "tf"
STEP = 218949  # of the official B0

# Kernel, stride, expansion, channels of each stage's one block: B0's width / 8 and depth / 10, rounded as ever.
STAGES = ((3, 1, 1, 8), (3, 2, 6, 8), (5, 2, 6, 8), (3, 2, 6, 16), (5, 1, 6, 16), (5, 2, 6, 24), (3, 1, 6, 40))
STEM, HEAD, CLASSES = 8, 160, 5


class TpuBatchNormalization(tf.layers.BatchNormalization):
    """Of this name in tensorflow/tpu; it gives the variables theirs."""


class DepthwiseConv2D(tf.keras.layers.DepthwiseConv2D, tf.layers.Layer):
    """As in tensorflow/tpu: Keras by itself would number these through all scopes."""


def numbers(name: str, shape: list[int]) -> np.ndarray:
    """Counting up from a number that belongs to the name, modulo a prime so that the archive stays small."""
    first = zlib.crc32(name.encode()) % 1021
    return (np.arange(first, first + int(np.prod(shape))) % 1021).astype(np.float32).reshape(shape)


def convolution(x: tf.Tensor, filters: int, size: int = 1, stride: int = 1, *, bias: bool = False) -> tf.Tensor:
    """A convolution, which TensorFlow names and numbers in the scope at hand."""
    return tf.layers.Conv2D(filters, size, stride, "same", use_bias=bias)(x)


def norm(x: tf.Tensor) -> tf.Tensor:
    """Batch norm, named likewise."""
    return TpuBatchNormalization()(x)


def block(x: tf.Tensor, size: int, stride: int, expansion: int, channels: int) -> tf.Tensor:
    """One mobile inverted bottleneck, its layers in the official order."""
    entry = int(x.shape[-1])
    if expansion != 1:
        x = norm(convolution(x, entry * expansion))
    x = norm(DepthwiseConv2D(size, stride, "same", use_bias=False)(x))
    with tf.variable_scope("se"):
        gate = convolution(tf.reduce_mean(x, [1, 2], keepdims=True), entry // 4, bias=True)
        gate = convolution(gate, int(x.shape[-1]), bias=True)
    return norm(convolution(tf.sigmoid(gate) * x, channels))


def network(x: tf.Tensor) -> tf.Tensor:
    """The whole network in the official scopes."""
    with tf.variable_scope("stem"):
        x = norm(convolution(x, STEM, 3, 2))
    for index, stage in enumerate(STAGES):
        with tf.variable_scope(f"blocks_{index}"):
            x = block(x, *stage)
    with tf.variable_scope("head"):
        x = norm(convolution(x, HEAD))
        return tf.layers.Dense(CLASSES)(tf.reduce_mean(x, [1, 2]))


def save(prefix: Path, *, sharded: bool = False) -> None:
    """Save the variables of the default graph."""
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(sharded=sharded)
        saver.save(session, str(prefix), write_meta_graph=False, write_state=False)


def expected(prefix: Path) -> dict[str, np.ndarray]:
    """What TensorFlow reads; what NumPy has no dtype for is left out."""
    reader = tf.train.load_checkpoint(str(prefix))
    arrays = {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
    return {name: array for name, array in sorted(arrays.items()) if array.dtype.kind in "fiu"}


def save_expected(prefix: Path) -> None:
    """Write an .npz beside a checkpoint; names have slashes, which become bars."""
    arrays = {name.replace("/", "|"): array for name, array in expected(prefix).items()}
    np.savez_compressed(prefix.with_suffix(".npz"), **arrays)


def write_small(folder: Path) -> None:
    """A bit of everything."""
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4028235e38], np.float32)
    with tf.Graph().as_default():
        tf.Variable(np.int64(STEP), name="global_step")
        matrix = tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3), name="matrix")
        tf.Variable(special, name="special")
        tf.Variable(np.zeros((3, 0, 2), np.float32), name="empty")
        tf.Variable("text", name="string")
        tf.Variable([True, False], name="bool")
        tf.Variable(tf.constant([1.5], tf.bfloat16), name="bfloat16")
        for dtype in ("float16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"):
            tf.Variable(np.arange(5).astype(dtype), name=dtype)
        for number in range(40):  # more than the 16 entries between restart points
            tf.Variable(np.float32(number) / 4, name=f"shared/beginning/of/names_{number}")
        tf.train.ExponentialMovingAverage(0.9).apply([matrix])
        save(folder / "small.ckpt")
    save_expected(folder / "small.ckpt")


def write_sharded(folder: Path) -> None:
    """Two devices, so two shards, and a variable in two slices."""
    with tf.Graph().as_default():
        for number in range(4):
            with tf.device(f"/cpu:{number % 2}"):
                tf.Variable(np.full((number + 1, 2), number, np.float32), name=f"on_device/{number}")
        parts = tf.fixed_size_partitioner(2)
        tf.get_variable("sliced", (4, 3), initializer=tf.zeros_initializer(), partitioner=parts)
        save(folder / "sharded.ckpt", sharded=True)
    save_expected(folder / "sharded.ckpt")


def write_net(folder: Path) -> None:
    """An archive like the official ones."""
    with tf.Graph().as_default(), tempfile.TemporaryDirectory() as made:
        step = tf.train.create_global_step()
        with tf.variable_scope("efficientnet-tiny"):
            logits = network(tf.zeros((1, 32, 32, 3)))
        train = tf.train.RMSPropOptimizer(0.016, 0.9, 0.9, 1e-3).minimize(tf.reduce_sum(logits), step)
        moving = [variable for variable in tf.global_variables() if "/moving_" in variable.op.name]
        with tf.control_dependencies([train]):
            tf.train.ExponentialMovingAverage(0.9999, step).apply(tf.trainable_variables() + moving)
        save_assigned(Path(made) / "model.ckpt", step)
        pack(Path(made), folder / "net.tar.gz")


def save_assigned(prefix: Path, step: tf.Variable) -> None:
    """Save every variable with its number instead of its initial value."""
    with tf.Session() as session:
        for variable in tf.global_variables():
            value = STEP if variable is step else numbers(variable.op.name, variable.shape.as_list())
            variable.load(value, session)
        tf.train.Saver(save_relative_paths=True).save(session, str(prefix))


def pack(source: Path, target: Path) -> None:
    """Make an archive that does not depend on the clock or on who packs it."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as archive:
        folder = tarfile.TarInfo("efficientnet-tiny")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for path in sorted(source.iterdir()):
            if path.suffix == ".meta":
                continue  # the graph: large, and of no use here
            member = tarfile.TarInfo(f"efficientnet-tiny/{path.name}")
            member.size = path.stat().st_size
            archive.addfile(member, io.BytesIO(path.read_bytes()))
    target.write_bytes(gzip.compress(plain.getvalue(), 9, mtime=0))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/tf of this checkout")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    tf.disable_v2_behavior()
    write_small(folder)
    write_sharded(folder)
    write_net(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:8} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
