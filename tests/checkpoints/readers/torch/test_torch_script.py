"""TorchScript: the tensors that PyTorch itself finds in it, by the same names; the program is not read."""

import io
import warnings
import zipfile

import numpy as np
import pytest
import torch
from helpers.refusal import refuse
from helpers.torch_files import archive, named, program, tensor

from refnet.checkpoints.readers.torch import torch_file, torch_script
from refnet.errors import CheckpointError


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        self.fc = torch.nn.Linear(4, 2)
        self.sizes = [1, 2]

    def forward(self, x):
        return self.fc(self.parts(x).mean((2, 3)))


def saved(how: str) -> tuple[dict[str, torch.Tensor], bytes]:
    torch.manual_seed(0)
    network = Network().eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = torch.jit.trace(network, torch.ones(1, 3, 8, 8)) if how == "traced" else torch.jit.script(network)
        torch.jit.save(torch.jit.freeze(made) if how == "frozen" else made, buffer)
    return network.state_dict(), buffer.getvalue()


@pytest.mark.parametrize("how", ["traced", "scripted"])
def test_the_tensors_of_a_program(how):
    theirs, data = saved(how)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert any(member.compress_type == zipfile.ZIP_DEFLATED for member in file.infolist())
    ours = torch_file.load(data)
    assert ours.keys() == {"TorchScript"}
    assert ours["TorchScript"].keys() == theirs.keys()
    assert all(np.array_equal(array, theirs[name].numpy()) for name, array in ours["TorchScript"].items())


def test_a_frozen_program():
    with pytest.raises(CheckpointError, match=r"without tensors by name, as torch.jit.freeze makes them"):
        torch_file.load(saved("frozen")[1])


def module(attributes: bytes) -> bytes:
    return named("__torch__ M") + program(()) + b"\x81" + attributes + b"b"


INSIDE = b"h\x00"
WIDE = named("__torch__ M") + b")\x81q\x00" + program({str(i): INSIDE for i in range(100)}) + b"b"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (module(program({"x": 1})), "without tensors by name"),
        (module(program({1: 2})), "without tensors by name"),
        (module(program([1])), "without tensors by name"),
        (program([1]), "without tensors by name"),
        (named("__torch__ M") + b")\x81q\x00" + program({"x": INSIDE}) + b"b", "more than 16 deep"),
        (WIDE, "more than 16 deep|more than 32768"),
    ],
    ids=["a number", "no name", "no attributes", "no module", "in itself", "a hundred times in itself"],
)
def test_strange_programs(content, message):
    data = archive(content, {"constants.pkl": b"", "code/x.py": b"x", "data/0": None})
    refuse(torch_file.load, data, message, (1 << 20) + 300 * len(data))


def test_modules_of_many_parts(monkeypatch):
    data = archive(module(program({"a": tensor(), "b": tensor()})), {"constants.pkl": b""})
    assert torch_file.load(data)["TorchScript"].keys() == {"a", "b"}
    monkeypatch.setattr(torch_script, "MAX_PARTS", 1)
    refuse(torch_file.load, data, "a program of more than 1 modules, tensors and settings", 1 << 20)
