"""Integer networks as users have them: codes by the definition, real numbers, other sizes, other processes."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA, DATA
from helpers.quantised_weights import make_quantised

import refnet
from refnet.architecture.plan import make_plan
from refnet.errors import InputError
from refnet.network.quantised import QuantisedNetwork
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.layout import on
from refnet.reference.integers.quantisation import quantise
from refnet.weights import reader

LITE = DATA / "integers" / "lite.h5"
SIZES = [(48, 48), (33, 47)]


@pytest.fixture(scope="module")
def net() -> QuantisedNetwork:
    return refnet.load(LITE, threads=2)


def pictures(count: int, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, *size, 3)).astype(np.float32)


def defined(net: QuantisedNetwork, x: np.ndarray) -> dict[str, np.ndarray]:
    plan = make_plan(net.weights.architecture, x.shape[1:3])
    return dict(evaluate(on(plan, net.weights.network), net.weights.engine, x))


@pytest.mark.parametrize("size", SIZES)
def test_every_tensor_is_the_definitions(net, size):
    x = pictures(3, size)
    wanted = defined(net, x)
    del wanted["input"]
    found = net.features(x, at=list(net.shapes))
    assert list(found) == list(wanted)
    for name, codes in wanted.items():
        assert found[name].dtype == np.int8
        assert (found[name] == codes).all(), name
    for name, codes in net.trace(x):
        assert (codes == wanted[name]).all(), name


def test_answers_are_real_numbers(net):
    x = pictures(2, (48, 48))
    wanted = defined(net, x)
    for name, found in (("logits", net.logits(x)), ("probabilities", net.probabilities(x))):
        codes = net.codes[name]
        assert found.dtype == np.float32
        assert (found == (wanted[name].astype(np.float32) - codes.zero_point) * codes.scale).all()
    assert (net.answer(x) == net.probabilities(x)).all()


def test_a_picture_may_come_in_codes(net):
    x = pictures(2, (48, 48))
    codes = quantise(x, net.codes["input"])
    assert (net.features(codes, "pool") == net.features(x, "pool")).all()


def test_predictions(net):
    one = net.predict(CHELSEA, top=7)
    values = net.probabilities(net.preprocess(CHELSEA))[0]
    assert [each.value for each in one] == sorted(values.tolist(), reverse=True)
    assert [a.predictions for a in net.predict([CHELSEA] * 2, top=7, errors="yield")] == [tuple(one)] * 2
    assert refnet.predict(CHELSEA, LITE, top=7) == one
    assert net.features([CHELSEA] * 2).dtype == np.int8


def test_it_continues_from_codes(net):
    x = pictures(2, (48, 48))
    tensors = dict(net.trace(x))
    for name in ("stem", "block5a.project", "pool"):
        given = {name: tensors[name]} | ({"block4a.project": tensors["block4a.project"]} if "5a" in name else {})
        ((_, logits),) = net.resume(given, "logits")
        assert (logits == tensors["logits"]).all()
    changed = tensors["pool"].astype(np.int64)
    changed[0] = -changed[0] - 1
    ((_, logits),) = net.resume({"pool": changed}, "logits")
    assert not (logits[0] == tensors["logits"][0]).all()
    assert (logits[1] == tensors["logits"][1]).all()


def test_engines_differ(tmp_path):
    x = pictures(1, (48, 48))
    one, other = (QuantisedNetwork(make_quantised(engine=ENGINES[name])) for name in ("tflm", "xnnpack"))
    assert (one.features(x, "block1a.project") != other.features(x, "block1a.project")).any()
    assert (other.features(x, "pool") == defined(other, x)["pool"]).all()


def test_it_goes_to_another_process_as_its_path(net):
    sent = pickle.dumps(net)
    assert len(sent) < 2000
    again = pickle.loads(sent)
    x = pictures(1, (48, 48))
    assert (again.features(x) == net.features(x)).all()
    in_memory = QuantisedNetwork(make_quantised(), size=40)
    assert pickle.loads(pickle.dumps(in_memory)).plan == in_memory.plan


@pytest.mark.parametrize(("ask", "message"), [
    (lambda net, x: net.features(x, "stem.conv"), "tinylite has no step 'stem.conv'; did you mean 'stem'"),
    (lambda net, x: net.features(x.astype(np.float64)), "float32 .* or int8, the codes of these"),
    (lambda net, x: net.features(np.full_like(x, np.nan)), "the input is nan"),
    (lambda net, x: net.resume({"pool": np.zeros((1, 1280))}, "logits"), "pool is of float64; want codes, whole"),
    (lambda net, x: net.resume({"pool": np.full((1, 1280), 128)}, "logits"), "codes from 128 to 128; int8 has -128"),
    (lambda net, x: net.resume({"pool": np.zeros((1, 1280), np.int8)}, "stem"), "stem cannot be made of pool"),
    (lambda net, x: net.resume({"pool": np.zeros((1, 1280), np.int8)}, "pool"), "pool is given already"),
    (lambda net, x: net.real("nonsense", x), "no step 'nonsense'"),
    (lambda net, x: refnet.load(LITE, dtype="float64"), "tinylite is of integers, which are exact; leave dtype out"),
    (lambda net, x: refnet.Network(net.weights), r"want refnet.QuantisedNetwork\(weights\)"),
])  # fmt: skip
def test_what_is_refused(net, ask, message):
    with pytest.raises(InputError, match=message):
        ask(net, pictures(1, (48, 48)))


def test_weights_in_hand_are_sent_whole():
    """They came from a file, and may have been changed since: the file is not what this network is."""
    weights = reader.read_any(LITE)
    weights.network.operations[0].kernel.weights[...] = 0
    again = pickle.loads(pickle.dumps(QuantisedNetwork(weights)))
    assert not again.weights.network.operations[0].kernel.weights.any()


def test_weights_in_hand_are_checked():
    weights = reader.read_any(LITE)
    weights.network.operations[0].kernel.bias[3] = 2**31 - 1
    with pytest.raises(InputError, match=r"stem: the sum of channel 3 can reach .*, which 32 bits do not hold"):
        QuantisedNetwork(weights)


def test_a_moved_file_is_told(tmp_path: Path):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(LITE.read_bytes())
    sent = pickle.dumps(refnet.load(copy))
    copy.unlink()
    with pytest.raises(refnet.WeightsNotFoundError, match="the same file must lie there"):
        pickle.loads(sent)
