"""Activations as Keras's configurations name them."""

from __future__ import annotations

from typing import Any

from refnet.checkpoints.graph.keras.parts import Context, Part
from refnet.checkpoints.graph.keras.settings import UnlikeError, check_known, numbers

OURS = {
    "swish": "swish",
    "silu": "swish",
    "relu": "relu",
    "relu6": "relu6",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


def activation(stated: Any, context: Context) -> tuple[Part, ...]:
    """What an ``activation`` in a configuration does; nothing for none or ``linear``."""
    match stated:
        case {"class_name": "function", "config": str(name), "module": str(module)} if module.startswith("keras."):
            stated = name
    if stated is None or stated == "linear":
        return ()
    match stated:
        case "softmax" | "log_softmax":
            part = Part(stated)
        case str(name):
            part = Part("activation", {"function": OURS.get(name, name[:80])})
        case {"class_name": "ReLU", "config": dict(settings)}:
            part = _relu(settings)
        case {"class_name": "Softmax", "config": dict(settings)} if context.last_axis(settings.get("axis", -1)):
            part = Part("softmax")
        case {"config": str(name), "class_name": str()}:
            part = Part("activation", {"function": f"{name[:80]}, a function of its author"})
        case {"class_name": str(kind)}:
            part = Part("activation", {"function": kind[:80]})
        case _:
            raise UnlikeError(f"its activation is {stated!r:.80}")
    return (part,)


def activation_layer(context: Context) -> tuple[Part, ...]:
    """``Activation``."""
    context.one_input()
    check_known(context.settings, ("activation",))
    return activation(context.settings.get("activation"), context) or (Part("neutral"),)


def relu_layer(context: Context) -> tuple[Part, ...]:
    """``ReLU``."""
    context.one_input()
    return (_relu(context.settings),)


def softmax_layer(context: Context) -> tuple[Part, ...]:
    """``Softmax``, over the classes."""
    context.one_input()
    check_known(context.settings, ("axis",))
    if not context.last_axis(context.settings.get("axis", -1)):
        raise UnlikeError(f"its axis is {context.settings.get('axis')!r:.80}; want the last one")
    return (Part("softmax"),)


def _relu(settings: Any) -> Part:
    check_known(settings, ("max_value", "negative_slope", "threshold"))
    top = settings.get("max_value")
    low = [numbers(settings.get(key) or 0).item() for key in ("negative_slope", "threshold")]
    if low == [0, 0] and (top is None or numbers(top).item() == 6):
        return Part("activation", {"function": "relu" if top is None else "relu6"})
    return Part("activation", {"function": f"ReLU with max_value={top!r:.20}, slope and threshold {low}"})
