"""TensorFlow Lite's graphs are what the interpreter runs: whole networks, and one fact after the other.

The files in tests/data/tflite were written by tools/make_tflite_fixtures.py, which says what each one is.
"""

import numpy as np
import pytest
from helpers.tflite_networks import EXPECTED, FOLDER, answer, found_in

from refnet.architecture.top import Top, TopLayer
from refnet.checkpoints.readers.tflite import tflite_file

HEAD = Top(pooling="max", layers=(TopLayer("dense", 6, "relu"),), output="sigmoid")
# The top, classes and padding of each network.
FILES = {
    "plain.tflite": (Top(output="none"), 5, "same"),
    "odd.tflite": (Top(), 5, "same"),
    "float16.tflite": (Top(), 5, "same"),
    "any_size.tflite": (Top(), 5, "same@64"),
    "head.tflite": (HEAD, 1, "same"),
    "lite.tflite": (Top(), 5, "same"),
}
every_file = pytest.mark.parametrize("name", FILES)


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.sqrt(np.mean(np.square(np.float64(theirs)))))


def test_every_file_is_tested():
    assert {path.name for path in FOLDER.glob("*.tflite")} == {*FILES, "int8.tflite", "dynamic.tflite"}


@every_file
def test_what_it_is(name):
    found = found_in(name)
    assert (found.architecture.top, found.architecture.classes, found.padding) == FILES[name]
    assert (found.architecture.folded, found.bn_eps) == (True, 0)
    assert found.architecture.resolution == 64
    assert "batch norms are folded into the convolutions" in found.told


@every_file
def test_what_the_interpreter_computes(name):
    """The interpreter has 32-bit floats; 16-bit ones are widened before anything is computed."""
    pixels = EXPECTED[f"pixels {name}"]
    assert distance(answer(found_in(name), pixels, "float64"), EXPECTED[f"interpreted {name}"]) < 1e-5


@every_file
def test_what_was_converted(name):
    """The converter folds batch norms in 32-bit floats: their product with a kernel is rounded."""
    ours = answer(found_in(name), EXPECTED[f"pixels {name}"], "float64")
    limit = 5e-3 if name == "float16.tflite" else 1e-5
    assert 1e-10 < distance(ours, EXPECTED[f"float64 {name}"]) < limit


@every_file
def test_every_bit_is_the_files(name):
    """Each tensor is one of the file's, its axes in another order; of 16-bit ones, all widened."""
    model = tflite_file.read(FOLDER / name)
    stored = {tensor.name: tensor.value for tensor in model.tensors if tensor.value is not None}
    for operator in model.operators:
        if operator.kind == "DEQUANTIZE":
            stored[model.tensors[operator.outputs[0]].name] = model.tensors[operator.inputs[0]].value
    found = found_in(name)
    for key, array in found.tensors.items():
        if key not in found.sources:
            continue
        theirs = stored[found.sources[key]]
        axes = {4: (1, 2, 3, 0) if theirs.shape[0] != 1 or array.ndim == 4 else (0, 1, 2, 3), 2: (1, 0), 1: (0,)}
        turned = theirs.astype(np.float32).transpose(axes[theirs.ndim]).reshape(array.shape)
        assert array.tobytes() == np.ascontiguousarray(turned).tobytes(), key
    assert len(found.sources) > 40
    assert found.sources.keys() <= found.tensors.keys()
