"""Calls of layers in both of Keras's notations, and configurations that are none."""

import pytest

from refnet.checkpoints.graph.keras import calls
from refnet.checkpoints.graph.keras.calls import Value
from refnet.checkpoints.readers.keras.keras_content import Layer
from refnet.errors import CheckpointError


def tensor(name, call=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, 0]}}


def layer(name, *reads, kind="Dense", **options):
    """In Keras 3's notation; a list of names is one call."""
    nodes = [{"args": [tensor(each) for each in names], "kwargs": options} for names in reads]
    return Layer(name, kind, {}, inbound=nodes)


def entry(name="x"):
    return Layer(name, "InputLayer", {}, inbound=[])


def functional(*inside, ends=None, name="model", entries=("x",), **more):
    settings = {
        "input_layers": [[each, 0, 0] for each in entries],
        "output_layers": [[each, 0, 0] for each in ends or [inside[-1].name]],
    }
    return Layer(name, "Functional", settings, inside, **more)


def found(model):
    listed, outputs = calls.calls(model)
    return [(call.name, call.inputs) for call in listed], outputs


def test_each_comes_after_what_it_reads():
    model = functional(layer("c", ["b"]), entry(), layer("b", ["x"]), ends=["c"])
    assert found(model) == ([("x", ()), ("b", ("x",)), ("c", ("b",))], ("c",))


def test_a_model_in_a_model():
    inner = functional(entry(), layer("a", ["x"]), name="inner", inbound=[{"args": [tensor("x")], "kwargs": {}}])
    model = functional(entry(), inner, layer("b", ["inner"]))
    assert found(model) == ([("x", ()), ("inner/a", ("x",)), ("b", ("inner/a",))], ("b",))


def test_a_layer_called_twice():
    model = functional(entry(), layer("a", ["x"], ["a"]), ends=["a"])
    model.settings["output_layers"] = [["a", 1, 0]]
    assert found(model) == ([("x", ()), ("a", ("x",)), ("a:1", ("a",))], ("a:1",))


def test_keras2_counts_calls_of_a_model_from_1():
    inner = functional(entry(), layer("a", ["x"]), name="inner", inbound=[[["x", 0, 0, {}]]])
    last = Layer("b", "Dense", {}, inbound=[[["inner", 1, 0, {}]]])
    assert found(functional(entry(), inner, last))[0][-1] == ("b", ("inner/a",))


def test_training_is_handed_to_the_layers_inside():
    inner = functional(entry(), layer("a", ["x"]), name="inner", inbound=[[["x", 0, 0, {"training": True}]]])
    (_, inside), _ = calls.calls(functional(entry(), inner))
    assert inside.options == {"training": True}


@pytest.mark.parametrize(
    ("inbound", "arguments", "options"),
    [
        ([[["x", 0, 0, {}]]], (Value("x"),), {}),
        ([["x", 0, 0, {"y": 2.0, "name": None}]], (Value("x"),), {"y": 2.0}),
        ([["_CONSTANT_VALUE", -1, 3.0, {"y": ["x", 0, 0]}]], (3.0,), {"y": Value("x")}),
        ([[["x", 0, 0, {}], ["x", 0, 0, {}]]], ([Value("x"), Value("x")],), {}),
        ([{"args": [[tensor("x"), tensor("x")]], "kwargs": {}}], ([Value("x"), Value("x")],), {}),
        ([{"args": [2.0, tensor("x")], "kwargs": {"axis": -1, "mask": None}}], (2.0, Value("x")), {"axis": -1}),
    ],
)
def test_notations(inbound, arguments, options):
    (_, call), _ = calls.calls(functional(entry(), Layer("a", "Add", {}, inbound=inbound)))
    assert (call.arguments, call.options, call.inputs) == (arguments, options, ("x",) * len(call.inputs))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (functional(entry(), layer("a", ["b"]), layer("b", ["a"])), "in a circle"),
        (functional(entry(), layer("a", ["nowhere"])), "no call 0 of a layer 'nowhere'"),
        (functional(entry(), layer("a", ["x"]), layer("a", ["x"])), "two layers of the model 'model' have one name"),
        (Layer("s", "Sequential", {}, (layer("a"), layer("a"))), "two layers of the model 's' have one name"),
        (functional(entry(), Layer("a", "Dense", {})), "does not say what its layer 'a' reads"),
        (functional(entry(), Layer("a", "Dense", {}, inbound=[7])), "not described as Keras does"),
        (functional(entry(), Layer("a", "Dense", {}, inbound=[[["x", 0, 0, 7]]])), "not described as Keras does"),
        (functional(entry(), layer("a", ["x"]), ends=["b"]), "reads result 0 of 'b': there is none"),
        (Layer("m", "Functional", {}, (entry(),)), "does not list its output_layers"),
        (Layer("m", "Mine", {}, (entry(),), origin="mine>Mine"), "a Mine of its author"),
        (Layer("m", "Functional", {}, (entry(),), origin="mine>Functional"), "a Functional of its author"),
    ],
)
def test_what_is_no_model(model, message):
    with pytest.raises(CheckpointError, match=message):
        calls.calls(model)


def test_models_that_multiply():
    """Six times a model of six models of …: small in the file, without end when it is called."""
    model = functional(entry(), layer("a", ["x"]), name="m")
    for _ in range(7):
        row = [["x"], *([["m"]] * 5)]
        inner = functional(*model.inside, ends=["a"] if model.inside[-1].name == "a" else None, name="m")
        inner.settings["output_layers"] = model.settings["output_layers"]
        inner = Layer("m", "Functional", inner.settings, inner.inside, inbound=layer("", *row).inbound)
        for number, node in enumerate(inner.inbound):
            node["args"][0]["config"]["keras_history"][1] = max(number - 1, 0)
        model = functional(entry(), inner)
        model.settings["output_layers"] = [["m", 5, 0]]
    with pytest.raises(CheckpointError, match="more than 8192 times"):
        calls.calls(model)
