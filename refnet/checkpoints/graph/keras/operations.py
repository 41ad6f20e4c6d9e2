"""Operations of ``keras.ops`` and of TensorFlow that a model calls without a layer."""

from __future__ import annotations

from typing import Any

from refnet.checkpoints.graph.keras.activations import OURS
from refnet.checkpoints.graph.keras.calls import Value
from refnet.checkpoints.graph.keras.layers import combined
from refnet.checkpoints.graph.keras.parts import Context, Part, constant
from refnet.checkpoints.graph.keras.settings import UnlikeError, axes, check_known, numbers

TENSORFLOW = "TFOpLambda"

# The class in keras.ops, or the function of TensorFlow, to what it does.
ARITHMETIC = {
    "Multiply": "multiply", "math.multiply": "multiply", "__operators__.mul": "multiply",
    "Add": "add", "math.add": "add", "__operators__.add": "add",
    "Subtract": "subtract", "math.subtract": "subtract", "__operators__.sub": "subtract",
    "TrueDivide": "divide", "Divide": "divide", "math.truediv": "divide", "math.divide": "divide",
    "__operators__.truediv": "divide",
}  # fmt: skip
FUNCTIONS = {
    "Sigmoid": "sigmoid", "math.sigmoid": "sigmoid", "nn.sigmoid": "sigmoid",
    "Relu": "relu", "nn.relu": "relu",
    "Relu6": "relu6", "nn.relu6": "relu6",
    "Silu": "silu", "nn.silu": "silu", "nn.swish": "silu",
    "Tanh": "tanh", "math.tanh": "tanh", "nn.tanh": "tanh",
    "Softmax": "softmax", "nn.softmax": "softmax",
    "LogSoftmax": "log_softmax", "nn.log_softmax": "log_softmax",
}  # fmt: skip
POOLS = {"Mean": "mean", "math.reduce_mean": "mean", "Max": "max", "math.reduce_max": "max"}
NEUTRAL = ("identity", "stop_gradient", "StopGradient")

_OPERANDS = ("x", "x1", "y", "x2", "input", "logits", "features", "input_tensor")


def function_of(context: Context) -> str:
    """The name of what is called."""
    layer = context.call.layer
    return str(layer.settings.get("function")) if layer.kind == TENSORFLOW else layer.kind


def arithmetic(context: Context) -> tuple[Part, ...]:
    """Two tensors, or a tensor and a constant; layers that do the same are called with a list."""
    op: Any = ARITHMETIC[function_of(context)]
    operands = _operands(context, ())
    if len(operands) == 1 and isinstance(operands[0], list):
        check_known(context.settings, ())
        operands = operands[0]
    if len(operands) != 2:
        raise UnlikeError(f"it is called with {len(operands)} tensors or numbers; want two")
    tensors = [isinstance(each, Value) for each in operands]
    if all(tensors):
        return (combined(op, context.shapes),)
    if tensors == [True, False]:
        return (constant(op, numbers(operands[1], "what it is called with")),)
    if tensors == [False, True] and op != "divide":
        number = numbers(operands[0], "what it is called with")
        return (constant("multiply", -1), constant("add", number)) if op == "subtract" else (constant(op, number),)
    raise UnlikeError("it divides a number by a tensor, or reads none")


def function(context: Context) -> tuple[Part, ...]:
    """An activation, or a softmax over the classes."""
    name = FUNCTIONS[function_of(context)]
    operands = _operands(context, ("axis",))
    if len(operands) != 1 or len(context.tensors() or context.call.inputs) != 1:
        raise UnlikeError(f"it is called with {len(operands)} tensors or numbers; want one")
    if name in OURS:
        return (Part("activation", {"function": OURS[name]}),)
    axis = context.call.options.get("axis", context.settings.get("axis", -1))
    if not context.last_axis(-1 if axis is None else axis):
        raise UnlikeError(f"its axis is {axis!r:.80}; want the last one")
    return (Part("softmax" if name == "softmax" else "log_softmax"),)


def pool(context: Context) -> tuple[Part, ...]:
    """A mean or maximum over height and width."""
    _operands(context, ("axis", "keepdims"))
    stated = {key: context.call.options.get(key, context.settings.get(key)) for key in ("axis", "keepdims")}
    if len(context.call.inputs) != 1 or len(context.shapes[0]) != 3 or axes(stated["axis"], 4) != (1, 2):
        raise UnlikeError(f"its axis is {stated['axis']!r:.80}; want those of height and width, of a picture")
    op: Any = POOLS[function_of(context)]
    return (Part(op, {"keepdims": bool(stated["keepdims"])}),)


def neutral_operation(context: Context) -> tuple[Part, ...]:
    """What returns what it gets."""
    if len(_operands(context, ())) != 1:
        raise UnlikeError("it is called with more than a tensor")
    return (Part("neutral"),)


def _operands(context: Context, settings: tuple[str, ...]) -> list[Any]:
    """What an operation is called with, in order, but for its settings and its name."""
    options = {key: value for key, value in context.call.options.items() if key not in (*settings, "name", "training")}
    unknown = options.keys() - set(_OPERANDS)
    if unknown:
        raise UnlikeError(f"it is called with {', '.join(sorted(unknown))[:80]}")
    return [*context.call.arguments, *(options[key] for key in _OPERANDS if key in options)]
