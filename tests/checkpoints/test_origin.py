"""Whose a graph's network is, and how pictures are made for it: by names, pads, epsilon, or the caller's word."""

from dataclasses import replace
from functools import cache

import pytest
from helpers.graphs import graph_of

from refnet.architecture.variants import variant
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.graph.match import Found, match
from refnet.checkpoints.origin import Origin, find_origin, from_pixels
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import NORMALISATIONS
from refnet.weights import releases

FILE = Fingerprint("net.onnx", 1, "0" * 64, None)


@cache
def plain(padding: str, size: int | None = 64) -> Found:
    return match(graph_of(variant("b0"), size, padding), candidates=(variant("b0"),))


def found(publisher: str, *, named: bool = True, **change) -> Found:
    """What a graph of a publisher's B0 is found to be."""
    rules = PUBLISHERS[publisher]
    network = plain(rules.padding)
    names = {pair.ours: pair.theirs for pair in rules.pairs(variant("b0"))} if named else network.sources
    return replace(network, **{"sources": names, "bn_eps": rules.bn_eps["b0"], **change})


def origin(network: Found, stated: Stated = NOTHING) -> Origin:
    return find_origin(network, FILE, stated, None)


def test_names_tell():
    chosen = origin(found("torchvision"))
    assert (chosen.publisher, chosen.recipe.name, chosen.by) == (
        "torchvision", "torchvision", "its tensors' names, pads and epsilon",
    )  # fmt: skip
    assert chosen.architecture.resolution == 64


def test_pads_and_epsilon_tell_families_of_the_same_names_apart():
    with pytest.raises(CheckpointError, match=r"say which with --publisher.*timm:ra") as caught:
        origin(found("timm"))
    assert "timm-tf" not in str(caught.value)
    with pytest.raises(CheckpointError, match=r"say which with --publisher.*timm-tf:ap") as caught:
        origin(found("timm-tf"))
    assert "timm:ra" not in str(caught.value)


def test_the_callers_word():
    assert origin(found("timm", named=False), Stated(publisher="timm:ra")).recipe.name == "timm"
    assert origin(found("timm-tf", named=False), Stated(publisher="timm-tf:ap")).recipe.name == "timm-half"


def test_without_names_or_a_word():
    with pytest.raises(
        CheckpointError, match=r"b0 with symmetric pads and an epsilon of 1e-05.* --publisher: timm, torchv"
    ):
        origin(found("torchvision", named=False))


@pytest.mark.parametrize(
    ("network", "publisher", "why"),
    [
        ("timm", "timm-tf", "pads by the rule symmetric, but timm-tf's b0 has same; .* of timm, torchvision"),
        ("timm-tf", "timm", "pads by the rule same, but timm's b0 has symmetric; .* of tf, keras, lukemelas, timm-tf"),
        ("timm", "lite", "the blocks of b0, but lite's b0 has none"),
    ],
)
def test_the_callers_word_against_the_graph(network, publisher, why):
    with pytest.raises(CheckpointError, match=why):
        origin(found(network), Stated(publisher=publisher))


def test_epsilon_against_the_callers_word():
    with pytest.raises(
        CheckpointError, match=r"an epsilon of 0.001, but torchvision's b0 has 1e-05; .* may be of none"
    ):
        origin(found("torchvision", bn_eps=1e-3), Stated(publisher="torchvision"))


def test_pads_that_two_rules_have():
    """At a size that is odd at every depth the publisher's rule is named."""
    odd = replace(plain("symmetric", 33), bn_eps=1e-5)
    assert odd.paddings == ("same", "symmetric")
    assert origin(odd, Stated(publisher="torchvision")).padding == "symmetric"


def test_the_published_size_where_any_may_come():
    network = replace(plain("symmetric", None), bn_eps=1e-5)
    assert origin(network, Stated(publisher="timm:ra4")).architecture.resolution == releases.find("b0@timm:ra4").size


# Pixels ---------------------------------------------------------------------------------------------------------------

BY_255 = ("divide", (255.0,) * 3)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_what_publishers_do_to_pixels_is_taken_for_it(name):
    assert from_pixels(NORMALISATIONS[name])[0] == NORMALISATIONS[name]


@pytest.mark.parametrize("name", ["torch-imagenet", "torch-half"])
def test_what_is_done_to_numbers_of_0_to_1(name):
    within = NORMALISATIONS[name][1:]
    assert from_pixels(within)[0] == (BY_255, *within)


def test_what_may_be_done_to_either():
    for operations in ((("subtract", (127.0,) * 3),), (("multiply", (20.0,) * 3),)):
        with pytest.raises(
            CheckpointError, match=r"no telling whether that is pixels of 0 to 255 or numbers of 0 to 1"
        ):
            from_pixels(operations)
