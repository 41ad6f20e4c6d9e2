"""Write tests/data/tf: checkpoints written by TensorFlow itself, for the tests of the reader that does without it.

    pip install tensorflow-cpu==2.21.0
    python tools/make_tf_fixtures.py [-o tests/data/tf]

``small.ckpt`` has tensors of every dtype, special numbers and shared beginnings of names; ``sharded.ckpt`` two
shards and a variable saved in slices; ``small.npz`` and ``sharded.npz`` what TensorFlow reads from them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow.compat.v1 as tf

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "tf"
STEP = 218949  # of the official B0


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


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/tf of this checkout")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    tf.disable_v2_behavior()
    write_small(folder)
    write_sharded(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:8} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
