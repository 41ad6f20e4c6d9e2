"""Files that come with the package are where they are looked for, in a checkout and in what is installed."""

import tomllib
from pathlib import Path

import pytest

from refnet import shipped
from refnet.errors import InputError
from refnet.labels import imagenet_labels
from refnet.shipped import find_shipped
from refnet.verify import photo

ROOT = Path(__file__).parents[1]


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Only what the wheel takes from elsewhere, in its place in the installed package."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for source, place in config["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"].items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes((ROOT / source).read_bytes())
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "refnet")
    return tmp_path


def test_in_an_installed_package(wheel):
    assert photo() == wheel / "refnet" / "data" / "chelsea.png"
    assert (
        find_shipped("lite0.h5", installed="weights", checkout="weights") == wheel / "refnet" / "weights" / "lite0.h5"
    )
    (wheel / "refnet" / "weights" / "imagenet_labels.tsv").write_text("n1\tone\n")
    assert imagenet_labels().texts == ("one",)


def test_in_a_checkout():
    assert photo() == ROOT / "tests" / "data" / "chelsea.png"
    assert imagenet_labels().wnids[999] == "n15075141"


def test_nowhere():
    with pytest.raises(InputError, match=r"^no dog\.png in .*refnet.data or .*pictures; install refnet again"):
        find_shipped("dog.png", installed="data", checkout="pictures")
