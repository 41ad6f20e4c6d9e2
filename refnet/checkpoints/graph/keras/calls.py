"""The calls of a Keras model's layers, those of models inside models included, each after what it is called with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from refnet.checkpoints.readers.keras import keras_hub
from refnet.checkpoints.readers.keras.keras_content import MAX_DEPTH, Layer
from refnet.errors import CheckpointError

MAX_CALLS = 1 << 13  # B7 has 814 layers; a model that calls a model twice, and so on, would have no end
MODELS = ("Functional", "Sequential", "Model")
SEQUENTIAL = "Sequential"
INPUT = "InputLayer"
# Keras 3 writes training=True for each layer that takes this unless told otherwise; predict() tells it otherwise.
BY_DEFAULT = "True, or by default"

Tensor = tuple[str, int]  # the layer's name and which of its calls


class Value(NamedTuple):
    """The result of a call, as what another is called with; by the name of that call."""

    name: str


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes
    ----------
    name
        The layer's path; for its second call with ``:1`` behind it, and so on.
    path
        The layer's path: ``efficientnetb0/stem_conv``.
    layer
        What is called.
    arguments
        ``Value`` for each result of another call, else JSON.
    options
        Arguments by keyword, likewise.
    """

    name: str
    path: str
    layer: Layer
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the calls whose results it takes."""
        return tuple(value.name for value in _values((self.arguments, self.options)))


def calls(model: Layer) -> tuple[tuple[Call, ...], tuple[str, ...]]:
    """List the calls of a model and the names of those that make its answers.

    Examples
    --------
    >>> layers = Layer("a", "Conv2D", {}), Layer("b", "Dense", {})
    >>> found, outputs = calls(Layer("model", "Sequential", {}, layers))
    >>> [(call.name, call.inputs) for call in found], outputs
    ([('input', ()), ('a', ('input',)), ('b', ('a',))], ('b',))
    """
    if not is_model(model):
        raise CheckpointError(
            f"the model {model.name[:80]!r} is a {model.kind[:80]} of its author, whose code is not in the file; "
            "where it does no more than its layers, in Keras: "
            "keras.Model(model.inputs, model.outputs).save('plain.keras')"
        )
    walk = _Walk()
    outputs = walk.model(model, "", None, None)
    return tuple(walk.found), tuple(value.name for value in outputs)


def is_model(layer: Layer) -> bool:
    """Whether a layer is a model whose layers are all that it does."""
    if keras_hub.is_network(layer.kind) and layer.origin.partition(">")[0] == keras_hub.PACKAGE:
        return bool(layer.inside)  # spelled out as layers
    return layer.kind in MODELS and layer.origin.partition(".")[0] in ("", "keras", "tf_keras", "tensorflow")


class _Walk:
    def __init__(self) -> None:
        self.found: list[Call] = []
        self.names: dict[str, int] = {}

    def call(self, path: str, layer: Layer, arguments: Sequence[Any], options: Mapping[str, Any]) -> Value:
        if len(self.found) >= MAX_CALLS:
            raise CheckpointError(f"the model calls layers more than {MAX_CALLS} times; no EfficientNet does")
        number = self.names[path] = self.names.get(path, -1) + 1
        name = f"{path}:{number}" if number else path
        self.found.append(Call(name, path, layer, tuple(arguments), options))
        return Value(name)

    def model(self, model: Layer, above: str, given: Sequence[Value] | None, training: Any) -> list[Value]:
        """Append the calls of a model's layers; ``given`` are its inputs, None if it is the outermost."""
        if above.count("/") > MAX_DEPTH:
            raise CheckpointError(f"models in models, deeper than {MAX_DEPTH}")
        steps = _sequence(model) if model.kind == SEQUENTIAL else _graph(model)
        entries = _entries(model)
        values: dict[Tensor, list[Value]] = {}
        for tensor, layer, arguments, options in steps:
            path = above + layer.name
            if layer.kind == INPUT:
                if given is None:
                    values[tensor] = [self.call(path, layer, (), {})]
                elif tensor in entries and len(entries) == len(given):
                    values[tensor] = [given[entries.index(tensor)]]
                else:
                    raise CheckpointError(f"the model {above[:-1][:80]!r} has {len(entries)} inputs, not {len(given)}")
                continue
            known = {key: value for key, value in options.items() if value is not None}
            if training is not None:
                known.setdefault("training", training)
            filled = [_filled(each, values, path) for each in arguments]
            known = {key: _filled(value, values, path) for key, value in known.items()}
            if is_model(layer):
                inputs = list(_values(filled))
                values[tensor] = self.model(layer, f"{path}/", inputs, known.get("training"))
            else:
                values[tensor] = [self.call(path, layer, filled, known)]
        return [
            _result(_Reference(*tensor), values, model.name) for tensor in _ends(model, [step[0] for step in steps])
        ]


class _Reference(NamedTuple):
    """A result in a configuration: of which layer, which of its calls, and which of the call's results."""

    layer: str
    call: int
    result: int


Step = tuple[Tensor, Layer, Sequence[Any], Mapping[str, Any]]


def _sequence(model: Layer) -> list[Step]:
    """The layers of a Sequential model, each called with the one before."""
    layers = list(model.inside)
    if not layers or layers[0].kind != INPUT:
        layers.insert(0, Layer("input", INPUT, {"batch_shape": _first_shape(model)}))
    if len({layer.name for layer in layers}) < len(layers):
        raise CheckpointError(f"two layers of the model {model.name[:80]!r} have one name")
    steps: list[Step] = [((layers[0].name, 0), layers[0], (), {})]
    for before, layer in pairwise(layers):
        steps.append(((layer.name, 0), layer, (_Reference(before.name, 0, 0),), {}))
    return steps


def _first_shape(model: Layer) -> Any:
    """What a Sequential model without an input says about its own: itself, or its first layer, a model or not."""
    stated = model.settings.get("build_input_shape")
    while model.inside and not stated:
        model = model.inside[0]
        keys = ("batch_shape", "batch_input_shape", "build_input_shape")
        stated = next((model.settings[key] for key in keys if model.settings.get(key)), None)
    return stated


def _graph(model: Layer) -> list[Step]:
    """The calls of a Functional model, each after what it needs."""
    by_name = {layer.name: layer for layer in model.inside}
    if len(by_name) < len(model.inside):
        raise CheckpointError(f"two layers of the model {model.name[:80]!r} have one name")
    steps: dict[Tensor, Step] = {}
    for layer in model.inside:
        stated = layer.inbound
        if not isinstance(stated, list) or (not stated and layer.kind != INPUT):
            raise CheckpointError(
                f"the model {model.name[:80]!r} does not say what its layer {layer.name[:80]!r} reads"
            )
        for number, node in enumerate(_nodes(stated) if layer.kind != INPUT else [([], {})]):
            steps[layer.name, number] = ((layer.name, number), layer, *node)
    offsets = _offsets(steps, model)
    moved: dict[Tensor, Step] = {
        (name, number + offsets.get(name, 0)): ((name, number + offsets.get(name, 0)), layer, arguments, options)
        for (name, number), (_, layer, arguments, options) in steps.items()
    }
    return list(_in_order(moved, model.name))


def _offsets(steps: Mapping[Tensor, Step], model: Layer) -> dict[str, int]:
    """The number of the first call of each model inside: Keras 2 counts from 1, since making a model is a call, too."""
    read: dict[str, set[int]] = {}
    for reference in (*_references([step[2:] for step in steps.values()]), *_ends(model, [])):
        read.setdefault(reference.layer, set()).add(reference.call)
    found = {}
    for layer in model.inside:
        count = sum(name == layer.name for name, _ in steps) if is_model(layer) else 0
        if count and layer.name in read and 0 not in read[layer.name]:
            if count > 1 and count not in read[layer.name]:
                raise CheckpointError(
                    f"the model {layer.name[:80]!r} is called {count} times, and no telling which is which"
                )
            found[layer.name] = 1
    return found


def _in_order(steps: Mapping[Tensor, Step], name: str) -> Iterator[Step]:
    needs = {tensor: {(r.layer, r.call) for r in _references(step[2:])} for tensor, step in steps.items()}
    missing = next((each for need in needs.values() for each in need if each not in steps), None)
    if missing:
        raise CheckpointError(f"the model {name[:80]!r} has no call {missing[1]} of a layer {missing[0][:80]!r}")
    readers: dict[Tensor, list[Tensor]] = {}
    for tensor, need in needs.items():
        for each in need:
            readers.setdefault(each, []).append(tensor)
    left = {tensor: len(need) for tensor, need in needs.items()}
    ready = [tensor for tensor in steps if not left[tensor]]
    for tensor in ready:  # which grows
        yield steps[tensor]
        for reader in readers.get(tensor, ()):
            left[reader] -= 1
            if not left[reader]:
                ready.append(reader)
    if len(ready) < len(steps):
        raise CheckpointError(f"layers of the model {name[:80]!r} read each other in a circle")


def _nodes(stated: list[Any]) -> Iterator[tuple[Sequence[Any], Mapping[str, Any]]]:
    """Arguments and options of each call, in the notation of Keras 3 or of Keras 2."""
    for node in stated:
        match node:
            case {"args": list(arguments), "kwargs": dict(named)}:
                options = {key: _of_keras3(value) for key, value in named.items()}
                if options.get("training") is True:
                    options["training"] = BY_DEFAULT
                yield [_of_keras3(each) for each in arguments], options
            case [str(), *_]:
                yield _of_keras2([node])
            case [[str(), *_], *_]:
                yield _of_keras2(node)
            case _:
                raise CheckpointError(f"a call of a layer is not described as Keras does: {node!r:.200}")


def _of_keras2(node: list[Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    arguments: list[Any] = []
    options: dict[str, Any] = {}
    for each in node:
        match each:
            case ["_CONSTANT_VALUE", -1, value, *more]:
                arguments.append(value)
            case [str(layer), int(call), int(result), *more]:
                arguments.append(_Reference(layer, call, result))
            case _:
                raise CheckpointError(f"a call of a layer is not described as Keras does: {each!r:.200}")
        if more and isinstance(more[0], dict):
            options |= {key: _reference2(value) for key, value in more[0].items()}
        elif more:
            raise CheckpointError(f"a call of a layer is not described as Keras does: {each!r:.200}")
    return [arguments] if len(arguments) > 1 else arguments, options


def _reference2(value: Any) -> Any:
    match value:
        case [str(layer), int(call), int(result)] if layer != "_CONSTANT_VALUE":
            return _Reference(layer, call, result)
        case ["_CONSTANT_VALUE", -1, constant]:
            return constant
    return value


def _of_keras3(value: Any) -> Any:
    match value:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": [str(layer), int(call), int(result)]}}:
            return _Reference(layer, call, result)
        case list():
            return [_of_keras3(each) for each in value]
    return value


def _references(value: Any) -> Iterator[_Reference]:
    if isinstance(value, _Reference):
        yield value
    elif isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _references(each)


def _values(value: Any) -> Iterator[Value]:
    if isinstance(value, Value):
        yield value
    elif isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _values(each)


def _filled(value: Any, values: Mapping[Tensor, list[Value]], path: str) -> Any:
    """The same with results in the place of references."""
    if isinstance(value, _Reference):
        return _result(value, values, path)
    return [_filled(each, values, path) for each in value] if isinstance(value, list) else value


def _result(reference: _Reference, values: Mapping[Tensor, list[Value]], path: str) -> Value:
    found = values.get((reference.layer, reference.call), [])
    if not 0 <= reference.result < len(found):
        raise CheckpointError(
            f"{path[:80]!r} reads result {reference.result} of {reference.layer[:80]!r}: there is none"
        )
    return found[reference.result]


def _entries(model: Layer) -> list[Tensor]:
    if model.kind == SEQUENTIAL:
        return [(model.inside[0].name if model.inside and model.inside[0].kind == INPUT else "input", 0)]
    return [(reference.layer, reference.call) for reference in _listed(model, "input_layers")]


def _ends(model: Layer, tensors: Sequence[Tensor]) -> list[_Reference]:
    if model.kind == SEQUENTIAL:
        return [_Reference(*tensors[-1], 0)]
    return _listed(model, "output_layers")


def _listed(model: Layer, key: str) -> list[_Reference]:
    stated = model.settings.get(key)
    listed = [stated] if isinstance(stated, list) and stated and isinstance(stated[0], str) else stated
    match listed:
        case [*each] if each and all(isinstance(item, list) and len(item) >= 3 for item in each):
            found = [_reference2(item[:3]) for item in each]
            if all(isinstance(item, _Reference) for item in found):
                return found
    raise CheckpointError(f"the model {model.name[:80]!r} does not list its {key} as Keras does: {stated!r:.200}")
