import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.errors import InputError, UnknownModelError, WeightsError
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import NORMALISATIONS
from refnet.preprocessing.recipe import LITE, MAX_JSON, RECIPES, TENSORFLOW, Recipe
from refnet.preprocessing.resize import RESIZES
from refnet.weights.releases.recipes import find_recipe

LITE_JSON = (
    '{"crop": "padding", "crop_amount": 32.0, "name": "lite", "normalise": [["subtract", [127.0, 127.0, 127.0]], '
    '["divide", [128.0, 128.0, 128.0]]], "resize": "tf1-bicubic"}'
)


def changed(**values):
    return json.dumps(json.loads(LITE_JSON) | values)


def test_json_is_stable_text():
    assert LITE.to_json() == LITE_JSON
    whole = (("subtract", (127, 127, 127)), ("divide", (128, 128, 128)))
    assert dataclasses.replace(LITE, crop_amount=32, normalise=whole).to_json() == LITE_JSON


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_json_round_trip(recipe):
    back = Recipe.from_json(recipe.to_json())
    assert back == recipe
    assert hash(back) == hash(recipe)
    assert back.to_json() == recipe.to_json()


numbers = st.tuples(*[st.floats(1e-4, 1e4)] * 3)
operations = st.tuples(st.sampled_from(["subtract", "divide", "multiply"]), numbers)


@given(
    st.builds(
        Recipe,
        name=st.sampled_from(["lite", "0", "tf-2019_b.1", "x" * 64]),
        crop=st.sampled_from(["fraction", "shorter-fraction"]),
        crop_amount=st.floats(0.1, 1),
        resize=st.sampled_from(list(RESIZES)),
        normalise=st.lists(operations, max_size=8).map(tuple),
    )
)
def test_json_round_trip_of_any_recipe(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("lite", "not valid JSON"),
        ("[" * 4000, "not valid JSON"),
        ('{"name": "a", "name": "b"}', "comes twice"),
        ('{"crop": ' + "1" * 4090 + "}", "at most 4096"),
        ("[]", "the whole: []; want an object"),
        ("null", "the whole: null; want an object"),
        ("{}", "missing fields ['crop', 'crop_amount', 'name', 'normalise', 'resize']"),
        (changed(colour="bgr"), "unknown fields ['colour']"),
        (changed(name=""), "recipe name ''"),
        (changed(name="Lite Zero"), "recipe name 'Lite Zero'"),
        (changed(name="lite\n"), "recipe name"),
        (changed(name=7), "recipe name 7"),
        (changed(name="x" * 65), "recipe name"),
        (changed(crop="fisheye"), "unknown crop 'fisheye' in a recipe; one of padding"),
        (changed(crop=["padding"]), "unknown crop"),
        (changed(resize="nearest"), "unknown resize 'nearest' in a recipe; one of tf1-bicubic"),
        (changed(crop_amount=-1), "recipe crop_amount: -1"),
        (changed(crop_amount=1e9), "recipe crop_amount"),
        (changed(crop_amount=True), "recipe crop_amount: True"),
        (changed(crop_amount="32"), "recipe crop_amount: '32'"),
        (changed(crop_amount=float("nan")), "NaN is no number"),
        (changed(mean=[127, 127, 127]), "unknown fields ['mean']"),
        (changed(crop="shorter-side", crop_amount=255.5), "crop_amount: 255.5; want a whole number of pixels"),
        (changed(crop="shorter-side", crop_amount=0), "crop_amount: 0; want a number from 1 to 4096"),
        (changed(crop="shorter-side", crop_amount=10**400), "a number of 401 digits"),
        (changed(crop="shorter-fraction"), "crop_amount: 32.0; want a number from 0.1 to 1"),
        (changed(crop="fraction", crop_amount=0), "crop_amount: 0; want a number from 0.1 to 1"),
        (changed(crop="none"), "crop_amount: 32.0; want a number from 0 to 0"),
        (changed(normalise=127), "recipe normalise: want a list of at most 8 operations"),
        (changed(normalise="subtract"), "recipe normalise: want a list"),
        (changed(normalise={"subtract": [1, 1, 1]}), "recipe normalise: want a list"),
        (changed(normalise=[["subtract", [1, 1, 1]]] * 9), "at most 8"),
        (changed(normalise=["subtract", [1, 1, 1]]), "want pairs of an operation and its numbers"),
        (changed(normalise=[["exec", [1, 1, 1]]]), "unknown operation 'exec'"),
        (changed(normalise=[[["divide"], [1, 1, 1]]]), "unknown operation ('divide',)"),
        (changed(normalise=[["divide", [1, 1]]]), "want three numbers"),
        (changed(normalise=[["divide", [1, [1], 1]]]), "divide (1,); want a number"),
        (changed(normalise=[["divide", [0, 1, 1]]]), "divide 0; want a number from 0.0001 to 10000"),
        (changed(normalise=[["divide", [1e-320, 1, 1]]]), "divide 1e-320; want a number"),
        (changed(normalise=[["divide", [float("inf")] * 3]]), "Infinity is no number"),
        (changed(normalise=[["subtract", [float("nan")] * 3]]), "NaN is no number"),
        (changed(normalise=[["multiply", [10**400] * 3]]), "a number of 401 digits"),
        (changed(normalise=[["multiply", ["1"] * 3]]), "multiply 1; want a number"),
    ],
)
def test_from_json_trusts_nothing(text, message):
    with pytest.raises(WeightsError) as error:
        Recipe.from_json(text)
    assert message in str(error.value)


@pytest.mark.parametrize("text", [b"{}", None, 3])
def test_from_json_wants_text(text):
    with pytest.raises(WeightsError, match="want JSON text"):
        Recipe.from_json(text)


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_from_json_of_anything(text):
    with pytest.raises(WeightsError):
        Recipe.from_json(text)


def test_wrong_values_in_code():
    with pytest.raises(InputError, match="unknown resize"):
        dataclasses.replace(LITE, resize="cubic")
    with pytest.raises(InputError, match="want three numbers"):
        dataclasses.replace(LITE, normalise=(("subtract", [127.0, 127.0, 127.0]),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        LITE.name = "other"


def test_the_longest_recipe_fits():
    number = -1.2345678901234567e-100
    longest = Recipe("x" * 64, "shorter-fraction", 0.12345678901234567, "tf1-bilinear", ())
    longest = dataclasses.replace(longest, normalise=(("multiply", (number, number, number)),) * 8)
    assert Recipe.from_json(longest.to_json()) == longest
    assert len(longest.to_json()) < MAX_JSON / 2


def test_recipes_by_name():
    assert all(recipe.name == name for name, recipe in RECIPES.items())
    assert {recipe.crop for recipe in RECIPES.values()} == set(CROPS) - {"squash"}  # by hand only
    assert len(set(RECIPES.values())) == len(RECIPES) == 11
    assert (RECIPES["tf"], RECIPES["lite"]) == (TENSORFLOW, LITE)
    assert find_recipe("lite") is find_recipe(LITE) is LITE


@pytest.mark.parametrize("name", ["b0", "", "TF", "tf1-bicubic"])
def test_an_unknown_name_is_told_the_known_ones(name):
    with pytest.raises(
        InputError,
        match=rf"^unknown recipe '{name}'; want one of tf, tf-2021, .*keras, or that of .* b4@torchvision$",
    ):
        find_recipe(name)


@pytest.mark.parametrize("value", [3, None, ["tf"], {"name": "tf"}])
def test_neither_a_name_nor_a_recipe(value):
    with pytest.raises(InputError, match=f"^a recipe cannot be {type(value).__name__}; want a name"):
        find_recipe(value)


class TestOfAPublishedModel:
    def test_what_the_variant_wants(self):
        assert (find_recipe("b7@torchvision").crop, find_recipe("b7@torchvision").crop_amount) == ("shorter-side", 600)
        assert find_recipe("b1@timm-tf:ap").normalise == NORMALISATIONS["torch-half"]

    def test_the_same_numbers_of_another_publisher_are_another_recipe(self):
        """Both keep the whole shorter side, and normalise likewise."""
        assert find_recipe("b4@timm").normalise == find_recipe("b4@lukemelas").normalise
        assert (find_recipe("b4@timm").name, find_recipe("b4@lukemelas").name) == ("timm-ra2", "lukemelas")

    def test_one_that_was_not_published(self):
        with pytest.raises(UnknownModelError, match="unknown publisher 'nobody'"):
            find_recipe("b1@nobody")

    def test_a_border_around_every_picture_is_refused(self):
        with pytest.raises(InputError, match=r"makes the shorter side 256 pixels long, .* 380; .* b4@torchvision"):
            refnet.load("b4@synthetic", recipe="torchvision")
        assert refnet.load("b4@synthetic", recipe="b4@torchvision").recipe.crop_amount == 384
