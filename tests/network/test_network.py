"""The network as a user holds it: shapes, names, taps, errors."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA
from helpers.tops import weights_with
from PIL import Image

import refnet
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.errors import ImageError, InputError, WeightsError
from refnet.hub.models import BN_EPS
from refnet.network import Network
from refnet.prediction import Prediction
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import LITE, RECIPES
from refnet.reference.evaluate import evaluate
from refnet.weights import reader, synthetic, writer
from refnet.weights.weights import Provenance, Weights

PHOTO = CHELSEA


def small(*, lite: bool = False, padding: str = "same", classes: int = 10) -> Weights:
    """A network small enough to be run through the definition."""
    architecture = efficientnet(Coefficients(0.1, 0.3, 40, 0.2, lite), name="small", classes=classes)
    tensors = synthetic.tensors(architecture)
    return Weights(architecture, padding, BN_EPS, LITE, tensors, None, Provenance("synthetic"))


@pytest.fixture(scope="module")
def lite0() -> Network:
    return refnet.load("lite0")


@pytest.fixture(scope="module")
def net() -> Network:
    return Network(small())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("lite", [False, True])
@pytest.mark.parametrize("size", [(40, 40), (33, 47), (1, 1), (2, 65)])
def test_a_whole_network_equals_its_definition(lite: bool, padding: str, dtype: str, size: tuple[int, int]) -> None:
    weights = small(lite=lite, padding=padding)
    x = synthetic.picture_tensor(*size)
    net = Network(weights, dtype=dtype, threads=2)
    plan = make_plan(weights.architecture, size, padding=weights.padding)
    expected = dict(evaluate(plan.steps, weights.tensors, weights.bn_eps, x.astype(dtype)))
    assert set(expected) == set(plan.shapes)
    for name, array in net.trace(x, plan.shapes):
        assert array.tobytes() == expected[name].tobytes(), name
    assert net.logits(x).tobytes() == expected["logits"].tobytes()
    assert net.probabilities(x).tobytes() == expected["probabilities"].tobytes()


def test_the_photograph_shows_a_cat(lite0: Network) -> None:
    best = lite0.predict(PHOTO)
    assert [p.label for p in best[:2]] == ["tiger cat", "Egyptian cat"]
    assert best[0].wnid == "n02123159"
    assert best[0].index == 282
    assert all(a.probability >= b.probability for a, b in pairwise(best))
    assert sum(p.probability for p in lite0.predict(PHOTO, top=1000)) == pytest.approx(1, abs=1e-5)


def test_every_kind_of_picture_gives_the_same_answer(lite0: Network) -> None:
    image = Image.open(PHOTO)
    expected = lite0.predict(PHOTO)
    for source in (str(PHOTO), PHOTO.read_bytes(), image, np.asarray(image.convert("RGB"))):
        assert lite0.predict(source) == expected
    assert lite0.predict([PHOTO, image]) == [expected, expected]
    assert lite0.predict((PHOTO, image)) == lite0.predict(deque([PHOTO, image])) == [expected, expected]
    assert lite0.predict([]) == []
    assert refnet.predict(PHOTO) == expected


def test_another_recipe() -> None:
    for recipe in ("keras", RECIPES["keras"]):
        forced = refnet.load("lite0@synthetic", recipe=recipe)
        assert (forced.recipe, forced.weights.recipe) == (RECIPES["keras"], LITE)
        assert np.array_equal(forced.preprocess(PHOTO)[0], preprocess(PHOTO, RECIPES["keras"], 224, 224))
        assert refnet.predict(PHOTO, "lite0@synthetic", recipe=recipe) == forced.predict(PHOTO)
    assert refnet.predict(PHOTO, "lite0@synthetic") != forced.predict(PHOTO)
    with pytest.raises(InputError, match="unknown recipe 'b1'; want one of tf, "):
        refnet.load("lite0", recipe="b1")
    with pytest.raises(InputError, match="a recipe cannot be list"):
        refnet.predict(PHOTO, recipe=["tf"])  # type: ignore[arg-type]


def test_predictions_without_labels(net: Network) -> None:
    (best,) = net.predict(PHOTO, top=1)
    assert isinstance(best, Prediction)
    assert [len(net.predict(PHOTO)), len(Network(small(classes=3)).predict(PHOTO))] == [5, 3]
    assert (best.wnid, best.label) == ("", "")


def test_shapes_and_dtypes(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    batch = np.concatenate([x, x, x])
    assert net.logits(batch).shape == (3, 10)
    assert net.logits(batch[:0]).shape == (0, 10)
    assert net.logits(x).dtype == np.float32
    assert Network(small(), dtype=np.float64).logits(x).dtype == np.float64
    assert net.preprocess(PHOTO).shape == (1, 40, 40, 3)
    assert net.preprocess([]).shape == (0, 40, 40, 3)
    assert list(net.trace(batch[:0])) == []


def test_features_by_name(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    pool = net.features(x)
    both = net.features(x, at=["pool", "block2a.depthwise", "stem.conv"])
    assert set(both) == {"pool", "block2a.depthwise", "stem.conv"}
    assert (both["pool"] == pool).all()
    assert both["stem.conv"].shape == (1, *net.plan["stem"].shape)
    assert net.features(x, at=[]) == {}


def test_a_trace_is_in_execution_order_and_its_arrays_stay(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    kept = list(net.trace(x))
    assert [name for name, _ in kept] == [step.name for step in net.plan]
    for name, array in kept:
        assert (array == net.features(x, at=name)).all()
    some = [name for name, _ in net.trace(x, ["logits", "stem"])]
    assert some == ["stem", "logits"]


def test_an_unfinished_trace_harms_nothing(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    expected = net.logits(x)
    iterator = net.trace(x)
    next(iterator)
    assert (net.logits(x) == expected).all()
    iterator.close()  # type: ignore[attr-defined]
    assert (net.logits(x) == expected).all()


def test_input_in_any_memory_layout(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    expected = net.logits(x)
    strided = np.zeros((1, 80, 40, 6), np.float32)
    strided[:, ::2, :, ::2] = x
    readonly = x.copy()
    readonly.flags.writeable = False
    for same in (strided[:, ::2, :, ::2], np.asfortranarray(x), readonly):
        assert (net.logits(same) == expected).all()


@pytest.mark.parametrize(
    ("x", "says"),
    [
        ([[1.0]], "list"),
        (np.zeros((40, 40, 3), np.float32), r"\[40, 40, 3\]"),
        (np.zeros((1, 3, 40, 40), np.float32), r"\[1, 3, 40, 40\]"),
        (np.zeros((1, 40, 40, 4), np.float32), r"\[1, 40, 40, 4\]"),
        (np.zeros((1, 40, 40, 3)), "float64"),
        (np.zeros((1, 40, 40, 3), np.uint8), "uint8"),
        (np.zeros((1, 0, 40, 3), np.float32), "0x40"),
        (np.full((1, 40, 40, 3), np.nan, np.float32), r"nan at \[0, 0, 0, 0\]"),
        (np.full((1, 40, 40, 3), -np.inf, np.float32), "-inf"),
    ],
)
def test_a_wrong_input_is_one_clear_error(net: Network, x: object, says: str) -> None:
    pictures = isinstance(x, np.ndarray) and x.dtype == np.uint8
    for call in (net.logits, net.probabilities, net.trace, *(() if pictures else (net.features,))):
        with pytest.raises(InputError, match=says):
            call(x)


def test_a_single_nan_is_found(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40).copy()
    x[0, 3, 5, 1] = np.nan
    with pytest.raises(InputError, match=r"nan at \[0, 3, 5, 1\]"):
        net.logits(x)


def test_other_wrong_arguments(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    with pytest.raises(InputError, match=r"block2a.depthwse.*did you mean 'block2a.depthwise'"):
        net.features(x, at="block2a.depthwse")
    with pytest.raises(InputError, match="no step 7"):
        list(net.trace(x, [7]))  # type: ignore[list-item]
    with pytest.raises(InputError, match="no step"):
        net.features(x, at=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no step"):
        list(net.trace(x, [["stem"]]))  # type: ignore[list-item]
    for top in (0, 11, 2.0, True, "5"):
        with pytest.raises(InputError, match="1 to 10"):
            net.predict(PHOTO, top=top)  # type: ignore[arg-type]
    for threads in (0, -1, 1.5, True, 10**6):
        with pytest.raises(InputError, match="threads"):
            Network(small(), threads=threads)  # type: ignore[arg-type]
    for dtype in ("float16", "int32", object, "nonsense", None, [("a", "f4"), ("a", "f4")]):
        with pytest.raises(InputError, match="float32 or float64"):
            Network(small(), dtype=dtype)
    with pytest.raises(ImageError):
        net.predict("no such picture.png")
    for wrong in (3.14, None, bytearray(b"GIF"), {PHOTO}, [PHOTO, 3.14], [[PHOTO]]):
        with pytest.raises(InputError, match=r"a picture cannot be (float|NoneType|bytearray|set|list); want a path"):
            net.predict(wrong)


def test_what_it_says_of_itself(lite0: Network) -> None:
    assert lite0.variant == "lite0"
    assert repr(lite0).startswith("<Network lite0 float32")
    assert lite0.labels is not None
    assert len(lite0.labels) == 1000
    assert sum(step.params for step in lite0.plan) == 4_652_008
    assert {"name", "params", "macs", "shape"} <= set(dir(next(iter(lite0.plan))))


def test_without_a_classifier_all_else_is_the_same(net: Network) -> None:
    """Every step up to the features, to the bit: the tensors are those of the network with a classifier."""
    headless = Network(small(classes=0))
    x = synthetic.picture_tensor(33, 47)
    assert headless.features(x).tobytes() == net.features(x).tobytes()
    steps = [name for name in net.plan.shapes if name not in ("logits", "probabilities")]
    traced = dict(headless.trace(x, steps))
    assert list(headless.plan.shapes) == list(traced) == steps
    for name, array in net.trace(x, steps):
        assert traced[name].tobytes() == array.tobytes(), name
    assert [name for name, _ in headless.trace(x)] == [step.name for step in headless.plan]


def test_without_a_classifier_there_are_no_classes() -> None:
    headless = Network(small(classes=0))
    x = synthetic.picture_tensor(40, 40)
    says = "small has no step '(logits|probabilities)': these weights have no classifier; `features` gives what"
    calls = [
        lambda: headless.logits(x),
        lambda: headless.probabilities(x),
        lambda: headless.predict(PHOTO),
        lambda: headless.predict("no such picture.png", top=0),
        lambda: headless.features(x, at="logits"),
        lambda: headless.trace(x, ["stem", "probabilities"]),
    ]
    for call in calls:
        with pytest.raises(InputError, match=says):
            call()


def test_numpy_numbers_and_single_names_are_welcome(net: Network) -> None:
    x = synthetic.picture_tensor(40, 40)
    assert len(net.predict(PHOTO, top=np.int64(3))) == 3
    assert Network(small(), threads=np.int32(2)).threads == 2
    assert [name for name, _ in net.trace(x, "stem")] == ["stem"]


def test_weights_of_another_shape_are_refused() -> None:
    weights = small()
    for key, tensor in (
        ("logits/kernel", weights.tensors["logits/kernel"].T),
        ("head/kernel", weights.tensors["head/kernel"][:, :, :2]),
        ("logits/bias", weights.tensors["logits/bias"].astype(np.float64)),
    ):
        wrong = replace(weights, tensors={**weights.tensors, key: tensor})
        with pytest.raises(WeightsError, match=key):
            Network(wrong)


def test_an_answer_that_is_not_finite_is_an_error() -> None:
    weights = small()
    huge = {**weights.tensors, "logits/kernel": np.full_like(weights.tensors["logits/kernel"], 3e38)}
    with pytest.raises(WeightsError, match="no finite answer"):
        Network(replace(weights, tensors=huge)).predict(PHOTO)


def test_memory_of_earlier_runs_is_given_back() -> None:
    """A traced batch needs an arena for each picture; afterwards one is kept."""
    net = Network(small())
    x = synthetic.picture_tensor(40, 40)
    list(net.trace(np.concatenate([x] * 6), ["stem"]))
    idle = net._engine._program((40, 40), frozenset(["stem"]), frozenset(["input"])).idle_arenas
    assert sum(map(len, idle.values())) == 1


class TestChannels:
    """Networks of grey pictures, and of more than colours."""

    @pytest.mark.parametrize("channels", [1, 4])
    def test_kernels_are_the_definition(self, channels: int) -> None:
        net = Network(with_channels(channels))
        x = synthetic.picture_tensor(33, 40, channels)
        plan = make_plan(net.weights.architecture, (33, 40))
        expected = dict(evaluate(plan.steps, net.weights.tensors, net.weights.bn_eps, x))
        for name, tensor in net.trace(x):
            assert tensor.tobytes() == expected[name].tobytes(), name

    def test_a_photo_is_made_grey(self) -> None:
        net = Network(with_channels(1))
        x = net.preprocess(CHELSEA)
        assert x.shape == (1, 32, 32, 1)
        assert len(net.predict(CHELSEA)) == 5

    def test_other_inputs_are_refused_by_their_number(self) -> None:
        with pytest.raises(InputError, match=r"\[1, 33, 40, 3\]; want a batch .* float32 \[N, H, W, 4\]"):
            Network(with_channels(4)).logits(synthetic.picture_tensor(33, 40))
        with pytest.raises(InputError, match="no picture has 4 channels that anybody could name"):
            Network(with_channels(4)).predict(CHELSEA)

    def test_files_keep_them(self, tmp_path: Path) -> None:
        writer.write(tmp_path / "grey.h5", with_channels(1))
        assert reader.read(tmp_path / "grey.h5").architecture.channels == 1


def with_channels(channels: int) -> Weights:
    weights = weights_with()
    architecture = replace(weights.architecture, channels=channels)
    return replace(weights, architecture=architecture, tensors=synthetic.tensors(architecture))
