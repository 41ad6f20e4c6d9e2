"""The tool that makes the label table."""

import hashlib
import importlib.util
import zipfile

import pytest
from helpers.places import ROOT

from refnet.errors import InputError

TOOL = ROOT / "tools" / "imagenet_labels.py"
spec = importlib.util.spec_from_file_location("imagenet_labels", TOOL)
imagenet_labels = importlib.util.module_from_spec(spec)
spec.loader.exec_module(imagenet_labels)

FILES = {"imagenet_synsets.txt": "n2\nn3\n", "imagenet_synset_to_lemma.txt": "n1\tone\nn3\tthree, 3\nn2\ttwo\n"}


def test_a_wheel_becomes_a_table(tmp_path, monkeypatch, capsys):
    with zipfile.ZipFile(tmp_path / "timm.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(imagenet_labels.FOLDER + name, text)
    command = ["--wheel", str(tmp_path / "timm.whl"), "-o", str(tmp_path / "labels.tsv")]
    assert imagenet_labels.main(command) == 2
    assert "take timm 1.0.31" in capsys.readouterr().err
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items()}
    monkeypatch.setattr(imagenet_labels, "SHA256", hashes)
    assert imagenet_labels.main(command) == 0
    assert (tmp_path / "labels.tsv").read_text() == "n2\ttwo\nn3\tthree, 3\n"


def test_ids_out_of_order_are_refused():
    with pytest.raises(InputError, match="not in order"):
        imagenet_labels.make_labels("n2 n1", "n1\tone\nn2\ttwo\n")


def test_a_wheel_that_is_not_there(tmp_path, capsys):
    assert imagenet_labels.main(["--wheel", str(tmp_path / "absent.whl"), "-o", str(tmp_path / "x")]) == 2
    assert "`pip install timm==1.0.31`" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
