"""Tensors of an int8 file of TensorFlow Lite: as the real numbers they stand for, and in our axes as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.checkpoints.readers.tflite.tflite_file import Model, Operator, Tensor
from refnet.checkpoints.readers.tflite.tflite_file import Quantisation as StatedQuantisation
from refnet.errors import CheckpointError, InputError
from refnet.reference.integers.network import Kernel
from refnet.reference.integers.quantisation import Quantisation

MAX_LABEL = 100
BIAS_SCALE = 1e-5  # what the scale of a bias may differ by from that of its products, which are not rounded alike
AXES = {"CONV_2D": (1, 2, 3, 0), "DEPTHWISE_CONV_2D": (0, 1, 2), "FULLY_CONNECTED": (1, 0)}  # theirs in our order
CHANNELS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}  # the axis that scales lie along


def short(model: Model, number: int) -> str:
    """The first of the names that the converter joined."""
    return model.tensors[number].name.partition(";")[0][:MAX_LABEL]


def codes_of(model: Model, number: int) -> Quantisation:
    """How the codes of a tensor stand for real numbers: one scale, one zero point."""
    tensor = model.tensors[number]
    stated = tensor.quantisation
    try:
        if stated is None or tensor.dtype not in ("int8", "uint8"):
            raise InputError(f"{tensor.dtype} without a scale" if stated is None else f"codes of {tensor.dtype}")
        if stated.scale.shape != (1,) or stated.zero_point.shape != (1,):
            raise InputError(f"{stated.scale.size} scales and {stated.zero_point.size} zero points; want one of each")
        zero_point = int(stated.zero_point[0])
        return Quantisation(np.float32(stated.scale[0]), zero_point, "int8" if tensor.dtype == "int8" else "uint8")
    except InputError as error:
        raise CheckpointError(f"its tensor {short(model, number)!r}: {error}") from None


def kernel_of(model: Model, operator: Operator, step: Step) -> Kernel:
    """Weights in our axes, scales and bias of an operator."""
    data, number, *others = operator.inputs
    name = short(model, number)
    tensor = model.tensors[number]
    if tensor.value is None or tensor.dtype != "int8" or tensor.quantisation is None:
        raise CheckpointError(f"its weights {name!r} are of {tensor.dtype}; want int8 with scales")
    wanted = step.weights[0].shape
    weights = tensor.value[0] if operator.kind == "DEPTHWISE_CONV_2D" else tensor.value
    weights = np.ascontiguousarray(weights.transpose(AXES[operator.kind])).reshape(wanted)
    scales = _scales(tensor, CHANNELS[operator.kind], wanted[-1], name)
    given = codes_of(model, data)
    bias = _bias(model, others[0] if others else -1, scales * np.float64(given.scale), wanted[-1])
    return Kernel(weights, scales, bias)


def _scales(tensor: Tensor, axis: int, channels: int, name: str) -> Array:
    stated = tensor.quantisation
    assert stated is not None
    if stated.scale.size not in (1, channels) or (stated.scale.size > 1 and stated.axis != axis):
        raise CheckpointError(f"its weights {name!r} have {stated.scale.size} scales along axis {stated.axis}")
    if stated.zero_point.any():
        raise CheckpointError(f"its weights {name!r} have zero points other than 0")
    if not (np.isfinite(stated.scale).all() and (stated.scale > 0).all()):
        raise CheckpointError(f"its weights {name!r} have a scale that is no positive number")
    return np.ascontiguousarray(np.broadcast_to(stated.scale.astype(np.float32), channels))


def _bias(model: Model, number: int, scales: Array, channels: int) -> Array:
    if number < 0:
        return np.zeros(channels, np.int32)
    tensor = model.tensors[number]
    if tensor.value is None or tensor.dtype != "int32" or tensor.value.shape != (channels,):
        raise CheckpointError(f"its bias {short(model, number)!r} is not one int32 for each of {channels} channels")
    stated = tensor.quantisation
    if stated is None or stated.scale.size not in (1, channels) or stated.zero_point.any():
        raise CheckpointError(f"its bias {short(model, number)!r} has no scale for each channel, or zero points")
    if not np.allclose(stated.scale, scales, rtol=BIAS_SCALE, atol=0):
        raise CheckpointError(f"its bias {short(model, number)!r} is not of the scale of the products it is added to")
    return tensor.value.astype(np.int32)


def as_real(model: Model) -> Model:
    """The same graph with the real numbers that codes stand for, and without what makes codes of them at its ends."""
    alias: dict[int, int] = {}
    kept = []
    for operator in model.operators:
        inputs = tuple(alias.get(number, number) for number in operator.inputs)
        if operator.kind in ("QUANTIZE", "DEQUANTIZE"):
            if not (len(inputs) == len(operator.outputs) == 1 and _is_end(model, operator)):
                raise CheckpointError(
                    f"{operator.kind} at {short(model, operator.outputs[0]) if operator.outputs else ''!r} stands "
                    "inside of the network; here codes keep their scale between operations"
                )
            alias[operator.outputs[0]] = inputs[0]
        else:
            kept.append(replace(operator, inputs=inputs))
    tensors = tuple(_real(tensor) for tensor in model.tensors)
    outputs = tuple(alias.get(number, number) for number in model.outputs)
    return replace(model, tensors=tensors, operators=tuple(kept), outputs=outputs, notes={})


def _is_end(model: Model, operator: Operator) -> bool:
    return operator.inputs[0] in model.inputs or operator.outputs[0] in model.outputs


def _real(tensor: Tensor) -> Tensor:
    if tensor.quantisation is None or tensor.dtype not in ("int8", "uint8", "int32"):
        return tensor
    value = None if tensor.value is None else _real_value(tensor.value, tensor.quantisation, tensor.name)
    return replace(tensor, dtype="float32", value=value, quantisation=None)


def _real_value(codes: Array, stated: StatedQuantisation, name: str) -> Array:
    """The real numbers of a constant, of one scale or one along an axis."""
    channels = codes.shape[stated.axis] if -1 < stated.axis < codes.ndim else 1
    positive = bool((np.isfinite(stated.scale) & (stated.scale > 0)).all())
    if not {stated.scale.size, stated.zero_point.size} <= {1, channels} or not positive:
        raise CheckpointError(
            f"its tensor {name.partition(';')[0][:MAX_LABEL]!r} has {stated.scale.size} scales and "
            f"{stated.zero_point.size} zero points along axis {stated.axis}; want positive ones, one or one for each "
            "channel"
        )
    sides = [channels if axis == stated.axis else 1 for axis in range(codes.ndim)]
    scale, zero_point = (part.reshape(sides if part.size > 1 else ()) for part in (stated.scale, stated.zero_point))
    with np.errstate(over="ignore"):  # infinite numbers are refused as those of any file
        return ((codes - zero_point) * scale).astype(np.float32)  # near enough: what is kept is the file's own
