import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.errors import InputError, WeightsError
from refnet.recipe import LITE, TENSORFLOW, Recipe

LITE_JSON = (
    '{"crop": "padding", "crop_amount": 32.0, "mean": [127.0, 127.0, 127.0], "name": "lite", '
    '"resize": "tf1-bicubic", "std": [128.0, 128.0, 128.0]}'
)


def changed(**values):
    return json.dumps(json.loads(LITE_JSON) | values)


def test_published_constants():
    assert LITE.mean == (127, 127, 127)
    assert LITE.std == (128, 128, 128)
    assert TENSORFLOW.mean == tuple(round(255 * m, 3) for m in (0.485, 0.456, 0.406))
    assert TENSORFLOW.std == tuple(round(255 * s, 3) for s in (0.229, 0.224, 0.225))
    assert {LITE.crop_amount, TENSORFLOW.crop_amount} == {32}
    assert LITE.name != TENSORFLOW.name


def test_json_is_stable_text():
    assert LITE.to_json() == LITE_JSON
    assert dataclasses.replace(LITE, crop_amount=32, mean=(127, 127, 127)).to_json() == LITE_JSON


@pytest.mark.parametrize("recipe", [LITE, TENSORFLOW])
def test_json_round_trip(recipe):
    back = Recipe.from_json(recipe.to_json())
    assert back == recipe
    assert hash(back) == hash(recipe)
    assert back.to_json() == recipe.to_json()


@given(
    st.builds(
        Recipe,
        name=st.sampled_from(["lite", "0", "tf-2019_b.1", "x" * 64]),
        crop=st.just("padding"),
        crop_amount=st.floats(0, 1024),
        resize=st.just("tf1-bicubic"),
        mean=st.tuples(*[st.floats(0, 255)] * 3),
        std=st.tuples(*[st.floats(1, 255)] * 3),
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
        ('{"name": "a", "name": "b"}', "occurs twice"),
        ('{"mean": ' + "1" * 4090 + "}", "at most 4096"),
        ("[]", "want a JSON object, found list"),
        ("null", "want a JSON object, found NoneType"),
        ("{}", "missing fields ['crop', 'crop_amount', 'mean', 'name', 'resize', 'std']"),
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
        (changed(crop_amount=float("nan")), "recipe crop_amount: nan"),
        (changed(mean=127), "recipe mean=127"),
        (changed(mean=[127, 127]), "want three numbers"),
        (changed(mean=[127, 127, None]), "recipe mean: None"),
        (changed(mean=[127, 127, 256]), "recipe mean: 256; want a number from 0 to 255"),
        (changed(mean={"r": 1}), "want three numbers"),
        (changed(std=[0.229, 0.224, 0.225]), "recipe std: 0.229; want a number from 1 to 255"),
        (changed(std=[0, 1, 1]), "recipe std: 0;"),
        (changed(std=[float("inf")] * 3), "recipe std: inf"),
        (changed(std=[10**400] * 3), "recipe std"),
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
        dataclasses.replace(LITE, mean=[127.0, 127.0, 127.0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        LITE.name = "other"
