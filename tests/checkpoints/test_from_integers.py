"""Int8 files of TensorFlow Lite as weight files: what is read, what is asked for, and what refnet wrote itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.integer_networks import CANDIDATES, FILES, content, network, picture
from helpers.places import DATA
from helpers.tflite_files import File
from helpers.tflite_metadata import NORMALIZATION, metadata

import refnet
from refnet.checkpoints import checkpoint_file
from refnet.checkpoints.from_integers import NOTE, MappedIntegers, map_integers
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.errors import CheckpointError, InputError
from refnet.export.tflite.export import export_tflite
from refnet.export.tflite.tflite_file import content as written
from refnet.hub.models import find_any_weights
from refnet.preprocessing.recipe import LITE
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.evaluate import evaluate

LITE_FILE = DATA / "integers" / "lite.h5"


def mapped(name: str, stated: Stated = NOTHING, notes: dict[str, bytes] | None = None) -> MappedIntegers:
    path = DATA / "integers" / name
    model = replace(tflite_file.read(path), notes=notes or {})
    return map_integers(model, checkpoint_file.fingerprint(path), stated, candidates=CANDIDATES)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "lite.tflite"
    export_tflite(refnet.load(LITE_FILE).weights, path)
    return path


def test_a_lite():
    """Pictures are made for it as for all Lites."""
    found = mapped("relu6.tflite")
    assert found.weights.recipe == LITE
    assert found.weights.engine == ENGINES["tflm"]
    assert found.weights.provenance.publisher == "lite"
    assert found.weights.provenance.source == "relu6.tflite"
    assert found.weights.network.codes == network("relu6.tflite").network.codes
    assert any("rounded as tflm does" in line for line in found.facts["told"])
    assert found.facts["sources"]["input"]


def test_whose_is_to_be_said():
    """Of a network with swish, all of the usual publishers may have made it, and each makes pictures in another way."""
    with pytest.raises(CheckpointError, match=r"the blocks of tiny none of these|its tensors' names do not tell"):
        mapped("swish.tflite")


def test_the_engine_is_stated():
    found = mapped("relu6.tflite", Stated(engine="xnnpack"))
    assert found.weights.engine == ENGINES["xnnpack"]
    assert not any("rounded" in line for line in found.facts["told"])
    with pytest.raises(InputError, match="unknown engine 'x'; want one of tflm, tflite, xnnpack, onnxruntime"):
        Stated(engine="x")


def test_metadata_say_how_pixels_are_normalised():
    note = metadata((NORMALIZATION, {0: [127.0], 1: [64.0]}), files=("labels.txt",))
    found = mapped("relu6.tflite", notes={"TFLITE_METADATA": note})
    assert found.weights.recipe.normalise == (("subtract", (127.0,) * 3), ("divide", (64.0,) * 3))
    assert found.facts["normalisation"] == "the file's"
    assert any("labels.txt" in line for line in found.facts["told"])
    with pytest.raises(CheckpointError, match="its metadata ask for a tokenizer"):
        mapped("relu6.tflite", notes={"TFLITE_METADATA": metadata((4, {}))})


def test_real_numbers_have_no_engine():
    with pytest.raises(CheckpointError, match="nothing to apply --engine tflm to"):
        Stated(engine="tflm").check_honoured(refnet.load("lite0").weights, "")


class TestOwn:
    def test_comes_back(self, own, tmp_path):
        """All but labels; the certificate is proven, and the same numbers come out."""
        ours = refnet.load(LITE_FILE)
        again = find_any_weights(refnet.convert(own, out=tmp_path / "again.h5"))
        assert again.digest() == ours.weights.digest()
        for field in ("recipe", "engine", "provenance", "calibration"):
            assert getattr(again, field) == getattr(ours.weights, field)
        x = picture(8)
        assert refnet.load(own).probabilities(x).tolist() == ours.probabilities(x).tolist()
        stated = json.loads((tmp_path / "again.certificate.json").read_text())
        assert stated["weights"]["engine"] == "tflm"
        assert stated["weights"]["size"] == [48, 48]
        assert stated["conversion"]["recognised_by"] == "refnet's own export"

    def test_another_engine(self, own, tmp_path):
        again = find_any_weights(refnet.convert(own, engine="xnnpack", out=tmp_path / "again.h5"))
        assert again.engine == ENGINES["xnnpack"]

    def test_a_size_cannot_be_stated(self, own, tmp_path):
        with pytest.raises(InputError, match="size 64x64: the file is for 48x48; convert it for that"):
            refnet.convert(own, size=64, out=tmp_path / "again.h5")

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda note: b"{", "not a file as refnet writes them"),
            (lambda note: b"[]", "does not state what a weight file does"),
            (lambda note: json.dumps(json.loads(note) | {"height": "48"}).encode(), "does not state what"),
            (lambda note: note.replace(b'"tflm"', b'"tflx"'), "no engine 'tflx'"),
            (lambda note: note.replace(b'"tflm"', b'"tflite"'), "changed after export"),
            (lambda note: note.replace(b'"height": 48', b'"height": 64'), "changed after export"),
            (lambda note: note.replace(b'"calibration": "{', b'"calibration": "['), "calibration is not JSON"),
        ],
    )
    def test_changed(self, own, tmp_path, change, why):
        model = tflite_file.read(own)
        note = change(model.notes[NOTE])
        assert note != model.notes[NOTE]
        own.write_bytes(written(replace(model, notes={NOTE: note})))
        with pytest.raises(CheckpointError, match=why):
            refnet.convert(own, out=tmp_path / "again.h5")

    def test_a_changed_number(self, own, tmp_path):
        file = File(own.read_bytes())
        largest = max(file.model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
        largest.data = np.array(largest.data) ^ 1
        own.write_bytes(file.packed())
        with pytest.raises(CheckpointError, match="it was changed after export"):
            refnet.convert(own, out=tmp_path / "again.h5")


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_floats_stays_one(name):
    """What only has weights of int8 is refused as before, and by its own words."""
    assert checkpoint_file.read(DATA / "integers" / name)[1].integers is not None
    with pytest.raises(CheckpointError, match="refnet has networks of floats, and of int8 throughout"):
        checkpoint_file.read(DATA / "tflite" / "dynamic.tflite")


def test_codes_are_those_of_the_file():
    """From the file to the answer, by the engine that is stated."""
    weights = mapped("relu6.tflite", Stated(engine="tflite")).weights
    ours = dict(evaluate(weights.network, weights.engine, picture(3)))
    theirs = dict(evaluate(network("relu6.tflite").network, ENGINES["tflite"], picture(3)))
    assert all(ours[name].tolist() == theirs[name].tolist() for name in theirs)
    assert content("relu6.tflite")
