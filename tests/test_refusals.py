"""Every refusal can be read on a terminal, and each command that it names is one.

The files here are wrong in all ways that the tests have at hand: other networks, parts of networks, files of nothing,
and small networks of each publisher, which are no published variant.
"""

import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from helpers import any_torchvision  # noqa: F401
from helpers.generated_checkpoints import state
from helpers.places import CHELSEA

import timm  # isort: skip

from refnet import cli

DATA = Path(__file__).parent / "data"
FOLDERS = ("families", "keras", "keras_programs", "saved_model", "tf", "tf2onnx", "tflite")
COMMITTED = [path for folder in FOLDERS for path in sorted((DATA / folder).iterdir())]
LINES, LETTERS, WIDTH = 8, 1000, 120


def bytes_of(content: bytes):
    return lambda path: path.write_bytes(content)


def torch_of(make):
    return lambda path: torch.save(make(), path)


def tensors_of(make):
    return lambda path: safetensors.numpy.save_file(make(), path)


def zip_of(*names):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"{}")

    return write


def of_timm(name):
    return lambda: {key: torch.zeros(value.shape) for key, value in on_meta(name).items()}


def on_meta(name):
    with torch.device("meta"):
        return timm.create_model(name).state_dict()


def without(publisher, *names):
    return {name: array for name, array in state(publisher, classes=3).items() if name not in names}


def zeros(names):
    return {name: np.zeros(2, np.float32) for name in names}


WRONG = {
    "empty.pth": bytes_of(b""),
    "nonsense.bin": bytes_of(b"nonsense" * 1000),
    "picture.pth": bytes_of(CHELSEA.read_bytes()),
    "pointer.h5": bytes_of(b"version https://git-lfs.github.com/spec/v1\noid sha256:0"),
    "page.keras": bytes_of(b"<!DOCTYPE html><html></html>"),
    "other.h5": bytes_of(b"\x89HDF\r\n\x1a\n" + b"\0" * 1000),
    "graph.onnx": bytes_of(b"\x08\x07"),
    "zip.pth": zip_of("a", "b"),
    "zip.keras": zip_of("config.json", "metadata.json"),
    "pickle.pth": torch_of(lambda: Path("a")),
    "number.pth": torch_of(lambda: 3),
    "list.pth": torch_of(lambda: [torch.ones(2)] * 300),
    "settings.pth": torch_of(lambda: {f"option {number}": number for number in range(300)}),
    "long keys.pth": torch_of(lambda: {"k" * 3000 + str(number): number for number in range(300)}),
    "optimiser.pth": torch_of(lambda: torch.optim.Adam([torch.ones(3, requires_grad=True)]).state_dict()),
    "several.pth": torch_of(lambda: {"state_dict": {"a": torch.ones(2)}, "model": {"b": torch.ones(2)}}),
    "v2.pth": torch_of(of_timm("tf_efficientnetv2_b0")),
    "resnet.pth": torch_of(of_timm("resnet18")),
    "pruned.pth": torch_of(of_timm("efficientnet_b1_pruned")),
    "tinynet.pth": torch_of(of_timm("tinynet_e")),
    "strange.safetensors": tensors_of(lambda: zeros(f"{'part.' * 100}{number}" for number in range(600))),
    "question.safetensors": tensors_of(lambda: state("timm", classes=3)),
    "part.safetensors": tensors_of(lambda: dict(list(state("torchvision").items())[:200])),
    "missing.safetensors": tensors_of(lambda: without("torchvision", "features.0.0.weight", "classifier.1.bias")),
    "more.safetensors": tensors_of(
        lambda: state("torchvision") | zeros(f"features.9.{number}" for number in range(99))
    ),
    "doubles.safetensors": tensors_of(lambda: {"features.0.0.weight": np.zeros((3, 3))}),
    "nan.safetensors": tensors_of(
        lambda: state("torchvision", **{"classifier.1.bias": np.full(1000, np.nan, np.float32)})
    ),
}
STATED = [
    "--publisher timm",
    "--publisher nobody",
    "-m b9",
    "-m EfficientNet-B4",
    "--key model_ema",
    "--head none --output sigmoid",
    "--output b1.h5",
    "--padding same@x",
    "--activation gelu",
    "--pooling median",
    "--labels nothing.txt",
    "-o nowhere/b0.h5",
]  # fmt: skip


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a command that must be refused, and check how it is refused."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments):
        code = cli.main(list(map(str, arguments)))
        text = capsys.readouterr().err
        assert code == 2, text
        check(text)
        return text

    return refused


def check(text: str) -> None:
    assert text.startswith("refnet: error: ")
    assert text.count("\n") == 1
    assert len(text) < LETTERS, text
    assert len(text) <= LINES * WIDTH
    for command in re.findall(r"`refnet ([^`]*)`", text):
        if not command.endswith("--help"):
            cli._parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("name", WRONG)
def test_of_wrong_files(refused, name):
    WRONG[name](Path(name))
    told = refused("convert", name)
    assert name in told
    if name != "other.h5":  # which may be a damaged weight file
        assert told.partition(name)[2] == refused("plan", name).partition(name)[2]


@pytest.mark.parametrize("options", STATED)
def test_of_what_is_stated(refused, options):
    safetensors.numpy.save_file(without("torchvision"), "a.safetensors")
    refused("convert", "a.safetensors", *options.split())
    assert not list(Path.cwd().glob("*.h5"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
@pytest.mark.parametrize("options", ["", "--publisher timm"])
def test_of_small_networks(refused, path, options):
    refused("convert", path, *options.split())


def test_of_folders(refused):
    refused("convert", ".")
    for number in range(300):
        Path(f"{'x' * 100}{number}.index").touch()
    refused("convert", ".")
    Path("saved_model.pb").touch()
    refused("convert", ".")
