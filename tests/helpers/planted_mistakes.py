"""Mistakes as people make them in PyTorch, each to be planted in one layer of tests/helpers/torch_port.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from helpers.torch_port import Layer
from torch.nn import functional as fn

from refnet.architecture.step import Step

Tensor = torch.Tensor


class Plant(NamedTuple):
    names: tuple[str, ...]  # what a diagnosis may call it
    applies: Callable[[Step], bool]
    spoil: Callable[[Layer], None]


def is_convolution(step):
    return step.op in ("convolution", "depthwise")


def has_kernel(step):
    return is_convolution(step) or step.op == "dense"


def is_wide(step):
    return is_convolution(step) and step.kernel > 1


def is_strided(step):
    return step.stride == 2


def is_op(*ops):
    return lambda step: step.op in ops


def acts(*activations):
    return lambda step: step.activation in activations


def is_named(*names):
    return lambda step: step.name.rsplit(".", 1)[-1] in names


def is_map(step):
    return len(step.shape) == 3


def setting(**values):
    def spoil(layer):
        for name, value in values.items():
            setattr(layer, name, value)

    return spoil


def weights(**changes):
    """Change some of the weights; a key's / is written __."""

    def spoil(layer):
        old = dict(layer.weights)
        for key, change in changes.items():
            layer.weights[key.replace("__", "/")] = change(old)

    return spoil


def after(function):
    return setting(after=function)


def before(function):
    def spoil(layer):
        layer.inputs = [function(layer.inputs[0]), *layer.inputs[1:]]

    return spoil


def operation(function):
    return setting(operate=function)


def around(function):
    """Change a layer's padding, given the kernel's size."""

    def spoil(layer):
        layer.pads = function(layer.step.kernel, layer.pads)

    return spoil


def rounded(to, *places):
    def spoil(layer):
        if "input" in places:
            layer.inputs = [to(x) for x in layer.inputs]
        if "kernel" in places:
            layer.weights["kernel"] = to(layer.weights["kernel"])
        if "result" in places:
            layer.after = to

    return spoil


def half(x):
    return x.half().float()


def brain(x):
    return x.bfloat16().float()


def brain_cut(x):
    return (x.view(torch.int32) & -65536).view(torch.float32)


def tf32(x):
    return ((x.view(torch.int32) + 0x1000) & -0x2000).view(torch.float32)


def in_half(layer):
    """All of a layer in float16."""
    layer.inputs = [x.half() for x in layer.inputs]
    layer.weights = {key: value.half() for key, value in layer.weights.items()}
    layer.after = lambda x: x.float()


def summed_in_half(layer):
    """Products and sums of a depthwise convolution in float16, tap by tap."""

    def convolve(x, w, stride, groups):
        R, S = w.shape[2:]
        H, W = (x.shape[2] - R) // stride + 1, (x.shape[3] - S) // stride + 1
        y = torch.zeros(*x.shape[:2], H, W, dtype=torch.float16)
        for ky in range(R):
            for kx in range(S):
                seen = x[:, :, ky : ky + stride * (H - 1) + 1 : stride, kx : kx + stride * (W - 1) + 1 : stride]
                y = (y.float() + (seen.half() * w[:, 0, ky, kx, None, None].half()).float()).half()
        return y.float()

    layer.convolve = convolve


def nchw_buffer_as_nhwc(x):
    N, C, H, W = x.shape
    return x.contiguous().reshape(N, H, W, C).permute(0, 3, 1, 2)


def nhwc_buffer_as_nchw(x):
    return x.permute(0, 2, 3, 1).contiguous().reshape(x.shape)


def other_buffer(order):
    """A kernel whose numbers lie in another order of axes, read as if they lay in that of PyTorch."""
    return lambda old: old["kernel"].permute(order).contiguous().reshape(old["kernel"].shape)


def hard_sigmoid_of_keras(x):
    return torch.clamp(0.2 * x + 0.5, 0, 1)


def first_activation(layer):
    activation, layer.activation = layer.activation, lambda x: x
    convolve = layer.convolve
    layer.convolve = lambda *args, **kwargs: activation(convolve(*args, **kwargs))


PLANTS: dict[str, Plant] = {
    "symmetric padding": Plant(("symmetric-padding",), is_strided, around(lambda k, _: (k // 2,) * 4)),
    "odd zero before": Plant(("symmetric-padding",), is_strided, around(lambda k, p: (p[1], p[0], p[3], p[2]))),
    "no padding": Plant(
        ("no-padding",), lambda s: is_wide(s) and min(s.in_shape[:2]) >= s.kernel, setting(pads=(0, 0, 0, 0))
    ),
    "all zeros behind": Plant(("padding-after",), is_wide, around(lambda k, p: (0, p[0] + p[1], 0, p[2] + p[3]))),
    "all zeros before": Plant(
        ("padding-before",),
        lambda s: is_wide(s) and s.stride == 1,
        around(lambda k, p: (p[0] + p[1], 0, p[2] + p[3], 0)),
    ),
    "border repeated": Plant(("border-repeated",), is_wide, setting(pad_mode="replicate")),
    "eps of PyTorch": Plant(("eps-1e-05",), is_convolution, setting(eps=1e-5)),
    "eps 1e-4": Plant(("eps-0.0001",), is_convolution, setting(eps=1e-4)),
    "eps 0": Plant(("eps-0",), is_convolution, setting(eps=0.0)),
    "norm skipped": Plant(("norm-skipped",), is_convolution, setting(norm=False)),
    "norm in training": Plant(
        ("batch-statistics",), lambda s: is_convolution(s) and s.shape[0] > 2, setting(train=True)
    ),
    "gamma dropped": Plant(("gamma-missing",), is_convolution, weights(bn__gamma=lambda w: w["bn/gamma"] * 0 + 1)),
    "beta dropped": Plant(("beta-missing",), is_convolution, weights(bn__beta=lambda w: w["bn/beta"] * 0)),
    "gamma for beta": Plant(
        ("gamma-beta-swapped",),
        is_convolution,
        weights(bn__gamma=lambda w: w["bn/beta"], bn__beta=lambda w: w["bn/gamma"]),
    ),
    "variance as deviation": Plant(
        ("variance-as-deviation",),
        is_convolution,
        weights(bn__variance=lambda w: (w["bn/variance"] + 1e-3) ** 2 - 1e-3),
    ),
    "mean for beta": Plant(
        ("mean-beta-swapped",),
        is_convolution,
        weights(bn__mean=lambda w: w["bn/beta"], bn__beta=lambda w: w["bn/mean"]),
    ),
    "activation before norm": Plant(
        ("activation-first",), lambda s: is_convolution(s) and s.activation != "none", first_activation
    ),
    "blue, green, red": Plant(("bgr",), is_named("stem"), before(lambda x: x.flip(1))),
    "height and width of the input swapped": Plant(("hw-swapped-input",), is_wide, before(lambda x: x.transpose(2, 3))),
    "height and width of the result swapped": Plant(("hw-swapped-output",), is_map, after(lambda x: x.transpose(2, 3))),
    "NCHW read as NHWC, input": Plant(("nchw-as-nhwc-input",), is_convolution, before(nchw_buffer_as_nhwc)),
    "NCHW read as NHWC, result": Plant(("nchw-as-nhwc-output",), is_map, after(nchw_buffer_as_nhwc)),
    "NHWC read as NCHW, input": Plant(("nhwc-as-nchw-input",), is_convolution, before(nhwc_buffer_as_nchw)),
    "NHWC read as NCHW, result": Plant(("nhwc-as-nchw-output",), is_map, after(nhwc_buffer_as_nchw)),
    "kernel flipped": Plant(("kernel-flipped",), is_wide, weights(kernel=lambda w: w["kernel"].flip(2, 3))),
    "kernel transposed": Plant(("kernel-transposed",), is_wide, weights(kernel=lambda w: w["kernel"].transpose(2, 3))),
    "dense kernel not transposed": Plant(
        ("kernel-IO-as-OI",),
        is_op("dense"),
        weights(kernel=lambda w: w["kernel"].T.contiguous().reshape(w["kernel"].shape)),
    ),
    "depthwise HWC buffer as CHW": Plant(
        ("kernel-HWC-as-CHW",), is_op("depthwise"), weights(kernel=other_buffer((2, 3, 0, 1)))
    ),
    "stem HWIO buffer as OIHW": Plant(
        ("kernel-HWIO-as-OIHW",), is_named("stem"), weights(kernel=other_buffer((2, 3, 1, 0)))
    ),
    "pointwise HWIO buffer as OIHW": Plant(
        ("kernel-HWIO-as-OIHW", "kernel-HWIO-as-HWOI"),
        lambda s: s.op == "convolution" and s.kernel == 1,
        weights(kernel=other_buffer((2, 3, 1, 0))),
    ),
    "bias missing": Plant(("bias-missing",), is_op("dense"), weights(bias=lambda w: w["bias"] * 0)),
    "bias doubled": Plant(("bias-doubled",), is_op("dense"), weights(bias=lambda w: w["bias"] * 2)),
    "hard swish": Plant(("activation: hard swish",), acts("swish"), setting(activation=fn.hardswish)),
    "relu": Plant(("activation: relu",), acts("swish", "relu6"), setting(activation=fn.relu)),
    "relu6 for swish": Plant(("activation: relu6",), acts("swish"), setting(activation=fn.relu6)),
    "swish for relu6": Plant(("activation: swish",), acts("relu6"), setting(activation=fn.silu)),
    "no activation": Plant(("activation: none",), acts("swish", "relu6", "sigmoid"), setting(activation=lambda x: x)),
    "gelu by sigmoid": Plant(
        ("activation: swish with sigmoid(1.702 x)",),
        acts("swish"),
        setting(activation=lambda x: x * torch.sigmoid(1.702 * x)),
    ),
    "swish by softsign": Plant(
        ("activation: swish by x / (1 + |x|)",),
        acts("swish"),
        setting(activation=lambda x: x * (fn.softsign(x) + 1) / 2),
    ),
    "hard sigmoid gate": Plant(("activation: hard sigmoid",), acts("sigmoid"), setting(activation=fn.hardsigmoid)),
    "hard sigmoid of Keras": Plant(
        ("activation: hard sigmoid of Keras",), acts("sigmoid"), setting(activation=hard_sigmoid_of_keras)
    ),
    "relu in squeeze-excite": Plant(("activation: relu",), is_named("reduce"), setting(activation=fn.relu)),
    "squeeze by maximum": Plant(("max-for-mean",), is_op("mean"), operation(lambda x: x.amax((2, 3)))),
    "squeeze by sum": Plant(("sum-for-mean",), is_op("mean"), operation(lambda x: x.sum((2, 3)))),
    "squeeze of the wrong width": Plant(
        ("se-width",),
        lambda s: s.name.endswith(".reduce") and s.in_shape[0] // 4 > s.shape[0],
        lambda layer: layer.weights.update(
            kernel=fn.pad(layer.weights["kernel"], (0, 0, 0, layer.step.in_shape[0] // 4 - layer.step.shape[0])),
            bias=fn.pad(layer.weights["bias"], (0, layer.step.in_shape[0] // 4 - layer.step.shape[0])),
        ),
    ),
    "gate not applied": Plant(("gate-skipped",), is_op("excite"), operation(lambda x, gate: x)),
    "gate applied twice": Plant(
        ("gate-twice",), is_op("excite"), operation(lambda x, gate: x * gate[:, :, None, None] ** 2)
    ),
    "skip missing": Plant(("skip-missing",), is_op("add"), operation(lambda x, skip: x)),
    "skip doubled": Plant(("skip-doubled",), is_op("add"), operation(lambda x, skip: x + skip + skip)),
    "drop connect": Plant(("residual-scaled",), is_op("add"), operation(lambda x, skip: x * 0.8 + skip)),
    "activation after the sum": Plant(("activation: relu",), is_op("add"), setting(activation=fn.relu)),
    "softmax missing": Plant(("softmax-missing",), is_op("softmax"), operation(lambda x: x)),
    "softmax twice": Plant(
        ("softmax-twice",), is_op("softmax"), operation(lambda x: torch.softmax(torch.softmax(x, -1), -1))
    ),
    "float16 weights": Plant(("float16 kernel",), has_kernel, rounded(half, "kernel")),
    "float16 operands": Plant(("float16 operands",), has_kernel, rounded(half, "kernel", "input")),
    "float16 results": Plant(("float16 result",), is_map, rounded(half, "result")),
    "float16 throughout": Plant(("float16 everywhere", "float16 arithmetic"), is_convolution, in_half),
    "float16 sums": Plant(("float16 everywhere", "float16 arithmetic"), is_op("depthwise"), summed_in_half),
    "bfloat16 weights": Plant(("bfloat16 kernel",), has_kernel, rounded(brain, "kernel")),
    "bfloat16 operands": Plant(("bfloat16 operands",), has_kernel, rounded(brain, "kernel", "input")),
    "bfloat16 results": Plant(("bfloat16 result",), is_map, rounded(brain, "result")),
    "bfloat16 results, cut": Plant(("bfloat16 toward zero result",), is_map, rounded(brain_cut, "result")),
    "tf32": Plant(("tf32 operands",), is_convolution, rounded(tf32, "kernel", "input")),
}
