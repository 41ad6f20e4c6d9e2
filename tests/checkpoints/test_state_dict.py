"""What people save, and which part of it is the network."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from refnet.checkpoints import state_dict
from refnet.checkpoints.readers.torch import torch_file
from refnet.checkpoints.state_dict import AVERAGED, BFLOAT16, PLAIN, find_state_dict, widen
from refnet.errors import CheckpointError


def tensors(value: float = 0, prefix: str = "") -> dict[str, np.ndarray]:
    return {f"{prefix}conv.weight": np.full(2, value, np.float32), f"{prefix}fc.bias": np.full(3, value, np.float32)}


class TestWhichIsTaken:
    def test_all_there_is(self):
        found = find_state_dict(tensors(1))
        assert (found.found_under, found.averaging, found.prefix, found.widened, found.dropped) == (
            "",
            "unknown",
            "",
            (),
            (),
        )
        assert list(found.tensors) == ["conv.weight", "fc.bias"]

    @pytest.mark.parametrize("name", PLAIN)
    def test_under_a_name(self, name):
        found = find_state_dict({"epoch": 3, name: tensors(1), "optimizer": {"state": {}}, "arch": "efficientnet_b0"})
        assert (found.found_under, found.averaging) == (name, "unknown")
        assert found.tensors["fc.bias"][0] == 1

    @pytest.mark.parametrize("plain", PLAIN)
    @pytest.mark.parametrize("averaged", AVERAGED)
    def test_the_moving_average_goes_first(self, plain, averaged):
        found = find_state_dict({plain: tensors(1), averaged: tensors(2)})
        assert (found.found_under, found.averaging, found.tensors["fc.bias"][0]) == (averaged, "ema", 2)
        found = find_state_dict({averaged: tensors(2)})
        assert (found.found_under, found.averaging) == (averaged, "ema")

    def test_a_name_that_is_no_state_dict(self):
        found = find_state_dict({"model": "efficientnet_b0", "ema": 0.999, "state_dict": tensors(1)})
        assert (found.found_under, found.averaging) == ("state_dict", "unknown")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({}, r"no state dict: .* state_dict_ema, model_ema, ema, state_dict, model, .*, but \[\]"),
            ({"epoch": 3, "net": tensors()}, r"but \['epoch', 'net'\]"),
            ({"state_dict": {}}, "'state_dict' holds nothing"),
            ({"ema": {"n_averaged": np.array(1)}}, "'ema' holds nothing"),
            ({"state_dict": tensors() | {"epoch": 3}}, r"'state_dict' holds more than tensors by name: \['epoch'\]"),
            ({"state_dict": {1: np.zeros(1)}}, r"more than tensors by name: \['1'\]"),
            (tensors() | {"epoch": 3}, r"the checkpoint holds more than tensors by name: \['epoch'\]"),
            ({"model": tensors(), "state_dict": tensors()}, "no telling which is meant: state_dict, model"),
            ({"ema": tensors(), "model_ema": tensors()}, "no telling which is meant: model_ema, ema"),
        ],
    )
    def test_refused(self, content, message):
        with pytest.raises(CheckpointError, match=message):
            find_state_dict(content)


class TestPrefixes:
    @pytest.mark.parametrize(
        "prefix", ["module.", "model.", "_orig_mod.", "backbone.", "net.", "module.module.", "_orig_mod.module.model."]
    )
    def test_taken_off_all_names(self, prefix):
        found = find_state_dict(tensors(prefix=prefix))
        assert (list(found.tensors), found.prefix) == (["conv.weight", "fc.bias"], prefix)
        assert found.averaging == "unknown"

    @pytest.mark.parametrize("prefix", ["ema.", "ema_model.", "ema.module.", "model.ema_model."])
    def test_of_moving_averages(self, prefix):
        found = find_state_dict({"state_dict": tensors(prefix=prefix)})
        assert (list(found.tensors), found.prefix, found.averaging) == (["conv.weight", "fc.bias"], prefix, "ema")

    def lightning(self, inside: int, **outside: np.ndarray) -> dict[str, np.ndarray]:
        return {f"model.{i}": np.zeros(1, np.float32) for i in range(inside)} | outside

    def test_a_few_tensors_beside_the_network_are_dropped(self):
        found = find_state_dict(
            {"state_dict": self.lightning(100, **{f"loss.{i}": np.zeros(7, np.float32) for i in range(9)})}
        )
        assert (found.prefix, list(found.tensors)) == ("model.", [str(i) for i in range(100)])
        assert found.dropped == tuple((f"loss.{i}", "outside 'model.', where the network is") for i in range(9))

    @pytest.mark.parametrize(
        ("inside", "outside"),
        [
            (99, {"loss.weight": np.zeros(7, np.float32)}),
            (100, {f"loss.{i}": np.zeros(7, np.float32) for i in range(10)}),
            (100, {"fc.weight": np.zeros((7, 3), np.float32), "fc.bias": np.zeros(7, np.float32)}),
        ],
        ids=["a small network", "many", "what may be its classifier"],
    )
    def test_others_stay(self, inside, outside):
        state = self.lightning(inside, **outside)
        found = find_state_dict(state)
        assert (found.prefix, found.dropped, list(found.tensors)) == ("", (), list(state))

    def test_nested_without_end(self):
        """Looking for them is bounded, in depth and in length."""
        assert find_state_dict(tensors(prefix="module." * 100)).prefix == "module." * 8
        with pytest.raises(CheckpointError, match=r"a tensor's name has 1400011 letters, more than 1024: 'module\.mod"):
            find_state_dict(tensors(prefix="module." * 200_000))

    def test_left_where_not_all_have_it(self):
        state = tensors(prefix="model.") | {"criterion.weight": np.ones(1)}
        assert find_state_dict(state).tensors.keys() == state.keys()
        assert find_state_dict(tensors(prefix="modules.")).prefix == ""

    def test_the_counter_of_an_averaged_model_is_dropped(self):
        network = torch.nn.Linear(2, 3)
        averaged = torch.optim.swa_utils.AveragedModel(network)
        averaged.update_parameters(network)
        buffer = io.BytesIO()
        torch.save({"model": network.state_dict(), "model_ema": averaged.state_dict()}, buffer)
        found = find_state_dict(torch_file.load(buffer.getvalue()))
        assert (found.found_under, found.averaging, found.prefix) == ("model_ema", "ema", "module.")
        assert found.dropped == (("n_averaged", state_dict.COUNTER_DROPPED),)
        assert found.tensors.keys() == {"weight", "bias"}
        assert found.tensors["weight"].tobytes() == network.weight.detach().numpy().tobytes()


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


NESTED = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.just(np.ones(1, np.float16)),
    lambda inner: st.dictionaries(
        st.sampled_from([*AVERAGED, *PLAIN, "module.x", "module.", "n_averaged", "model.module.y"]) | st.integers(),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*AVERAGED, *PLAIN, "module.x", "epoch"]), NESTED, max_size=4))
def test_any_content(content):
    try:
        found = find_state_dict(content)
    except CheckpointError:
        return
    assert all(array.dtype == np.float32 for array in found.tensors.values())
