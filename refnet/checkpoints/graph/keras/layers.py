"""Keras's layers with weights, those that put tensors together, and those that pool."""

from __future__ import annotations

from typing import Any

from refnet.checkpoints.graph.keras.activations import activation
from refnet.checkpoints.graph.keras.parts import Context, Part, Shape, is_one_pixel
from refnet.checkpoints.graph.keras.settings import UnlikeError, axes, check_known, numbers, pads, pair

FEATURES = ", and convert that with --head none"
_GEOMETRY = ("kernel_size", "strides", "padding", "dilation_rate", "data_format", "use_bias", "activation")


def convolution(context: Context) -> tuple[Part, ...]:
    """``Conv2D``."""
    settings = context.settings
    check_known(settings, (*_GEOMETRY, "filters", "groups", "rank"))
    kernel = context.variable("kernel", 4)
    groups = settings.get("groups", 1)
    if type(groups) is not int or groups < 1:
        raise UnlikeError(f"its groups are {groups!r:.80}")
    if kernel.shape[3] != settings.get("filters"):
        raise UnlikeError(f"its kernel is {list(kernel.shape)}, but it has {settings.get('filters')!r:.20} filters")
    return _convolution(context, "convolution", kernel, {"groups": groups})


def depthwise(context: Context) -> tuple[Part, ...]:
    """``DepthwiseConv2D`` with one output for each channel."""
    settings = context.settings
    # Keras 2 writes these of the class that it inherits from, and does not use them.
    check_known(settings, (*_GEOMETRY, "depth_multiplier", "filters", "groups", "rank"))
    kernel = context.variable("kernel", 4)
    if settings.get("depth_multiplier", 1) != 1 or kernel.shape[3] != 1:
        raise UnlikeError(f"its depth_multiplier is {settings.get('depth_multiplier')!r:.20}; want 1")
    return _convolution(context, "depthwise", kernel[:, :, :, 0], {})


def _convolution(context: Context, op: Any, kernel: Any, settings: dict[str, Any]) -> tuple[Part, ...]:
    context.one_input()
    stated = context.settings
    size = pair(stated.get("kernel_size"), "kernel_size")
    if size != kernel.shape[:2]:
        raise UnlikeError(f"its kernel is {list(kernel.shape)}, but its kernel_size {list(size)}")
    padding = stated.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise UnlikeError(f"its padding is {padding!r:.80}")
    geometry = {
        "stride": pair(stated.get("strides", 1), "strides"),
        "dilation": pair(stated.get("dilation_rate", 1), "dilation_rate"),
        "pads": "same" if padding == "same" else pads(0),
    }
    return _with_bias(context, op, kernel, geometry | settings, kernel.shape[-1])


def dense(context: Context) -> tuple[Part, ...]:
    """``Dense``."""
    check_known(context.settings, ("units", "use_bias", "activation"))
    context.one_input()
    kernel = context.variable("kernel", 2)
    if kernel.shape[1] != context.settings.get("units"):
        raise UnlikeError(f"its kernel is {list(kernel.shape)}, but it has {context.settings.get('units')!r:.20} units")
    return _with_bias(context, "dense", kernel, {}, kernel.shape[1])


def _with_bias(context: Context, op: Any, kernel: Any, settings: dict[str, Any], K: int) -> tuple[Part, ...]:
    tensors, leaves = {"kernel": kernel}, {"kernel": "kernel"}
    if context.settings.get("use_bias", True):
        tensors["bias"], leaves["bias"] = context.variable("bias", 1), "bias"
        if tensors["bias"].shape != (K,):
            raise UnlikeError(f"its bias has the shape {list(tensors['bias'].shape)}, not [{K}]")
    return (Part(op, settings, tensors, leaves), *activation(context.settings.get("activation"), context))


def batch_norm(context: Context) -> tuple[Part, ...]:
    """``BatchNormalization`` of the channels, as at inference."""
    settings = context.settings
    check_known(settings, ("axis", "epsilon", "center", "scale", "renorm", "virtual_batch_size"))
    context.one_input()
    if not context.last_axis(settings.get("axis", -1)):
        raise UnlikeError(f"its axis is {settings.get('axis')!r:.80}; want that of the channels")
    wanted = [("mean", "moving_mean"), ("variance", "moving_variance")]
    if settings.get("scale", True):
        wanted.append(("gamma", "gamma"))
    if settings.get("center", True):
        wanted.append(("beta", "beta"))
    leaves = dict(wanted)
    tensors = {word: context.variable(leaf, 1) for word, leaf in wanted}
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        raise UnlikeError(f"its variables have the shapes {[list(tensor.shape) for tensor in tensors.values()]}")
    eps = numbers(settings.get("epsilon"), "its epsilon")
    if eps.ndim:
        raise UnlikeError("its epsilon is no number")
    return (Part("batch_norm", {"eps": eps.item()}, tensors, leaves),)


def zero_padding(context: Context) -> tuple[Part, ...]:
    """``ZeroPadding2D``."""
    check_known(context.settings, ("padding", "data_format"))
    context.one_input()
    return (Part("pad", {"pads": pads(context.settings.get("padding"))}),)


def global_pooling(context: Context) -> tuple[Part, ...]:
    """``GlobalAveragePooling2D`` and ``GlobalMaxPooling2D``."""
    check_known(context.settings, ("data_format", "keepdims"))
    if len(context.one_input()) not in (0, 3):
        raise UnlikeError("it pools what is no picture")
    kept = bool(context.settings.get("keepdims"))
    return (Part("max" if "Max" in context.call.layer.kind else "mean", {"keepdims": kept}),)


def pooling(context: Context) -> tuple[Part, ...]:
    """``AveragePooling2D`` and ``MaxPooling2D``, of a whole picture: its size must be known."""
    check_known(context.settings, ("pool_size", "strides", "padding", "data_format"))
    shape = context.one_input()
    size = pair(context.settings.get("pool_size", 2), "pool_size")
    if len(shape) != 3 or shape[:2] != size:
        sides = "any" if len(shape) != 3 else f"{shape[0] or 'any'} x {shape[1] or 'any'}"
        without = context.cut("model.inputs", "{}.input", FEATURES)
        raise UnlikeError(f"it pools {size[0]} x {size[1]} pixels of {sides}, not all of them; {without}")
    # One window fits, with either padding and any stride.
    return (Part("max" if "Max" in context.call.layer.kind else "mean", {"keepdims": True}),)


def reshape(context: Context) -> tuple[Part, ...]:
    """``Flatten`` and ``Reshape``, of what has one pixel, or where nothing changes."""
    check_known(context.settings, ("data_format", "target_shape"))
    shape = context.one_input()
    target = context.settings.get("target_shape", [-1])
    whole = target if isinstance(target, list) and all(type(side) is int for side in target) else []
    channels = shape[-1] if shape else None
    kept = [channels if side == -1 else side for side in whole]
    flat = kept in ([channels], [1, 1, channels]) and is_one_pixel(shape)
    if not shape or channels is None or not (flat or kept == list(shape)):
        without = context.cut("model.inputs", "{}.input", FEATURES)
        raise UnlikeError(f"it makes {target!r:.80} of {list(shape)}, not of one pixel; {without}")
    return (Part("neutral", {"shape": tuple(kept)}),)


def combined(op: Any, shapes: tuple[Shape, ...]) -> Part:
    """Two tensors of one shape, or one that is a gate of one pixel for the other."""
    first, second = shapes
    gate = op == "multiply" and any(len(shape) == 3 and is_one_pixel(shape) for shape in shapes)
    if not first or len(first) != len(second) or first[-1] != second[-1] or not (gate or alike(first, second)):
        raise UnlikeError(f"it reads tensors of {list(first)} and {list(second)}")
    return Part(op)


def concatenate(context: Context) -> tuple[Part, ...]:
    """``Concatenate``, of channels, layer or operation."""
    check_known(context.settings, ("axis",))
    if len(context.call.arguments) != 1 or len(context.tensors()) != 2 or context.call.options.keys() - {"axis"}:
        raise UnlikeError(f"it reads {len(context.call.inputs)} tensors; want two")
    first, second = context.shapes
    axis = context.call.options.get("axis", context.settings.get("axis", -1))
    if not first or not alike(first[:-1], second[:-1]) or axes(axis, len(first) + 1) != (len(first),):
        raise UnlikeError(f"it joins {list(first)} and {list(second)} along axis {axis!r:.20}; want the channels' axis")
    return (Part("concatenate"),)


def alike(first: Shape, second: Shape) -> bool:
    """Whether two shapes are one, as far as they are known."""
    if len(first) != len(second):
        return False
    return all(None in sides or sides[0] == sides[1] for sides in zip(first, second, strict=True))


def same_shape(settings: Any, shape: Shape) -> bool:
    """Whether a layer's target ``height`` and ``width`` are those of its picture already."""
    return (
        len(shape) == 3 and None not in shape[:2] and [settings.get("height"), settings.get("width")] == list(shape[:2])
    )
