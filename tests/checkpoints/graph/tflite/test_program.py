"""How pictures come to a graph of TensorFlow Lite: by the graph, by a note beside it, or by the caller's word."""

import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers.tflite_files import File
from helpers.tflite_metadata import CALIBRATION, NORMALIZATION, metadata
from helpers.tflite_networks import CANDIDATES, EXPECTED, FOLDER, answer

from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.graph.match import match
from refnet.checkpoints.graph.tflite.program import from_tflite
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError
from refnet.weights import reader


def noted(name: str, data: bytes) -> tflite_file.Model:
    """A file with metadata."""
    file = File((FOLDER / name).read_bytes())
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    file.model.buffers.append(buffer)
    note = schema.MetadataT()
    note.name, note.buffer = b"TFLITE_METADATA", len(file.model.buffers) - 1
    file.model.metadata.append(note)
    return tflite_file.load(file.packed())


def without_normalisation(name: str) -> tflite_file.Model:
    """A file whose first three operators, the normalisation, are gone."""
    file = File((FOLDER / name).read_bytes())
    (picture,) = file.graph.inputs
    del file.graph.operators[:3]
    file.graph.operators[0].inputs = [picture, *file.graph.operators[0].inputs[1:]]
    return tflite_file.load(file.packed())


def test_by_the_graph():
    assert from_tflite(tflite_file.read(FOLDER / "plain.tflite")).publisher == "keras"
    assert from_tflite(tflite_file.read(FOLDER / "plain.tflite"), is_stated=True).publisher is None


def test_lites_have_pixels_of_one_kind():
    assert from_tflite(tflite_file.read(FOLDER / "lite.tflite")).publisher == "lite"


def test_by_metadata():
    program = from_tflite(noted("lite.tflite", metadata((NORMALIZATION, {0: [127.0], 1: [128.0]}), files=("l.txt",))))
    found = match(program.graph, candidates=CANDIDATES)
    assert found.normalise == (("subtract", (127.0,) * 3), ("divide", (128.0,) * 3))
    assert "files packed behind the graph, which unzip takes out, are not read (l.txt)" in program.told[0]
    pixels = (EXPECTED["pixels lite.tflite"] * 128 + 127).astype(np.float32)
    theirs = EXPECTED["interpreted lite.tflite"]
    assert np.abs(answer(found, pixels, "float64") - theirs).max() < 1e-5


def test_numbers_of_0_to_1_are_asked_about():
    """The graph without its division by 255: whether the caller divides is not in the file."""
    file = File((FOLDER / "plain.tflite").read_bytes())
    (picture,) = file.graph.inputs
    del file.graph.operators[0]
    file.graph.operators[0].inputs = [picture, *file.graph.operators[0].inputs[1:]]
    assert from_tflite(tflite_file.load(file.packed())).publisher is None


def test_what_is_done_to_scores_is_refused():
    with pytest.raises(CheckpointError, match="score calibration"):
        from_tflite(noted("lite.tflite", metadata((CALIBRATION, {}))))


def test_by_the_callers_word_alone():
    model = without_normalisation("plain.tflite")
    assert from_tflite(model).publisher is None


def test_widened_numbers_are_told():
    told = from_tflite(tflite_file.read(FOLDER / "float16.tflite")).told
    assert told == ("87 tensors have 16-bit floats; they are 32-bit ones now, which is exact",)


@pytest.mark.parametrize(("name", "dtype"), [("int8.tflite", "int8"), ("dynamic.tflite", "int8")])
def test_whole_numbers_are_refused_by_name(name, dtype):
    with pytest.raises(CheckpointError) as caught:
        from_tflite(tflite_file.read(FOLDER / name))
    assert str(caught.value).startswith(f"an {dtype} network: ")
    assert "tf.lite.TFLiteConverter.from_keras_model(model).convert()" in str(caught.value)


def test_a_whole_conversion(tmp_path, monkeypatch):
    """The weight file and its certificate: where each tensor comes from, and what was told."""
    monkeypatch.setattr("refnet.checkpoints.graph.match.every_variant", lambda: CANDIDATES)
    path = convert(FOLDER / "head.tflite", out=tmp_path / "head.h5")
    weights = reader.read(path)
    assert certificate.prove(path, weights) is None
    assert (weights.architecture.folded, weights.architecture.top.output, weights.architecture.classes) == (
        True,
        "sigmoid",
        1,
    )
    stated = json.loads((tmp_path / "head.certificate.json").read_text())["conversion"]
    assert stated["format"] == "TensorFlow Lite"
    assert stated["told"] == ["batch norms are folded into the convolutions"]
    assert stated["sources"].keys() == weights.tensors.keys()
    assert stated["sources"]["stem/kernel"] == "functional_1/stem_conv_1/convolution"


def test_a_stated_publisher_is_held_to_the_graph(tmp_path, monkeypatch):
    monkeypatch.setattr("refnet.checkpoints.graph.match.every_variant", lambda: CANDIDATES)
    with pytest.raises(CheckpointError, match="the graph has"):
        convert(FOLDER / "plain.tflite", stated=Stated(publisher="torchvision"), out=tmp_path / "plain.h5")
