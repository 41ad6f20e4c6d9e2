"""The graph of a TensorFlow Lite file in our vocabulary.

The converter has folded every batch norm into its convolution, and wrote activations without weights into the
operator before. Arrays of 16-bit floats go through ``DEQUANTIZE``, which widens them exactly. Whole numbers that only
say how to reshape are followed here, and are no nodes.
"""

from __future__ import annotations

import numpy as np

from refnet.checkpoints.graph.graph import Graph, Node
from refnet.checkpoints.graph.tflite.operators import Scope, Translation, Work, translate
from refnet.checkpoints.graph.tflite.shapes import Sides
from refnet.checkpoints.readers.tflite.tflite_file import Model, Operator
from refnet.errors import CheckpointError

MAX_LABEL = 100
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
MAX_LIST = 8  # numbers that a shape has
INSTEAD = (
    "convert the model it was made of, or make a float one in TensorFlow, with no optimizations set: "
    "tf.lite.TFLiteConverter.from_keras_model(model).convert()"
)


def graph(model: Model) -> Graph:
    """Say in our vocabulary what a file's graph does.

    Examples
    --------
    >>> from refnet.checkpoints.readers.tflite import tflite_file
    >>> found = graph(tflite_file.read("tests/data/tflite/plain.tflite"))
    >>> [(node.kind, node.op) for node in found.nodes.values()][:4]
    [('input', 'input'), ('MUL', 'multiply'), ('SUB', 'subtract'), ('MUL', 'multiply')]
    """
    _check(model)
    values = {number: tensor.value for number, tensor in enumerate(model.tensors) if tensor.value is not None}
    reading = _Reading(Scope(model, values=values))
    turned = reading.read_picture(*model.inputs)
    for operator in model.operators:
        if turned is None or operator.outputs != (turned,):
            reading.read(operator)
    made = reading.scope.made
    if not model.outputs or any(number not in made for number in model.outputs):
        raise CheckpointError("the graph's output is made by none of its operators")
    return Graph(reading.nodes, tuple(made[number] for number in model.outputs))


def _check(model: Model) -> None:
    whole = [tensor for tensor in model.tensors if tensor.quantisation is not None and tensor.dtype[:5] != "float"]
    if whole:
        first = min(whole, key=lambda tensor: tensor.dtype == "int32")  # these are only the sums
        article = "an" if first.dtype[0] == "i" else "a"
        raise CheckpointError(
            f"{article} {first.dtype} network: {len(whole)} of its {len(model.tensors)} tensors are whole numbers with "
            f"a scale, such as {_short(first.name)!r}; refnet has networks of floats, and of int8 throughout: {INSTEAD}"
        )
    for tensor in model.tensors:
        if tensor.strange:
            raise CheckpointError(f"its tensor {_short(tensor.name)!r} is {tensor.strange}; {INSTEAD}")
    if any(operator.kind in VARIABLES for operator in model.operators):
        raise CheckpointError(
            "its weights are variables, whose numbers are not in the file; where the model is, model.export('FOLDER'), "
            "and then tf.lite.TFLiteConverter.from_saved_model('FOLDER').convert()"
        )
    if len(model.inputs) != 1:
        raise CheckpointError(f"the graph has {len(model.inputs)} inputs; a network has one, the picture")


def _short(name: str) -> str:
    """The first of the names that the converter joined."""
    return name.partition(";")[0][:MAX_LABEL]


class _Reading:
    """One pass over a graph's operators, each of which comes after what it needs."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.nodes: dict[str, Node] = {}

    def read_picture(self, picture: int) -> int | None:
        """Begin with the input; if its channels come first, as in PyTorch, the tensor where they come last."""
        stated = self.scope.model.tensors[picture].shape
        sides: Sides = tuple(None if side < 0 else side for side in stated)
        if len(sides) != 4:
            raise CheckpointError(f"the input has the shape {list(stated)}; a picture's is [N, H, W, C]")
        turned = self._turned(picture)
        if turned is not None:
            sides = (sides[0], sides[2], sides[3], sides[1])
        self._add("input", picture, (), Translation((Work("input", {"shape": sides[1:]}),), sides))
        if turned is not None:
            self.scope.made[turned], self.scope.sides[turned] = self.scope.made.pop(picture), sides
        return turned

    def _turned(self, picture: int) -> int | None:
        users = [operator for operator in self.scope.model.operators if picture in operator.inputs]
        if len(users) != 1 or users[0].kind != "TRANSPOSE" or len(users[0].outputs) != 1:
            return None
        order = self.scope.values.get(users[0].inputs[-1])
        return users[0].outputs[0] if order is not None and order.tolist() == [0, 2, 3, 1] else None

    def read(self, operator: Operator) -> None:
        """Take in one operator."""
        scope = self.scope
        known = (scope.made, scope.values, scope.lists)
        if any(number >= 0 and all(number not in where for where in known) for number in operator.inputs):
            raise CheckpointError(f"an operator {operator.kind} comes before what it needs; the file is damaged")
        if any(number in where for where in known for number in operator.outputs):
            raise CheckpointError(f"an operator {operator.kind} makes what is there already; the file is damaged")
        if self._is_widening(operator) or self._is_list(operator):
            return
        data = tuple(scope.made[number] for number in operator.inputs if number in scope.made)
        found = translate(scope, operator) if len(operator.outputs) == 1 else None
        for number in operator.outputs:
            if found is None or scope.model.tensors[number].dtype != "float32":
                found = Translation((Work("foreign"),), ())
            self._add(operator.kind, number, data, found)

    def _add(self, kind: str, tensor: int, inputs: tuple[str, ...], what: Translation) -> None:
        tensors = self.scope.model.tensors
        label = _short(tensors[tensor].name) or kind
        for work in what.works:
            name = label if label not in self.nodes else f"{label} ({len(self.nodes)})"
            sources = {role: tensors[number].name for role, number in work.sources.items()}
            self.nodes[name] = Node(name, kind, work.op, inputs, work.settings, work.tensors, sources)
            inputs = (name,)
        self.scope.made[tensor], self.scope.sides[tensor] = inputs[0], what.sides

    def _is_widening(self, operator: Operator) -> bool:
        """Whether it makes 32-bit floats of a constant of 16-bit ones."""
        value = self.scope.values.get(operator.inputs[0]) if len(operator.inputs) == 1 else None
        if operator.kind not in ("DEQUANTIZE", "CAST") or value is None or value.dtype != np.float16:
            return False
        (output,) = operator.outputs or (-1,)
        if self.scope.model.tensors[output].dtype != "float32":
            return False
        self.scope.values[output] = value.astype(np.float32)
        return True

    def _is_list(self, operator: Operator) -> bool:
        """Whether it computes with whole numbers that say how to reshape: a tensor's sides, one of them, some together.

        The batch is None among them.
        """
        if len(operator.outputs) != 1 or operator.kind not in ("SHAPE", "STRIDED_SLICE", "PACK"):
            return False
        found = self._listed(operator)
        if found is not None:
            self.scope.lists[operator.outputs[0]] = found
        return found is not None

    def _listed(self, operator: Operator) -> Sides | None:
        scope, (first, *others) = self.scope, operator.inputs or (-1,)
        if operator.kind == "SHAPE":
            return scope.sides.get(first) or None
        if operator.kind == "STRIDED_SLICE":
            return self._sliced(operator, scope.lists.get(first), [scope.values.get(number) for number in others])
        parts = [self._one(number) for number in operator.inputs[:MAX_LIST]]
        if operator.settings["axis"] or len(operator.inputs) > MAX_LIST or any(len(part) != 1 for part in parts):
            return None
        return tuple(side for part in parts for side in part)

    def _one(self, number: int) -> Sides:
        value = self.scope.values.get(number)
        if value is not None and value.shape == () and value.dtype.kind == "i":
            return (int(value),)
        return self.scope.lists.get(number, ())

    def _sliced(self, operator: Operator, sides: Sides | None, range_: list[object]) -> Sides | None:
        """One side of a shape, by its number."""
        masks = {name: value for name, value in operator.settings.items() if value}
        if sides is None or len(range_) != 3 or masks != {"shrink_axis_mask": 1}:
            return None
        starts = [value for value in range_ if isinstance(value, np.ndarray) and value.shape == (1,)]
        if len(starts) != 3 or starts[0].dtype.kind != "i" or not 0 <= starts[0][0] < len(sides):
            return None
        return (sides[int(starts[0][0])],)
