"""Integer operations of a plan: in the forms that were asked for, and back."""

from dataclasses import replace

import pytest
from helpers.integer_networks import FILES, network

from refnet.architecture.plan import make_plan
from refnet.architecture.top import Top, TopLayer
from refnet.architecture.variants import variant
from refnet.errors import InputError
from refnet.reference.integers.layout import forms_of, lay_out, on
from refnet.reference.integers.network import IntegerNetwork

B0 = replace(variant("b0"), folded=True)


def kinds(forms: dict[str, str]) -> dict[str, str]:
    return {each.name: each.kind for each in lay_out(make_plan(B0), forms, {})}


def test_the_usual_forms():
    found = kinds({})
    assert [found[name] for name in ("stem.conv", "stem.sigmoid", "stem")] == ["convolution", "logistic", "multiply"]
    assert found["block1a.reduce.conv"] == found["block1a.gate.conv"] == "convolution"
    assert found["block1a.gate"] == "logistic"
    assert found["block1a.excite"] == "multiply"
    assert (found["block1a.squeeze"], found["pool"], found["logits"]) == ("mean", "mean", "dense")


@pytest.mark.parametrize("forms", [
    {"swish": "table"},
    {"pool": "average_pool"},
    {"squeeze": "average_pool", "swish": "table"},
    {"gate": "dense", "logits": "convolution"},
])  # fmt: skip
def test_other_forms_come_back(forms):
    plan = make_plan(B0)
    made = IntegerNetwork(plan, lay_out(plan, forms, {}), {})
    found = forms_of(made)
    assert {key: found[key] for key in forms} == forms
    assert lay_out(plan, found, {}) == made.operations


@pytest.mark.parametrize("file", FILES)
def test_networks_of_a_converter_are_laid_out_alike(file):
    found = network(file).network
    assert on(found.plan, found) == found


def test_another_size_changes_nothing_but_pads():
    found = network(FILES[1]).network
    plan = make_plan(found.plan.architecture, (33, 47))
    other = on(plan, found)
    assert [each.kernel is one.kernel for each, one in zip(other.operations, found.operations, strict=True)]
    assert {each.name: each.pads for each in other.operations if each.kind == "depthwise"} == {
        step.name: step.pads for step in plan if step.op == "depthwise"
    }


def test_blocks_that_differ_have_no_form():
    plan = make_plan(B0)
    operations = list(lay_out(plan, {}, {}))
    at = [each.name for each in operations].index("block2a.squeeze")
    operations[at] = replace(operations[at], kind="average_pool")
    with pytest.raises(InputError, match=r"block2a.squeeze: squeeze is average_pool here and mean in a block before"):
        forms_of(IntegerNetwork(plan, tuple(operations), {}))


def test_operations_of_another_plan():
    plan = make_plan(B0)
    with pytest.raises(InputError, match="not the operations of b0"):
        forms_of(IntegerNetwork(plan, lay_out(plan, {}, {})[:-1], {}))


@pytest.mark.parametrize(("architecture", "message"), [
    (variant("b0"), "stem is a step of the kind convolution with a batch norm of its own, which has no integer"),
    (replace(B0, top=Top(pooling="max")), "is a step of the kind max, which has no integer operation; there are conv"),
    (replace(B0, top=Top(layers=(TopLayer("dense", 8, "tanh"),))), "kind dense with tanh, which has no integer"),
])  # fmt: skip
def test_steps_without_an_integer_operation(architecture, message):
    with pytest.raises(InputError, match=message):
        lay_out(make_plan(architecture), {}, {})


@pytest.mark.parametrize(("forms", "message"), [
    ({"swish": "fast"}, "swish is to be 'fast'; want split or table"),
    ({"logits": "multiply"}, "logits is to be 'multiply'; want dense or convolution"),
    ({"stem": "convolution"}, "no step 'stem' has more than one form; want gate, logits, pool, reduce, squeeze, swish"),
])  # fmt: skip
def test_forms_that_are_none(forms, message):
    with pytest.raises(InputError, match=message):
        lay_out(make_plan(B0), forms, {})
