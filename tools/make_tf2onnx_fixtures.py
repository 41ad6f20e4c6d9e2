"""Write tests/data/tf2onnx: EfficientNets of small width by Keras 2 and 3, saved by TensorFlow, as tf2onnx has them.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf-keras==2.21.0 tf2onnx==1.17.0
    python tools/make_tf2onnx_fixtures.py [-o tests/data/tf2onnx]

``keras2.onnx`` has all batch norms folded into the convolutions. In ``keras3.onnx`` each depthwise convolution is
followed by a multiplication and an addition: Keras 3 has no operation for a batch norm, and tf2onnx folds only some.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import make_keras_fixtures as made
import numpy as np
import tf_keras

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "tf2onnx"
SIZE = (64, 64, 3)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/tf2onnx")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SIZE)).astype(np.uint8)
    expected = {"pixels": pixels}
    for name, framework in {"keras2": tf_keras, "keras3": keras}.items():
        for dtype in ("float64", "float32"):
            framework.backend.clear_session()
            framework.backend.set_floatx(dtype)
            model = made.NETWORKS[framework].EfficientNet(
                made.WIDTH, made.DEPTH, 64, weights=None, input_shape=SIZE, classes=made.CLASSES
            )
            made.fill(model, made.DATA_SET)
            expected.setdefault(name, model.predict(pixels.astype(dtype), verbose=0))
        with tempfile.TemporaryDirectory() as saved:
            (model.export if framework is keras else model.save)(saved)
            target = folder / f"{name}.onnx"
            command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", saved, "--output", str(target)]
            subprocess.run([*command, "--opset", "17"], check=True)
    np.savez_compressed(folder / "expected.npz", **expected)
    return 0


if __name__ == "__main__":
    sys.exit(main())
