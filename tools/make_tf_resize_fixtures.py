"""Write tests/data/tf/resize.npz and keras.npz: pictures prepared by TensorFlow 2.21 and Keras 3 themselves.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1
    python tools/make_tf_resize_fixtures.py [-o tests/data/tf]

``resize.npz`` has small pictures ``picture_<height>x<width>``, what TensorFlow 1's two resizes make of them,
``<kind>_<height>x<width>_<height>x<width>``, and what the evaluation of tensorflow/tpu makes of them,
``<year>_<normalisation>_<height>x<width>_<size>``, all in float32. The evaluation is stated here in TensorFlow's
operations, run one by one: inside a graph TensorFlow multiplies by the reciprocal where the source divides by a
constant, and the last bit may differ. ``keras.npz`` has pixels and what the three layers at the beginning of a
Keras EfficientNet make of them.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "tf"
SIZES = (  # of a picture, and of what becomes of it
    ((20, 30), (9, 11)),
    ((9, 7), (21, 16)),
    ((31, 17), (31, 24)),
    ((40, 50), (20, 25)),
    ((12, 12), (12, 12)),
    ((5, 64), (29, 3)),
    ((150, 4), (61, 5)),
    ((1, 2), (4, 3)),
)
EVALUATED = (((61, 47), 24), ((50, 90), 32))
RESIZES = {"bicubic": tf.raw_ops.ResizeBicubic, "bilinear": tf.raw_ops.ResizeBilinear}
NORMALISATIONS = {
    "baseline": lambda x: (x - tf.constant([123.675, 116.28, 103.53])) / tf.constant([58.395, 57.12, 57.375]),
    "advprop": lambda x: x * 2.0 / 255 - 1.0,
    "lite": lambda x: (x - tf.constant([127.0] * 3)) / tf.constant([128.0] * 3),
}
DEVIATIONS = [0.229, 0.224, 0.225]


def noise(height: int, width: int) -> np.ndarray:
    """A picture that belongs to its size."""
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), dtype=np.uint8)


def resized(kind: str, picture: np.ndarray, height: int, width: int) -> tf.Tensor:
    """TensorFlow 1's resize: neither aligned corners nor pixel centres."""
    return RESIZES[kind](images=picture[None], size=[height, width], align_corners=False, half_pixel_centers=False)[0]


def evaluated(picture: np.ndarray, size: int, padding: int) -> tf.Tensor:
    """The centre of a decoded picture at the network's size, as in evaluation."""
    height, width, _ = picture.shape
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    side = int(tf.cast((size / (size + padding)) * shorter, tf.int32))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    return resized("bicubic", picture[top : top + side, left : left + side], size, size)


def resize_arrays() -> dict[str, np.ndarray]:
    """All of resize.npz."""
    arrays = {}
    for (height, width), (new_height, new_width) in SIZES:
        picture = arrays[f"picture_{height}x{width}"] = noise(height, width)
        for kind in RESIZES:
            name = f"{kind}_{height}x{width}_{new_height}x{new_width}"
            arrays[name] = resized(kind, picture, new_height, new_width).numpy()
    for (height, width), size in EVALUATED:
        picture = arrays[f"picture_{height}x{width}"] = noise(height, width)
        for year, padding in (("2019", 32), ("2021", round(size * (1 / 0.875 - 1)))):
            for name, normalise in NORMALISATIONS.items():
                x = normalise(evaluated(picture, size, padding))
                arrays[f"{year}_{name}_{height}x{width}_{size}"] = x.numpy()
    return arrays


def keras_arrays() -> dict[str, np.ndarray]:
    """All of keras.npz: every level of a pixel, and what lies between and beyond."""
    levels = np.arange(256, dtype=np.float32).repeat(3).reshape(16, 16, 3)
    between = np.random.default_rng(0).uniform(-30, 290, (16, 16, 3)).astype(np.float32)
    pixels = np.concatenate([levels, between])
    image = keras.Input((None, None, 3))
    normalization = keras.layers.Normalization(axis=3)
    x = normalization(keras.layers.Rescaling(1.0 / 255.0)(image))
    x = keras.layers.Rescaling([1.0 / math.sqrt(deviation) for deviation in DEVIATIONS])(x)
    mean, variance = np.array([0.485, 0.456, 0.406], np.float32), np.array(DEVIATIONS, np.float32)
    normalization.set_weights([mean, variance, np.array(0)])
    normalization.finalize_state()
    return {"pixels": pixels, "normalised": keras.Model(image, x).predict(pixels[None], verbose=0)[0]}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/tf of this checkout")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("resize.npz", resize_arrays()), ("keras.npz", keras_arrays())):
        np.savez_compressed(folder / name, **arrays)
        print(f"{(folder / name).stat().st_size:8} {folder / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
