"""What a file of Keras holds: tensors by the name of their layer and, in files of whole models, the layers.

A model's configuration is JSON that says how to build it again. Nothing is built: it only tells what the layers are
called, of what class they are, in what order, and their plain settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from refnet.arrays import Array
from refnet.checkpoints.readers.keras import keras_hub
from refnet.errors import CheckpointError
from refnet.files import strict_json

MAX_CONFIG = 1 << 22  # bytes; that of B7 has less than a million
MAX_LAYERS = 1 << 13  # B7 has 814
MAX_DEPTH = 8  # of models in models


@dataclass(frozen=True)
class Layer:
    """A layer, or a model as one layer of another, as the configuration describes it.

    Attributes
    ----------
    name
        Its own name, ``stem_conv``.
    kind
        The name of its class, ``Conv2D``.
    settings
        Its configuration: JSON values by name. For an operation of TensorFlow the constants it is called with, too.
    inside
        The layers of a model, in its order.
    inbound
        The model's calls of the layer as the configuration has them: JSON, in the notation of Keras 2 or 3.
    origin
        Where the class comes from: its module, or the name that somebody registered it by; empty if the file, as
        ``.h5``, does not say.
    """

    name: str
    kind: str
    settings: Mapping[str, Any] = field(repr=False)
    inside: tuple[Layer, ...] = ()
    inbound: Any = field(default=None, repr=False)
    origin: str = field(default="", repr=False)

    def flat(self) -> Iterator[Layer]:
        """All layers that are no models, in order.

        Examples
        --------
        >>> inner = Layer("net", "Functional", {}, (Layer("stem_conv", "Conv2D", {}),))
        >>> list(Layer("model", "Functional", {}, (inner, Layer("predictions", "Dense", {}))).flat())
        [Layer(name='stem_conv', kind='Conv2D', inside=()), Layer(name='predictions', kind='Dense', inside=())]
        """
        for layer in self.inside:
            if layer.inside:
                yield from layer.flat()
            else:
                yield layer


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    tensors
        ``LAYER/VARIABLE``, such as ``stem_conv/kernel`` or ``stem_bn/moving_variance``, to array; shape and dtype as
        stored. A depthwise convolution's variable is ``kernel`` too, as in Keras 3. Where a file has no names of
        layers, they are those that Keras counts: ``conv2d``, ``conv2d_1``, ….
    model
        The model with its layers, if the file says what it is.
    version
        Of Keras, as the file has it; empty if it has none.
    placed
        Where the file says what the model is: variable to array, by the path of names that leads to the layer,
        ``efficientnetb0/stem_conv``. What no layer of the model has is not among them.
    """

    tensors: dict[str, Array] = field(repr=False)
    model: Layer | None = None
    version: str = ""
    placed: Mapping[str, Mapping[str, Array]] = field(default_factory=dict, repr=False)


def key(layer: str, variable: str) -> str:
    """Name of a tensor.

    Examples
    --------
    >>> key("block1a_dwconv", "depthwise_kernel:0")
    'block1a_dwconv/depthwise_kernel'
    """
    leaf = re.sub(r":\d+\Z", "", variable)
    return f"{layer}/{leaf}"


def parse_model(text: str | bytes) -> Layer:
    """Read a model's configuration.

    Examples
    --------
    >>> conv = '{"class_name": "Conv2D", "config": {"name": "stem_conv", "filters": 32}}'
    >>> model = parse_model('{"class_name": "Functional", "config": {"name": "net", "layers": [' + conv + "]}}")
    >>> model.name, model.inside[0], model.inside[0].settings["filters"]
    ('net', Layer(name='stem_conv', kind='Conv2D', inside=()), 32)
    """
    model = _layer(parse_json(text, "the model's configuration"), 0)
    if sum(1 for _ in model.flat()) > MAX_LAYERS:
        raise CheckpointError(f"the model's configuration has more than {MAX_LAYERS} layers; no EfficientNet has")
    return model


def parse_json(text: str | bytes, what: str) -> Any:
    """Read JSON of a bounded size, as Python's own writer makes it."""
    if len(text) > MAX_CONFIG:
        raise CheckpointError(f"{what} has {len(text)} bytes, more than that of any EfficientNet")
    try:
        return strict_json.parse(text, lenient=True)
    except ValueError as error:
        raise CheckpointError(f"{what} is not JSON: {error!s:.200}") from None


def _layer(stated: Any, depth: int) -> Layer:
    stated = keras_hub.as_functional(stated, outermost=depth == 0)
    match stated:
        case {"class_name": str(kind), "config": {"name": str(name)}} if depth <= MAX_DEPTH:
            settings = stated["config"] | _constants(stated)
            inside = settings.pop("layers", [])
            if isinstance(inside, list):
                layers = tuple(_layer(layer, depth + 1) for layer in inside)
                return Layer(name, kind, settings, layers, stated.get("inbound_nodes"), _origin(stated))
    raise CheckpointError(f"the model's configuration does not describe layers as Keras does: {stated!r:.200}")


def _origin(stated: Mapping[str, Any]) -> str:
    """Where a class comes from; what somebody registered has an angle in its name."""
    names = [stated.get(key) for key in ("registered_name", "module", "class_name")]
    registered, module, kind = (name if isinstance(name, str) else "" for name in names)
    return next((name for name in (registered, kind) if ">" in name), module)


def _constants(stated: Any) -> dict[str, Any]:
    """What an operation of TensorFlow is called with, in the notation of Keras 2: [[input, 0, 0, constants]]."""
    match stated:
        case {"class_name": "TFOpLambda", "inbound_nodes": [[_, _, _, dict(constants)]]}:
            return constants
    return {}
