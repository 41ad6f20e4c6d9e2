"""tools/agree_torch.py on the photograph that ships: PyTorch with the checkpoint of its own package gives its class."""

import importlib.util
import shutil
import sys

import pytest
from helpers.places import CHELSEA, ROOT

import refnet
from refnet.evaluation import evaluate, read_answers, with_answers


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])  # for torch_peer
    spec = importlib.util.spec_from_file_location("agree_torch", ROOT / "tools" / "agree_torch.py")
    tool = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "agree_torch", tool)  # for its dataclass
    spec.loader.exec_module(tool)
    return tool


def test_the_same_class(tool, tmp_path, capsys):
    folder = tmp_path / "set" / "n02123159"
    folder.mkdir(parents=True)
    shutil.copy(CHELSEA, folder)
    assert tool.main([str(folder), "lite0", "--csv", str(tmp_path / "theirs")]) == 0
    *_, row = capsys.readouterr().out.splitlines()
    variant, photographs, same, five, apart, closest = (cell.strip() for cell in row.strip("|").split("|"))
    assert (variant, photographs, same, five) == ("lite0", "1", "1", "1")
    assert float(apart) < 1e-5 < float(closest)
    network = refnet.load("lite0")
    found = with_answers(evaluate(network, folder.parent), network, read_answers(tmp_path / "theirs" / "lite0.csv"))
    assert found.same == (1, 1)
    assert found.apart == pytest.approx(0, abs=1e-5)


def test_another_class_is_told(tool, tmp_path, capsys, monkeypatch):
    shutil.copy(CHELSEA, tmp_path)
    right = tool.peer_logits
    monkeypatch.setattr(tool, "peer_logits", lambda model, x: -right(model, x))
    assert tool.main([str(tmp_path), "lite0"]) == 1
    assert f"lite0: another class: {tmp_path / CHELSEA.name}" in capsys.readouterr().err
