"""A framework's own file as a model: converted once, kept while it stays the same, and never taken for another."""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from helpers.generated_checkpoints import state
from helpers.places import DATA

import refnet
from refnet import cli
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError, WeightsNotFoundError
from refnet.hub import converted
from refnet.hub.converted import convert_once
from refnet.hub.models import find_weights, is_file


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("source") / "a.safetensors"
    safetensors.numpy.save_file(state("torchvision", classes=3), path)
    return path.read_bytes()


@pytest.fixture
def mine(source, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("mine.safetensors").write_bytes(source)
    return Path("mine.safetensors")


@pytest.fixture
def no_conversion(monkeypatch):
    """From when this is called, a conversion is an error."""

    def forbid():
        monkeypatch.setattr(converted, "convert", lambda *_, **__: pytest.fail("converted again"))

    return forbid


def kept() -> list[str]:
    return sorted(path.suffix for path in Path("cache/converted").iterdir())


def changed(source: bytes) -> bytes:
    """Another network of the same size: one byte of the last bias differs."""
    return source[:-4] + np.float32(0.5).tobytes()


def test_the_first_call_converts_and_says_so(mine, caplog, no_conversion):
    with caplog.at_level(logging.WARNING, "refnet"):
        first = refnet.load("mine.safetensors").weights
    (said,) = caplog.messages
    assert said.startswith("converted mine.safetensors: b0, 3 classes, output softmax, padding symmetric; cached; ")
    assert said.endswith("; the file does not say the output: softmax is taken, as usual; --output says otherwise")
    assert first.digest() == find_weights(refnet.convert(mine, out="a.h5")).digest()
    no_conversion()
    caplog.clear()
    assert refnet.load(mine).weights.digest() == first.digest()
    assert refnet.load(mine.absolute()).weights.digest() == first.digest()
    assert caplog.messages == []
    assert kept() == [".h5", ".json", ".json"]


def test_a_changed_file_is_converted_anew(mine, source):
    grey = np.full((64, 64, 3), 128, np.uint8)
    before = refnet.predict(grey, "mine.safetensors")
    mine.write_bytes(changed(source))
    after = refnet.predict(grey, "mine.safetensors")
    assert before != after
    assert kept() == [".h5", ".json", ".json"]  # what it was before is gone
    mine.write_bytes(source)
    assert refnet.predict(grey, "mine.safetensors") == before


def test_the_same_content_is_not_converted_again(mine, no_conversion):
    digest = find_weights(mine).digest()
    no_conversion()
    os.utime(mine, (1, 1))
    assert find_weights(mine).digest() == digest
    assert find_weights(mine).digest() == digest


def test_what_is_stated_and_refnets_code_make_another(mine, monkeypatch):
    files = {convert_once(mine).file, convert_once(mine, Stated(publisher="torchvision")).file}
    monkeypatch.setattr(converted, "_code", lambda: "of another version")
    files.add(convert_once(mine).file)
    assert len(files) == 3


@pytest.mark.parametrize("damage", ["truncated", "gone", "another network", "no entry", "an entry of nonsense"])
def test_a_damaged_cache_is_made_again(mine, source, damage):
    first = convert_once(mine)
    (entry,) = (path for path in Path("cache/converted").glob("*.json") if "certificate" not in path.name)
    if damage == "truncated":
        first.file.write_bytes(first.file.read_bytes()[:-1000])
    elif damage == "gone":
        first.file.unlink()
    elif damage == "another network":
        content = bytearray(first.file.read_bytes())
        content[-3000] ^= 1
        first.file.write_bytes(content)
    else:
        entry.write_text("" if damage == "no entry" else json.dumps({"weights": "../x.h5", "state": 3, "code": None}))
    assert convert_once(mine).weights.digest() == first.weights.digest()
    assert kept() == [".h5", ".json", ".json"]


def test_a_cache_that_cannot_be_written(mine, monkeypatch, caplog):
    Path("full").touch()
    monkeypatch.setenv("REFNET_CACHE", "full")
    assert find_weights(mine).architecture.classes == 3
    assert "cannot be kept in" in caplog.messages[0]
    assert "padding symmetric; " in caplog.messages[1]
    assert "cached" not in caplog.messages[1]


def test_a_file_that_changes_meanwhile_is_not_taken(mine, source, monkeypatch):
    def convert(path, *rest, **options):
        done = refnet.convert(path, out=options["out"])
        mine.write_bytes(changed(source))
        return done

    monkeypatch.setattr(converted, "convert", convert)
    with pytest.raises(CheckpointError, match=r"mine\.safetensors changed while it was read; try again"):
        convert_once(mine)
    assert not list(Path("cache/converted").iterdir())


def test_two_processes_at_once(mine):
    program = "import refnet; print(refnet.load('mine.safetensors').weights.digest())"
    started = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    digests = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert len(digests) == 1
    assert kept() == [".h5", ".json", ".json"]


def test_an_open_question_is_asked_with_a_command_that_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    safetensors.numpy.save_file(state("timm", classes=3), "my own.safetensors")
    with pytest.raises(CheckpointError) as caught:
        refnet.load("my own.safetensors")
    command = str(caught.value).rpartition("; for one, `")[2].rstrip("`")
    assert command.startswith("refnet convert 'my own.safetensors' --publisher timm")
    assert "padding symmetric, eps 1e-05" in str(caught.value)


@pytest.mark.parametrize(
    "command", ["predict a.png -m", "plan", "info", "verify", "bench", "golden", "export -o a.onnx"]
)
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.h5", b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        ("a.pth", b"<!DOCTYPE html><html>", "a web page; download the file itself"),
        ("a.weights", b"nonsense", "in no format that is known here"),
    ],
)
def test_impostors_say_so_from_everywhere(tmp_path, monkeypatch, capsys, command, name, content, says):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    Path("a.png").write_bytes(b"")
    rest = ["-o", "out"] if command == "golden" else []
    assert cli.main([*command.split(), name, *rest]) == 2
    assert f"refnet: error: {name}: {says}" in capsys.readouterr().err


def test_every_command_takes_it(mine, capsys):
    for command in ("plan", "info", "verify", "export -o a.onnx --size 32"):
        assert cli.main([*command.split(), str(mine)]) == 0
    assert "all that its certificate says of the weights holds" in capsys.readouterr().out


def test_a_file_that_is_not_there():
    with pytest.raises(WeightsNotFoundError, match=r"^nowhere\.pth does not exist$"):
        refnet.load("nowhere.pth")


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("b0", False),
        ("EfficientNet-B0", False),
        ("b0@synthetic", False),
        ("tf_efficientnet_b0.aa_in1k", False),
        ("", False),
        ("nul\0", False),
        (3, False),
        ("a.h5", True),
        ("a.PTH", True),
        ("a.keras", True),
        ("folder", True),
        ("prefix", True),
        (Path("b0"), True),
    ],
)
def test_names_and_files(tmp_path, monkeypatch, model, file):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("b0").touch()
    Path("prefix.index").touch()
    assert is_file(model) is file


def test_what_there_is_to_tell_is_told(mine, caplog):
    convert_once(mine, Stated(padding="same@224"))
    (said,) = caplog.messages
    assert said.startswith("converted mine.safetensors: b0, 3 classes, output softmax, padding same@224; cached; ")
    assert said.endswith("; padding same@224 as stated, where torchvision has symmetric")


def test_a_variant_to_verify_may_be_spelled_out(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("refnet.cli.verify._verify", lambda models, _: asked.extend(models) or [])
    assert cli.main(["verify", "EfficientNet-B0", "LITE0@synthetic", "b1"]) == 0
    assert asked == ["b0", "lite0@synthetic", "b1"]


def test_a_folder_of_hugging_face(tmp_path, monkeypatch, caplog):
    """Its configuration is part of what it is: a change of that alone converts anew."""
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(DATA / "hugging_face" / "b-narrow", tmp_path / "mine")
    first = refnet.load(str(folder))
    assert first.labels is not None
    assert caplog.messages[0].startswith(f"converted {folder}: custom, 3 classes, output softmax, padding same@")
    configuration = folder / "config.json"
    configuration.write_text(configuration.read_text().replace(first.labels[0].text, "another"))
    assert refnet.load(str(folder)).labels[0].text == "another"
    assert refnet.load(folder / "model.safetensors").labels[0].text == "another"
