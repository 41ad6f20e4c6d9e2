"""Stimuli: made again in plain integers, unlike every mirror image of themselves, and enough for every step."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import refnet
from refnet.errors import InputError
from refnet.golden.coverage import coverage_of, regions_of_argument
from refnet.golden.stimuli import PICTURES, STIMULI, codes, extremes, stimulus, swish
from refnet.weights.synthetic import picture_tensor


def generator(key, index):
    """24 bits of SplitMix64: element ``index`` of the key, as the documentation has it."""
    seed = 0xCBF29CE484222325
    for byte in key.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return (z ^ z >> 31) >> 40


PLACES = [(0, 0), (0, 319), (255, 0), (255, 319), (17, 203), (128, 64), (99, 100)]


@pytest.mark.parametrize(("y", "x"), PLACES)
def test_codes_in_integers(y, x):
    red, green, blue = (generator(f"codes/{name}", y * 320 + x) >> 16 for name in ("red", "green", "blue"))
    assert codes()[y, x].tolist() == [x * 256 // 320 ^ red % 64, y ^ green % 64, blue]


@pytest.mark.parametrize(("y", "x"), PLACES)
def test_extremes_in_integers(y, x):
    sides = (1 << x // 64, 16 >> x // 64, 2 * (x // 64) + 3)
    assert extremes()[y, x].tolist() == [255 * ((x // s + y // s) % 2) for s in sides]


@pytest.mark.parametrize("height", [1, 7, 24])
def test_swish_in_integers(height):
    made = swish(height, 5)
    assert made.shape == (1, height, 5, 3)
    for y, x, c in [(0, 0, 0), (height - 1, 4, 2), (height // 2, 3, 1)]:
        u = generator("swish", (y * 5 + x) * 3 + c) / 2**23 - 1
        assert made[0, y, x, c] == u * 2.0 ** (y * 12 // height - 6)


def test_noise_is_the_generated_input():
    assert (stimulus("noise", 5, 7) == picture_tensor(5, 7)).all()


@pytest.mark.parametrize("name", PICTURES)
def test_no_mirror_image_is_alike(name):
    picture = PICTURES[name]()
    assert picture.shape == (256, 320, 3)
    square = picture[:, :256]
    for other in (square[::-1], square[:, ::-1], square[::-1, ::-1], square.transpose(1, 0, 2)):
        assert all((other[..., i] != square[..., j]).mean() > 0.2 for i in range(3) for j in range(3))
    assert all((picture[..., i] != picture[..., j]).mean() > 0.2 for i in range(3) for j in range(i))


def test_bits():
    digests = {name: hashlib.sha256(stimulus(name, 16, 24).tobytes()).hexdigest()[:16] for name in STIMULI}
    assert digests == DIGESTS


DIGESTS = {
    "codes": "486b45d39245653d",
    "extremes": "ed7e6013135e7445",
    "noise": "3e9a6e9737eec071",
    "swish": "4bdc6ace9e4c0804",
}


@pytest.mark.parametrize("model", ["lite0", "b0@synthetic"])
@pytest.mark.parametrize("name", STIMULI)
def test_every_step_is_exercised(model, name):
    network = refnet.load(model)
    made = stimulus(name, 224, 224)
    x = network.preprocess(made) if made.dtype == np.uint8 else made
    black = network.preprocess(np.zeros((256, 320, 3), np.uint8))
    steps = [step.name for step in network.plan if len(step.shape) == 3]
    dead = {}
    for what, source in (("stimulus", x), ("black", black)):
        found = {step: coverage_of(tensor) for step, tensor in network.trace(source, steps)}
        assert not any(coverage.not_finite for coverage in found.values())
        dead[what] = sum(coverage.constant for coverage in found.values())
    assert dead["stimulus"] == 0 or dead["stimulus"] < 0.8 * dead["black"]


def test_swish_saturates_at_once():
    network = refnet.load("b0@synthetic")
    (_, argument), *_ = network.trace(swish(224, 224), ["stem.bn"])
    low, inside, high = regions_of_argument(argument, "swish")
    assert low > 0.01
    assert high > 0.01
    assert inside > 0.5


def test_unknown():
    with pytest.raises(
        InputError, match="no stimulus 'code'; one of codes, extremes, noise, swish; did you mean 'codes'"
    ):
        stimulus("code", 8, 8)
