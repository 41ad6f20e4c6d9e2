"""Quantise a network by TensorFlow's converter: int8 throughout, calibrated on pictures.

    pip install tensorflow-cpu==2.21.0
    python tools/make_integer_networks.py lite0 --pictures FOLDER -o lite0-int8.tflite
    python tools/make_integer_networks.py --fixtures

The network is written in TensorFlow's operations from refnet's plan, with the batch norms folded into the convolutions.
The second line makes ``tests/data/integers``: small networks, their numbers drawn by a seed; ``swish.tflite`` with
squeeze-excite and swish, ``relu6.tflite`` as a Lite. Both take and give float32. ``lite.h5`` is the latter as a weight
file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.step import Step
from refnet.architecture.variants import efficientnet
from refnet.reference.numerics import fold_batch_norm

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "integers"
FIXTURES = {
    "swish.tflite": efficientnet(Coefficients(0.1, 0.3, 48), name="tiny", classes=7),
    "relu6.tflite": efficientnet(Coefficients(0.125, 0.3, 48, lite=True), name="tinylite", classes=7),
}
ACTIVATIONS = {
    "none": lambda x: x,
    "swish": lambda x: x * tf.sigmoid(x),
    "relu6": tf.nn.relu6,
    "sigmoid": tf.sigmoid,
}
Tensors = dict[str, np.ndarray]


def folded(step: Step, tensors: Tensors, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a step, with its batch norm multiplied into them."""
    path = step.name.replace(".", "/")
    kernel = tensors[f"{path}/kernel"].astype(np.float64)
    if not step.normalized:
        return kernel, tensors[f"{path}/bias"]
    norm = (tensors[f"{path}/bn/{leaf}"] for leaf in ("gamma", "beta", "mean", "variance"))
    scale, shift = fold_batch_norm(*norm, step.bn_eps(eps), np.float64)
    return kernel * scale, shift


def run(plan: Plan, tensors: Tensors, eps: float, x: Any) -> Any:
    """Write a plan in TensorFlow's operations; vectors stay pictures of one pixel up to the pool."""
    values = {"input": x}
    for step in plan:
        first, *others = (values[name] for name in step.inputs)
        match step.op:
            case "convolution" | "depthwise" | "dense":
                y = weighted(step, first, *(a.astype(np.float32) for a in folded(step, tensors, eps)))
            case "mean":
                y = tf.reduce_mean(first, [1, 2], keepdims=step.name != "pool")
            case "excite":
                y = first * others[0]
            case "add":
                y = first + others[0]
            case "softmax":
                y = tf.nn.softmax(first)
        values[step.name] = ACTIVATIONS[step.activation](y)
    return values[plan.answer]


def weighted(step: Step, x: Any, kernel: np.ndarray, bias: np.ndarray) -> Any:
    """The sums of a convolution or dense layer with their bias."""
    if step.name == "logits":
        return tf.matmul(x, kernel) + bias
    if step.op == "depthwise":
        return tf.nn.depthwise_conv2d(x, kernel[..., None], [1, step.stride, step.stride, 1], "SAME") + bias
    kernel = kernel[None, None] if step.op == "dense" else kernel
    return tf.nn.conv2d(x, kernel, step.stride, "SAME") + bias


def converted(plan: Plan, tensors: Tensors, eps: float, pictures: list[np.ndarray], dtype: str) -> bytes:
    """The network as a file of TensorFlow Lite, calibrated on normalised pictures [1, H, W, 3]."""
    shape = tf.TensorSpec((1, plan.height, plan.width, 3), tf.float32)
    function = tf.function(lambda x: run(plan, tensors, eps, x)).get_concrete_function(shape)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)
    return converter.convert()


def drawn(plan: Plan) -> Tensors:
    """Numbers for a network: kernels that keep the size of what goes through, batch norms near 1."""
    rng = np.random.default_rng(15)
    tensors = {}
    for weight in plan.weights:
        numbers = rng.standard_normal(weight.shape).astype(np.float32)
        if weight.key.endswith("kernel"):
            per_output = np.prod(weight.shape[:2] if len(weight.shape) == 3 else weight.shape[:-1])
            numbers *= np.float32(np.sqrt(2 / per_output))
        else:
            centre = 1 if weight.key.endswith(("gamma", "variance")) else 0
            numbers = np.float32(centre) + np.float32(0.1) * numbers
        tensors[weight.key] = numbers
    return tensors


def pictures_in(folder: Path, model: str, count: int) -> Iterator[np.ndarray]:
    """The first pictures of a folder as the network takes them."""
    import refnet

    network = refnet.load(model)
    for path in sorted(folder.glob("*.[jJpP]*"))[:count]:
        yield network.preprocess(path)


def write_weight_file(source: Path, to: Path) -> None:
    """The numbers of a Lite fixture as a weight file, for the engine ``tflm``."""
    from refnet.checkpoints.graph.tflite.integers import find_integers
    from refnet.checkpoints.readers.tflite import tflite_file
    from refnet.preprocessing.recipe import LITE
    from refnet.reference.integers.engine import TFLM
    from refnet.weights import writer
    from refnet.weights.quantised import QuantisedWeights
    from refnet.weights.weights import Provenance

    network = find_integers(tflite_file.read(source), candidates=[FIXTURES[source.name]]).network
    writer.write(to, QuantisedWeights(network, TFLM, LITE, None, Provenance("drawn", licence="CC0-1.0")))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="whose weights refnet has")
    parser.add_argument("--pictures", type=Path, help="to calibrate on")
    parser.add_argument("--count", type=int, default=25, help="of them; by default 25")
    parser.add_argument("--dtype", choices=("int8", "uint8", "float32"), default="int8", help="of input and output")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--fixtures", action="store_true")
    options = parser.parse_args()
    if options.fixtures:
        for name, architecture in FIXTURES.items():
            plan = make_plan(architecture)
            rng = np.random.default_rng(16)
            pictures = [rng.uniform(-1, 1, (1, 48, 48, 3)).astype(np.float32) for _ in range(8)]
            (FOLDER / name).write_bytes(converted(plan, drawn(plan), 1e-3, pictures, "float32"))
        write_weight_file(FOLDER / "relu6.tflite", FOLDER / "lite.h5")
        return
    import refnet

    network = refnet.load(options.model)
    pictures = list(pictures_in(options.pictures, options.model, options.count))
    tensors = dict(network.weights.tensors)
    content = converted(network.plan, tensors, network.weights.bn_eps, pictures, options.dtype)
    options.output.write_bytes(content)


if __name__ == "__main__":
    main()
