"""Inputs: what becomes the input of a network, and what the manifest says of it."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.places import CHELSEA

import refnet
from refnet.errors import ImageError, InputError
from refnet.golden.inputs import choose_input
from refnet.golden.stimuli import codes
from refnet.preprocessing.read_image import read_image
from refnet.weights.synthetic import picture_tensor

X = picture_tensor(8, 6)


@pytest.mark.parametrize(
    ("arguments", "description", "size"),
    [
        ((None, None, None), "stimulus codes", None),
        ((CHELSEA, None, None), "image chelsea.png", None),
        ((str(CHELSEA), None, None), "image chelsea.png", None),
        ((codes(), None, None), "image ndarray", None),
        ((None, X, None), "array 1x8x6x3", (8, 6)),
        ((None, None, "swish"), "stimulus swish", None),
    ],
)
def test_description(arguments, description, size):
    network_input = choose_input(*arguments)
    assert (network_input.description, network_input.size) == (description, size)


def test_pictures_go_through_the_recipe():
    network = refnet.load("lite0")
    network_input = choose_input(CHELSEA, None, None)
    assert (network_input.picture == read_image(CHELSEA)).all()
    assert (network_input.make(network.recipe, 224, 224) == network.preprocess(CHELSEA)).all()
    assert choose_input(None, None, "codes").make(network.recipe, 32, 48).shape == (1, 32, 48, 3)


def test_tensors_do_not():
    recipe = refnet.load("lite0").recipe
    assert choose_input(None, X, None).make(recipe, 8, 6) is X
    assert (choose_input(None, None, "noise").make(recipe, 8, 6) == X).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((CHELSEA, X, None), InputError, "more than one input"),
        ((None, X.astype(np.float64), None), InputError, "the input is of float64"),
        ((None, X[:0], None), InputError, r"the input has the shape \[0, 8, 6, 3\]; want one picture at least"),
        ((None, None, "noisy"), InputError, "no stimulus 'noisy'; .* did you mean 'noise'"),
        (("nowhere.png", None, None), ImageError, "nowhere.png: cannot read the picture"),
    ],
)
def test_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        choose_input(*arguments)


def test_what_does_not_go_with_an_input():
    choose_input(CHELSEA, None, None).check((8, 6), "lite")
    choose_input(None, X, None).check((8, 6), None)
    with pytest.raises(InputError, match=r"the input is \(8, 6\), not of the size \(6, 8\)"):
        choose_input(None, X, None).check((6, 8), None)
    for network_input in (choose_input(None, X, None), choose_input(None, None, "noise")):
        with pytest.raises(InputError, match="is the network's input itself; want no recipe, or a picture"):
            network_input.check(None, "lite")
