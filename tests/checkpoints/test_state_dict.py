"""What people save, and which part of it is the network."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.architecture.variants import variant
from refnet.checkpoints.layout.networks import find_networks
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.state_dict import BFLOAT16, find_state_dict, widen
from refnet.errors import CheckpointError


def tensors(value: float = 0, prefix: str = "") -> dict[str, np.ndarray]:
    return {f"{prefix}conv.weight": np.full(2, value, np.float32), f"{prefix}fc.bias": np.full(3, value, np.float32)}


PARTS = st.sampled_from(
    ["state_dict", "model_ema", "module", "net", "0", "n_averaged", "ema", "optimizer", "param_groups"]
)


class TestWhichIsTaken:
    """Of a stranger's tensors; ``test_what_people_save.py`` has whole networks."""

    def test_all_there_is(self):
        found = find_state_dict(tensors(1))
        assert (found.found_under, found.averaging, found.prefix, found.widened) == ("", "unknown", "", ())
        assert (found.dropped, found.beside, list(found.tensors)) == ((), {}, ["conv.weight", "fc.bias"])

    @pytest.mark.parametrize("name", ["state_dict", "net", "anything"])
    def test_under_a_name(self, name):
        found = find_state_dict({"epoch": 3, name: tensors(1), "optimizer": {"state": {}}, "arch": "efficientnet_b0"})
        assert (found.found_under, found.averaging) == (name, "unknown")
        assert found.tensors["fc.bias"][0] == 1

    def test_the_larger_part(self):
        few = {"x": np.zeros(1, np.float32)}
        assert find_state_dict({"loss": few, "model": tensors(1)}).found_under == "model"
        assert find_state_dict({"loss": few, "model": tensors(1)}, "loss").tensors.keys() == {"x"}

    @pytest.mark.parametrize(
        "prefix", ["module.", "model.", "_orig_mod.", "backbone.", "net.", "module.module.", "_orig_mod.module.model."]
    )
    def test_known_wrappers_are_taken_off(self, prefix):
        found = find_state_dict(tensors(prefix=prefix))
        assert (list(found.tensors), found.prefix) == (["conv.weight", "fc.bias"], prefix)

    @pytest.mark.parametrize(
        ("content", "key", "message"),
        [
            ({}, None, "no tensors by name, but nothing"),
            ({"epoch": 3, "net": {}}, None, "no tensors by name, but epoch"),
            ({"state_dict": {}, "optimizer": {"param_groups": []}}, None, "no tensors by name, but optimizer"),
            (tensors(), "nobody", "nothing under 'nobody'"),
            ({"a": {"b": np.zeros(1)}, "a.b": np.zeros(1)}, None, "two tensors by the name 'a.b'"),
        ],
    )
    def test_refused(self, content, key, message):
        with pytest.raises(CheckpointError, match=message):
            find_state_dict(content, key)

    def test_nested_without_end(self):
        """Looking for networks is bounded, in depth, in length and in number."""
        assert find_state_dict(tensors(prefix="module." * 100)).prefix == "module." * 8
        with pytest.raises(CheckpointError, match=r"a name has 1400011 letters, more than 1024: 'module\.mod"):
            find_state_dict(tensors(prefix="module." * 200_000))
        deep: dict[str, object] = tensors()
        for _ in range(20):
            deep = {"a": deep}
        wide: list[object] = []
        for _ in range(12):
            wide = [wide] * 9
        many = {f"{i}.conv_stem.weight": np.zeros(1, np.float32) for i in range(33)}
        for content, message in ((deep, "containers in each other"), ({"x": wide}, "things"), (many, "33 networks")):
            with pytest.raises(CheckpointError, match=message):
                find_state_dict(content)

    def test_the_search_takes_no_time(self):
        """B7 with three wrappers, beside its moving average and an optimiser."""
        shapes = PUBLISHERS["timm"].shapes(variant("b7"))
        empty = {shape: np.broadcast_to(np.float32(0), shape) for shape in set(shapes.values())}
        network = {f"module._orig_mod.model.{name}": empty[shape] for name, shape in shapes.items()}
        content = {"state_dict": network, "ema": network, "optimizer": {"param_groups": [], "state": network}}
        find_networks(content["state_dict"])  # the names of all variants are made once
        started = time.process_time()
        found = find_state_dict(content)
        assert time.process_time() - started < 0.2
        assert (found.found_under, found.prefix) == ("ema", "module._orig_mod.model.")


def test_a_network_of_doubles():
    state = {f"module.{i}": np.zeros(i, np.float64) for i in range(300)} | {"module.steps": np.array(3)}
    with pytest.raises(CheckpointError) as caught:
        find_state_dict(state)
    assert str(caught.value) == (
        "300 tensors are float64, such as '0'; "
        "a weight file holds float32: with PyTorch, save model.float().state_dict()"
    )
    state["module.0"] = np.zeros(0, np.float32)
    assert len(find_state_dict(state).tensors) == 301


class TestWidening:
    def test_recorded(self):
        state = {"module.a": np.ones(2, np.float16), "module.b": np.ones(2, np.float32), "module.c": np.array(3)}
        found = find_state_dict(state)
        assert found.widened == ("a",)
        assert {name: array.dtype.name for name, array in found.tensors.items()} == {
            "a": "float32",
            "b": "float32",
            "c": "int64",
        }
        assert found.tensors["b"] is state["module.b"]

    def test_every_float16(self):
        every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        finite = every[np.isfinite(every)]
        assert np.array_equal(widen(finite).astype(np.float64), finite.astype(np.float64))
        assert widen(finite).dtype == np.float32

    def test_every_bfloat16(self):
        bits = np.arange(1 << 16, dtype=np.uint16)
        expected = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()
        wide = widen(bits.view(BFLOAT16).reshape(256, 256))
        assert (wide.shape, wide.dtype) == ((256, 256), np.float32)
        assert np.array_equal(wide.ravel(), expected, equal_nan=True)
        assert np.array_equal(np.signbit(wide.ravel()), np.signbit(expected))

    def test_a_scalar(self):
        assert widen(np.array((0x3F80,), BFLOAT16)).tolist() == 1.0
        assert widen(np.array(0.5, np.float16)).shape == ()


NETWORK = {
    name: np.broadcast_to(np.float16(1), shape) for name, shape in PUBLISHERS["timm"].shapes(variant("b0")).items()
}
NESTED = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.just(np.ones(1, np.float16)) | st.just(NETWORK),
    lambda inner: st.dictionaries(PARTS | st.integers(), inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(PARTS, NESTED, max_size=4))
def test_any_content(content):
    """Every tensor is in the network, beside it, or among what was dropped or lies in a part that was."""
    try:
        found = find_state_dict(content)
    except CheckpointError as error:
        assert len(str(error)) < 800  # noqa: PT017
        return
    assert all(array.dtype == np.float32 for array in (*found.tensors.values(), *found.beside.values()))
