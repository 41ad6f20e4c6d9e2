import pytest
from helpers.tops import TOPS, architecture_with

from refnet.architecture.plan import make_plan
from refnet.architecture.top import Top, TopLayer
from refnet.errors import InputError

# Operation, inputs, output's shape of what follows ``head``, written by hand: 128 channels, 5 classes.
STEPS = {
    "scores of the largest": [
        ("pool", "max", ("head",), 128, "none"),
        ("logits", "dense", ("pool",), 5, "none"),
        ("probabilities", "identity", ("logits",), 5, "sigmoid"),
    ],
    "values of a generalised mean": [
        ("pool", "gem", ("head",), 128, "none"),
        ("logits", "dense", ("pool",), 5, "none"),
    ],
    "logarithms, tempered": [
        ("top.mean", "mean", ("head",), 128, "none"),
        ("top.max", "max", ("head",), 128, "none"),
        ("top.sum", "add", ("top.mean", "top.max"), 128, "none"),
        ("pool", "divide", ("top.sum",), 128, "none"),
        ("logits", "dense", ("pool",), 5, "none"),
        ("top.scaled", "divide", ("logits",), 5, "none"),
        ("answer", "log_softmax", ("top.scaled",), 5, "none"),
    ],
    "layers behind two pools": [
        ("top.mean", "mean", ("head",), 128, "none"),
        ("top.max", "max", ("head",), 128, "none"),
        ("pool", "concatenate", ("top.mean", "top.max"), 256, "none"),
        ("top.norm1", "batch_norm", ("pool",), 256, "none"),
        ("top.dense1", "dense", ("top.norm1",), 37, "relu"),
        ("top.norm2", "batch_norm", ("top.dense1",), 37, "swish"),
        ("top.dense2", "dense", ("top.norm2",), 20, "tanh"),
        ("top.act1", "identity", ("top.dense2",), 20, "relu6"),
        ("logits", "dense", ("top.act1",), 5, "none"),
        ("probabilities", "softmax", ("logits",), 5, "none"),
    ],
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_behind_the_head(name):
    steps = list(make_plan(architecture_with(TOPS[name])))
    behind = steps[[step.name for step in steps].index("head") + 1 :]
    assert [(s.name, s.op, s.inputs, *s.shape, s.activation) for s in behind] == STEPS[name]


def test_numbers_of_the_steps():
    plan = make_plan(architecture_with(TOPS["logarithms, tempered"]))
    assert (plan["pool"].divisor, plan["top.scaled"].divisor) == (2, 1.7)
    plan = make_plan(architecture_with(TOPS["layers behind two pools"]))
    assert (plan["top.norm1"].eps, plan["top.norm2"].eps, plan["head"].eps) == (1e-4, 1e-5, None)
    assert [weight.key for weight in plan["top.norm2"].weights] == [
        f"top/norm2/bn/{leaf}" for leaf in ("gamma", "beta", "mean", "variance")
    ]
    gem = make_plan(architecture_with(TOPS["values of a generalised mean"]))["pool"]
    assert [(weight.key, weight.shape) for weight in gem.weights] == [("pool/p", (1,))]


@pytest.mark.parametrize(
    ("output", "meaning", "answer"),
    [
        ("softmax", "probability", "probabilities"),
        ("sigmoid", "score", "probabilities"),
        ("log_softmax", "log_probability", "answer"),
        ("relu", "value", "answer"),
        ("tanh", "value", "answer"),
        ("none", "value", "logits"),
    ],
)
def test_what_the_answer_means(output, meaning, answer):
    top = Top(output=output)
    plan = make_plan(architecture_with(top))
    assert (top.meaning, plan.answer) == (meaning, answer)
    assert plan.outputs == (("logits",) if answer == "logits" else ("logits", answer))


def test_without_a_classifier_a_top_ends_with_its_layers():
    plan = make_plan(architecture_with(TOPS["layers behind two pools"], classes=0))
    assert (plan.outputs, plan.answer) == (("top.act1",), "top.act1")
    plan = make_plan(architecture_with(TOPS["scores of the largest"], classes=0))
    assert (plan.outputs, plan.answer) == (("pool",), "pool")


def test_folded_networks_have_biases():
    plan = make_plan(architecture_with(folded=True))
    assert not any(step.normalized or step.parts for step in plan)
    assert [weight.key for weight in plan["stem"].weights] == ["stem/kernel", "stem/bias"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Top(pooling="average"), "unknown pooling 'average'; one of mean, max"),
        (lambda: Top(output="softplus"), "unknown output 'softplus'"),
        (lambda: Top(temperature=0.0), "temperature=0.0: want a finite number above 0"),
        (lambda: Top(temperature=float("inf")), "want a finite number"),
        (lambda: Top(layers=(TopLayer("dense", 1),) * 33), "33 layers in the top"),
        (lambda: TopLayer("dense"), "'dense' of 0 units"),
        (lambda: TopLayer("batch_norm", units=3), "'batch_norm' of 3 units"),
        (lambda: TopLayer("batch_norm", eps=1.0), "eps=1.0: want 0 to below 1"),
        (lambda: TopLayer("dense", 3, eps=1e-3), "for batch norms alone"),
        (lambda: TopLayer("activation"), "'activation' needs one"),
        (lambda: TopLayer("dropout"), "not a layer of a top"),
        (lambda: TopLayer("dense", 3, "gelu"), "activation 'gelu'"),
    ],
)
def test_impossible_tops(make, message):
    with pytest.raises(InputError, match=message):
        make()
