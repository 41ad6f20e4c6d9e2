"""Files that come with the package are in one folder, in a checkout as in what is installed."""

import tomllib

import pytest
from helpers.places import CHELSEA, ROOT

from refnet.errors import InputError
from refnet.files.shipped import DATA, shipped


def test_what_is_shipped():
    assert shipped("chelsea.png") == CHELSEA
    for name in ("imagenet_labels.tsv", "published.toml"):
        assert shipped(name) == ROOT / "refnet" / "data" / name


def test_the_wheel_brings_the_trained_weights_along():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = config["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"weights/lite0.h5": "refnet/data/lite0.h5"}
    assert (ROOT / "weights" / "lite0.h5").is_file()


def test_nowhere():
    with pytest.raises(InputError, match=rf"^no dog\.png in {DATA}; install refnet again"):
        shipped("dog.png")
