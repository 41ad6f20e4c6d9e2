"""The name maps against lists of all published checkpoints' names and shapes that were made apart from them.

tools/published_names.py wrote the lists, and says where they come from.
"""

import json
import lzma

import pytest
from helpers.places import DATA

from refnet.architecture.variants import variant
from refnet.checkpoints.naming import pairing
from refnet.checkpoints.publishers import PUBLISHERS

LISTS = json.loads(lzma.decompress((DATA / "published_names.json.xz").read_bytes()))
B = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"]
EVERY = [*B, "b8", "l2", "lite0", "lite1", "lite2", "lite3", "lite4"]

# Publisher to the list that has its names.
FAMILIES = {
    "tf": "tf",
    "keras": "keras",
    "lukemelas": "lukemelas",
    "lite": "lukemelas",
    "timm-tf": "timm",
    "timm": "timm",
    "torchvision": "torchvision",
}
CASES = [(publisher, name) for publisher in FAMILIES for name in PUBLISHERS[publisher].variants]


def test_the_lists_are_whole():
    assert FAMILIES.keys() | {"huggingface"} == PUBLISHERS.keys()  # whose folders tests/checkpoints/cards has
    assert {family: list(variants) for family, variants in LISTS.items()} == {
        "tf": EVERY,
        "keras": B,
        "lukemelas": EVERY,
        "timm": EVERY,
        "torchvision": B,
    }
    assert len(LISTS["tf"]["b7"]) == len(LISTS["keras"]["b7"]) == 1037


@pytest.mark.parametrize(("publisher", "name"), CASES)
def test_every_name_and_shape(publisher, name):
    pairs = PUBLISHERS[publisher].pairs(variant(name))
    ours = {pair.theirs: "x".join(map(str, pair.their_shape)) for pair in pairs}
    assert len(ours) == len(pairs)
    assert pairing.differences(ours, LISTS[FAMILIES[publisher]][name]) == []
