"""Which of a checkpoint's tensors are taken: averages where there are any, never some of each."""

import pytest

from refnet.architecture.variants import variant
from refnet.checkpoints.naming.tensorflow import AVERAGE, pairs
from refnet.checkpoints.tf_variables import choose_variables
from refnet.errors import CheckpointError

RAW = [pair.theirs for pair in pairs(variant("b0"))]
AVERAGES = [name + AVERAGE for name in RAW]


@pytest.mark.parametrize("stored", [AVERAGES + RAW, RAW + AVERAGES])
def test_the_average_is_taken_whichever_comes_first(stored):
    choice = choose_variables(stored)
    assert choice.averaging == "ema"
    assert choice.stored_as == dict(zip(RAW, AVERAGES, strict=True))
    assert dict(choice.dropped) == dict.fromkeys(
        RAW, "the value after the last training step; its moving average is taken"
    )


def test_without_averages_the_variables_themselves():
    choice = choose_variables([*RAW, "global_step"])
    assert (choice.averaging, choice.stored_as) == ("raw", {name: name for name in RAW})
    assert choice.dropped == (("global_step", "counts training steps; inference does not use it"),)


@pytest.mark.parametrize("slot", ["/RMSProp", "/RMSProp_1", "/Momentum", "/Adam", "/Adam_1"])
def test_slots_of_optimisers(slot):
    choice = choose_variables(RAW + [name + slot for name in RAW] + ["beta1_power", "beta2_power"])
    assert list(choice.stored_as) == RAW
    assert {reason for _, reason in choice.dropped} == {"the optimiser's; inference does not use it"}
    assert len(choice.dropped) == len(RAW) + 2


def test_never_some_of_each():
    """All that have no average are named."""
    lonely = ["efficientnet-b0/stem/tpu_batch_normalization/moving_mean", "efficientnet-b0/head/dense/bias"]
    stored = RAW + [name for name in AVERAGES if name.removesuffix(AVERAGE) not in lonely]
    with pytest.raises(CheckpointError) as caught:
        choose_variables(stored)
    assert str(caught.value) == (
        "some variables have a moving average and others have none; the two are never mixed. "
        f"Without one: {', '.join(lonely)}"
    )


def test_of_nothing():
    assert choose_variables([]).stored_as == {}
