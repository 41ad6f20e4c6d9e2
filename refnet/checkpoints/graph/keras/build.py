"""From the configuration and the variables of a Keras model to the graph of what it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from refnet.arrays import Array
from refnet.checkpoints.graph.graph import Graph, Node, Program
from refnet.checkpoints.graph.keras import activations, layers, operations, pixels
from refnet.checkpoints.graph.keras.calls import BY_DEFAULT, INPUT, Call, calls
from refnet.checkpoints.graph.keras.parts import Context, Part, Shape
from refnet.checkpoints.graph.keras.settings import FULL, UnlikeError, precision
from refnet.checkpoints.graph.keras.shapes import shape_of
from refnet.checkpoints.graph.simplify import alive
from refnet.checkpoints.readers.keras import keras_hub
from refnet.checkpoints.readers.keras.keras_content import Content
from refnet.checkpoints.readers.keras.placement import RANDOM_STATE
from refnet.checkpoints.state_dict import widen
from refnet.errors import CheckpointError, first_few

Maker = Callable[[Context], tuple[Part, ...]]

OWN = ("", "keras", "tf_keras", "tensorflow", "builtins")
PUBLISHER = "keras"
DROPOUT = "FixedDropout"  # of PyPI's efficientnet
SHOWN = 5

# Of Keras 3.15 and 2.21, whose calls return their input unless they train: keras/src/layers/regularization, and
# preprocessing/image_preprocessing; but RandomCrop cuts out the middle.
_AUGMENTING = (
    "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop",
    "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHeight",
    "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation",
    "RandomSharpness", "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom", "RandAugment", "AugMix",
    "MixUp", "CutMix",
)  # fmt: skip
_IDLE = (
    "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization",
    "Identity", DROPOUT,
)  # fmt: skip
_TRAINED = (*_AUGMENTING, *_IDLE, "BatchNormalization")

LAYERS: dict[str, Maker] = {
    INPUT: pixels.input_layer,
    "Conv2D": layers.convolution,
    "DepthwiseConv2D": layers.depthwise,
    "Dense": layers.dense,
    "BatchNormalization": layers.batch_norm,
    "ZeroPadding2D": layers.zero_padding,
    "GlobalAveragePooling2D": layers.global_pooling,
    "GlobalMaxPooling2D": layers.global_pooling,
    "AveragePooling2D": layers.pooling,
    "MaxPooling2D": layers.pooling,
    "Flatten": layers.reshape,
    "Reshape": layers.reshape,
    "Concatenate": layers.concatenate,
    "Activation": activations.activation_layer,
    "ReLU": activations.relu_layer,
    "Rescaling": pixels.rescaling,
    "Normalization": pixels.normalization,
    **dict.fromkeys((*_AUGMENTING, *_IDLE), pixels.neutral),
    **dict.fromkeys(("Resizing", "CenterCrop", "RandomCrop"), pixels.fitting),
}
OPERATIONS: dict[str, Maker] = {
    **dict.fromkeys(operations.ARITHMETIC, operations.arithmetic),
    **dict.fromkeys(operations.FUNCTIONS, operations.function),
    **dict.fromkeys(operations.POOLS, operations.pool),
    **dict.fromkeys(operations.NEUTRAL, operations.neutral_operation),
}
_OPTIONS = ("training", "mask")


def from_keras(content: Content) -> Program:
    """Make the graph of a file that says what its model is.

    Examples
    --------
    >>> from refnet.checkpoints.readers.keras import keras_file
    >>> program = from_keras(keras_file.read("tests/data/keras/nested.h5"))
    >>> program.graph.nodes["efficientnet/rescaling"].op, program.graph.outputs
    ('multiply', ('predictions',))
    """
    try:
        return _program(content)
    except RecursionError:
        raise CheckpointError("the model's configuration has lists in lists deeper than Keras writes") from None


def _program(content: Content) -> Program:
    if content.model is None:
        raise CheckpointError("the file does not say what its model is")
    found, outputs = calls(content.model)
    builder = _Builder(content.placed)
    for call in found:
        builder.add(call)
    graph = Graph(builder.nodes, tuple(builder.value[name] for name in outputs))
    if not any(set(graph.outputs) <= alive(graph.nodes, name) for name in graph.outputs):
        names = first_few([repr(name) for name in graph.outputs], by=", ")
        raise CheckpointError(
            f"the model has {len(graph.outputs)} answers, {names}, none of which is made of the others; in Keras, keep "
            "one: keras.Model(model.inputs, model.outputs[0]).save('one.keras')"
        )
    return Program(graph, PUBLISHER, (*builder.told(), *_of_file(content)))


class _Builder:
    """Nodes so far, and the shapes of their values."""

    def __init__(self, variables: Mapping[str, Mapping[str, Array]]) -> None:
        self.variables = variables
        self.nodes: dict[str, Node] = {}
        self.value: dict[str, str] = {}  # the node whose value a call makes
        self.shapes: dict[str, Shape] = {}
        self.halves: dict[str, None] = {}

    def add(self, call: Call) -> None:
        """Append the nodes of a call."""
        inputs = tuple(self.value[name] for name in call.inputs)
        context = Context(call, tuple(self.shapes[name] for name in inputs), self.variables.get(call.path, {}))
        try:
            parts = self._parts(context)
        except UnlikeError as error:
            parts = (Part("foreign", {"reason": str(error)}),)
        name = call.name
        for number, part in enumerate(parts):
            if number:
                name = f"{call.name}/{part.settings.get('function', part.op)}"
                while name in self.nodes:
                    name += "'"
            tensors = {word: widen(array) for word, array in part.tensors.items()}
            sources = {word: f"{call.path}/{leaf}" for word, leaf in part.leaves.items()}
            self.nodes[name] = Node(name, call.layer.kind, part.op, inputs, part.settings, tensors, sources)
            self.shapes[name] = shape_of(part, tuple(self.shapes[each] for each in inputs))
            inputs = (name,)
        self.value[call.name] = name

    def _parts(self, context: Context) -> tuple[Part, ...]:
        call = context.call
        maker = _maker(call)
        training = call.options.get("training")
        if call.layer.kind in _AUGMENTING and training == BY_DEFAULT:
            training = None
        if call.layer.kind in _TRAINED and training not in (None, False, 0):
            stated = "True" if training == BY_DEFAULT else f"{training!r:.20}"
            raise UnlikeError(f"it is called with training={stated}: it does here what others do in training alone")
        if maker in LAYERS.values() and call.options.keys() - set(_OPTIONS if not call.options.get("mask") else ()):
            raise UnlikeError(f"it is called with {', '.join(call.options)[:80]}")
        format_name = precision(call.layer.settings)
        if format_name not in FULL:
            self.halves[format_name] = None
        parts = maker(context)
        left = [leaf for leaf in context.variables if leaf not in context.used]
        if left:
            raise UnlikeError(f"it has variables of no use: {', '.join(left)[:80]}")
        return parts

    def told(self) -> Iterator[str]:
        """What the file has that changes no answer, or only its precision."""
        if self.halves:
            yield f"Keras computes this model in {', '.join(self.halves)}; here it is computed in float32"


def _of_file(content: Content) -> Iterator[str]:
    """A resize that is the recipe's here, and variables that no layer of the model has, so that it cannot read them."""
    resize = content.model.settings.get(keras_hub.RESIZE) if content.model else None
    if resize and content.model and keras_hub.is_network(content.model.kind):
        yield f"its preprocessor resizes pictures by {resize}, in its own way; here the recipe says how"
    used = {id(array) for inside in content.placed.values() for array in inside.values()}
    spare = [name for name, array in content.tensors.items() if id(array) not in used]
    others = [name for name in spare if RANDOM_STATE not in name.split("/")]
    if others:
        more = ", …" if len(others) > SHOWN else ""
        yield f"{len(others)} variables that no layer of the model has: {', '.join(others[:SHOWN])[:200]}{more}"
    if len(others) < len(spare):
        yield f"{len(spare) - len(others)} states of random numbers, which are drawn in training alone"


def _maker(call: Call) -> Maker:
    """What makes the nodes of a layer of Keras itself."""
    layer = call.layer
    if layer.kind == operations.TENSORFLOW:
        found = OPERATIONS.get(str(layer.settings.get("function")))
    else:
        found = LAYERS.get(layer.kind) or OPERATIONS.get(layer.kind)
    own = layer.origin.partition(".")[0] in OWN or (layer.kind == DROPOUT and layer.origin.startswith("efficientnet"))
    if layer.kind == "Lambda":
        raise UnlikeError("it is code of its author, which refnet does not run")
    if ">" in layer.origin or not own:
        raise UnlikeError(f"it is a class of its author, {layer.origin[:80]}, whose code is not in the file")
    if found is None:
        function = layer.settings.get("function")
        raise UnlikeError(
            f"it calls {function!r:.80}" if isinstance(function, str) else "nothing like it is known here"
        )
    return found
