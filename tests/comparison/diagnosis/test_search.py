"""What a diagnosis says of parts, of broken and of unknown tensors."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from refnet.architecture.padding import Pads
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.errors import InputError
from refnet.weights import synthetic

PLAN = make_plan(variant("b0"), (32, 48))
TENSORS = synthetic.tensors(PLAN.architecture)
EPS = 1e-3
STEP = PLAN["block2a.depthwise"]
X = synthetic.uniform("x", (1, *STEP.in_shape)) * np.float32(3)


def right(**which):
    return evaluate(computation_of(STEP, TENSORS, EPS, [X], **which), np.float32)


def say(actual, **which):
    inputs = which.pop("inputs", [X])
    return diagnose(STEP, tensors=TENSORS, eps=EPS, inputs=inputs, actual=actual, **which)


def test_a_right_step_is_not_accused():
    diagnosis = say(right())
    assert diagnosis.mistake is None
    assert diagnosis.sentence.startswith("nothing is wrong here")


def test_sums_with_the_batch_norm_in_them():
    assert say(right(part="bn"), part="conv").mistake == "norm-folded"
    gamma, variance = (TENSORS[f"block2a/depthwise/bn/{leaf}"] for leaf in ("gamma", "variance"))
    assert say(right(part="conv") * gamma / np.sqrt(variance + EPS), part="conv").mistake == "scale-folded"


def test_one_part_alone():
    sums, normed = right(part="conv"), right(part="bn")
    assert say(np.maximum(normed, 0), inputs=[normed], since="bn").sentence == "relu instead of swish"
    skipped = say(sums, inputs=[sums], since="conv", part="bn")
    assert skipped.mistake == "norm-skipped"


def test_two_mistakes_at_once():
    c = computation_of(STEP, TENSORS, 1e-5, [X])
    both = evaluate(replace(c, pads=Pads(1, 1, 1, 1), activation="relu"), np.float32)
    assert say(both).mistake is None
    eps_and_relu = say(evaluate(replace(c, activation="relu"), np.float32))
    assert eps_and_relu.mistake == "activation: relu + eps-1e-05"
    assert eps_and_relu.sentence == "relu instead of swish; and the batch norm's eps is 1e-05 instead of 0.001"
    assert eps_and_relu.residual < 1e-6 < eps_and_relu.before


def test_weights_of_another_layer():
    step, other = PLAN["block4b.expand"], replace(PLAN["block4b.expand"], name="block4c.expand")
    x = synthetic.uniform("x", (1, *step.in_shape))
    wrong = evaluate(computation_of(other, TENSORS, EPS, [x]), np.float32)
    found = diagnose(step, tensors=TENSORS, eps=EPS, inputs=[x], actual=wrong, layers=["block4b.depthwise", other.name])
    assert found.sentence == "its weights are those of block4c.expand"


def test_batch_norm_of_another_layer():
    sums, other = right(part="conv"), replace(STEP, name="block2a.expand")
    wrong = evaluate(computation_of(other, TENSORS, EPS, [sums], since="conv"), np.float32)
    assert say(wrong, layers=[other.name]).sentence == "its batch norm is that of block2a.expand"


def test_what_comes_no_nearer_is_not_mentioned():
    noise = synthetic.uniform("noise", right().shape)
    assert say(noise).sentence == "no known mistake gives these numbers"


def test_a_port_that_stores_float16():
    relu = np.maximum(right(part="bn"), 0).astype(np.float16).astype(np.float32)
    assert say(relu, dtype="float16").mistake == "activation: relu"


def test_an_eps_that_is_not_listed():
    assert say(evaluate(computation_of(STEP, TENSORS, 0.1, [X]), np.float32)).mistake == "eps-0.1"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_channels_with_nan_are_left_out(bad):
    relu = np.maximum(right(part="bn"), 0)
    relu[0, 0, 0, 3] = bad
    assert say(relu).mistake == "activation: relu"
    relu[0, 0, 0] = bad
    assert say(relu).sentence == "no channel is without infinities and NaN: nothing is tried on them"
    assert (
        say(relu, inputs=[np.full_like(X, bad)]).sentence == "what this step reads has infinities or NaN in it already"
    )


@pytest.mark.parametrize("shape", [(), (5,), (0, 4), (1, 0, 2, 96)])
def test_no_tensor_of_a_step(shape):
    assert say(np.zeros(shape, np.float32)).sentence == f"the shape {list(shape)} is that of no step's result"


def test_inputs_of_another_shape():
    with pytest.raises(InputError, match=r"want \[\['N', 16, 24, 96\]\], with one N"):
        say(right(), inputs=[X[:, 1:]])
    with pytest.raises(InputError, match=r"step block2a\.depthwise"):
        say(right(), inputs=[X, X])


def test_whole_numbers_are_numbers():
    assert say((right() * 0).astype(np.uint8)).sentence == "every number is 0"


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda y: np.full_like(y, 7), "every number is 7"),
    (lambda y: y * 3, "every number is 3 times what it should be"),
    (lambda y: np.where(y > 1, 0, y), "what should be 1.00"),
], ids=["constant", "scaled", "cut off"])  # fmt: skip
def test_said_as_simply_as_possible(change, sentence):
    found = say(change(right()))
    assert found.sentence.startswith(sentence)
    assert not any("plus" in other.sentence for other in found.alternatives)


def test_another_shape():
    diagnosis = say(right().swapaxes(1, 2))
    assert (diagnosis.mistake, diagnosis.before) == ("hw-swapped-output", np.inf)
    assert say(np.ones((1, 3, 5, 96), np.float32)).sentence == "no known mistake gives the shape [1, 3, 5, 96]"


def test_what_cannot_be_told_apart_is_said():
    """Without a single number above 6, ReLU6 is ReLU."""
    normed = right(part="bn") / 4
    assert normed.max() < 6
    diagnosis = say(np.maximum(normed, 0), inputs=[normed], since="bn")
    assert (diagnosis.mistake, *(a.mistake for a in diagnosis.alternatives)) == (
        "activation: relu",
        "activation: relu6",
    )


def test_noise_of_a_format():
    rng = np.random.default_rng(0)
    noisy = right() * (1 + rng.uniform(-1, 1, right().shape) * 2**-9).astype(np.float32)
    lead = say(noisy)
    assert (lead.mistake, lead.residual > 0.9 * lead.before) == (None, True)
    assert "a lead: the error is noise" in lead.sentence
    in_format = say(noisy.astype(np.float16).astype(np.float32))
    assert in_format.mistake == "float16 arithmetic"
    assert in_format.sentence.startswith("the error is noise")


def test_of_use_without_a_comparison():
    subprocess.run([sys.executable, "-c", "import refnet.comparison.diagnosis"], check=True)
