"""Resume: a run continued from given tensors is the run itself."""

from __future__ import annotations

import numpy as np
import pytest

import refnet
from refnet.errors import InputError
from refnet.network import Network
from refnet.weights import synthetic

SIZE = (65, 48)


@pytest.fixture(scope="module", params=["b0", "lite0"])
def net(request):
    return refnet.load(f"{request.param}@synthetic", threads=2)


@pytest.fixture(scope="module")
def tensors(net):
    x = np.concatenate([synthetic.picture_tensor(*SIZE), synthetic.picture_tensor(*SIZE)[:, ::-1] / 2])
    return {"input": x} | dict(net.trace(x, net._plan_for(*SIZE).shapes))


def equal(found, wanted):
    return found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()


def test_every_step_alone(net: Network, tensors):
    for step in net.plan:
        given = {name: tensors[name] for name in step.inputs}
        found = dict(net.resume(given, [step.name, *step.parts], size=SIZE))
        assert set(found) == {step.name, *step.parts}
        assert all(equal(tensor, tensors[name]) for name, tensor in found.items()), step.name


def test_to_the_end(net: Network, tensors):
    given = {name: tensors[name] for name in ("block3b.project", "block3a.project")}
    found = dict(net.resume(given, ["head", "logits"], size=SIZE))
    assert equal(found["logits"], tensors["logits"])
    assert equal(found["head"], tensors["head"])


def test_a_given_tensor_counts(net: Network, tensors):
    ((_, whole),) = net.resume({"input": tensors["input"]}, "logits")
    assert equal(whole, tensors["logits"])
    changed = {"input": tensors["input"], "block2a.project": tensors["block2a.project"] * np.float32(1.5)}
    ((_, other),) = net.resume(changed, "logits")
    assert not equal(other, tensors["logits"])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(">f4"),
        lambda x: x.astype(np.float64),
        lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
        lambda x: np.asfortranarray(x),
        lambda x: np.broadcast_to(x, x.shape),  # read-only
        lambda x: x.view(np.memmap),
    ],
)
def test_however_it_lies_in_memory(net: Network, tensors, change):
    ((_, logits),) = net.resume({"pool": change(tensors["pool"])}, "logits", size=SIZE)
    assert equal(logits, tensors["logits"])


def test_what_else_must_be_given(net: Network, tensors):
    given = {"block3b.depthwise": tensors["block3b.depthwise"]}
    with pytest.raises(InputError, match=r"block3b\.add also reads block3a\.project; want that given as well"):
        net.resume(given, "logits", size=SIZE)
    with pytest.raises(InputError, match=r"nothing of pool leads to head; want that given as well, or the input"):
        net.resume({"pool": tensors["pool"]}, "head", size=SIZE)
    with pytest.raises(InputError, match="nothing is given to make logits of; want the input"):
        net.resume({}, "logits", size=SIZE)


@pytest.mark.parametrize("name", ["stem", "stem.conv", "stem.act"])
def test_what_is_given_is_not_made(net: Network, tensors, name):
    with pytest.raises(InputError, match=f"nothing makes {name}: stem is given; want steps that come after it"):
        net.resume({"input": tensors["input"], "stem": tensors["stem"]}, [name, "logits"])


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((65,), "want a whole number of pixels, or"),
        ((65, 48, 3), "want a whole number of pixels, or"),
        ("65x48", "want a whole number of pixels, or"),
        ((0, 48), "each side must be 1 to 16384 pixels"),
        ((48, 65), r"input is \[2, 65, 48, 3\]; for a 48x65 picture want \[N, 48, 65, 3\]"),
    ],
)
def test_of_another_size(net: Network, tensors, size, message):
    with pytest.raises(InputError, match=message):
        net.resume({"input": tensors["input"]}, "logits", size=size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[..., :-1], r"pool is \[2, \d+\]; for a 65x48 picture want \[N, 1280\]"),
        (lambda x: x[0], r"pool is \[1280\]"),
        (lambda x: list(x), "pool is list"),
        (lambda x: x.astype(np.int32), "pool is of int32"),
        (lambda x: np.where(x == x[1, 7], np.float32(np.nan), x), r"pool is nan at \[1, 7\]"),
        (lambda x: np.full(x.shape, -1e300), r"pool rounded to float32 is -inf at \[0, 0\]"),
        (lambda x: np.ma.masked_invalid(np.full(x.shape, np.nan, np.float32)), r"pool is nan at \[0, 0\]"),
    ],
)
def test_refused(net: Network, tensors, change, message):
    with pytest.raises(InputError, match=message):
        net.resume({"pool": change(tensors["pool"])}, "logits", size=SIZE)


def test_refused_together(net: Network, tensors):
    with pytest.raises(InputError, match="the given tensors are list; want a dictionary of names and arrays"):
        net.resume([("pool", tensors["pool"])], "logits", size=SIZE)
    with pytest.raises(InputError, match=r"cannot continue from 'stem\.conv'"):
        net.resume({"stem.conv": tensors["stem.conv"]}, "logits", size=SIZE)
    with pytest.raises(InputError, match=r"tensors of different numbers of pictures: \{'head': 2, 'stem': 1\}"):
        net.resume({"head": tensors["head"], "stem": tensors["stem"][:1]}, "logits", size=SIZE)
