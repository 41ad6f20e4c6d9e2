"""A port of the network to PyTorch, as a stranger would write it, with mistakes that can be planted in one step.

It shares the plan and the weights with refnet and nothing else. Tensors are NCHW inside, NHWC where they are captured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as fn

from refnet.architecture.plan import Plan
from refnet.architecture.step import Step

Tensor = torch.Tensor
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "swish": fn.silu,
    "relu6": fn.relu6,
    "sigmoid": torch.sigmoid,
    "relu": fn.relu,
    "tanh": torch.tanh,
}


@dataclass
class Layer:
    """One step, ready to be run or spoilt."""

    step: Step
    inputs: list[Tensor]
    weights: dict[str, Tensor]
    eps: float
    pads: tuple[int, int, int, int]  # left, right, top, bottom, as fn.pad takes them
    activation: Callable[[Tensor], Tensor]
    pad_mode: str = "constant"
    convolve: Callable[..., Tensor] = fn.conv2d
    norm: bool = True
    train: bool = False
    operate: Callable[..., Tensor] | None = None
    after: Callable[[Tensor], Tensor] = lambda x: x

    def run(self) -> Tensor:
        op = self.operate or getattr(self, self.step.op)
        return self.after(self.activation(op(*self.inputs)))

    def convolution(self, x: Tensor, groups: int = 1) -> Tensor:
        w = self.weights
        padded = fn.pad(x, self.pads, self.pad_mode)
        y = self.convolve(padded, w["kernel"], stride=self.step.stride, groups=groups)
        if not self.step.normalized:
            return y + w["bias"][:, None, None]
        return self.normalised(y) if self.norm else y

    def normalised(self, y: Tensor) -> Tensor:
        w = self.weights
        mean, variance = (None, None) if self.train else (w["bn/mean"], w["bn/variance"])
        return fn.batch_norm(y, mean, variance, w["bn/gamma"], w["bn/beta"], training=self.train, eps=self.eps)

    def depthwise(self, x: Tensor) -> Tensor:
        return self.convolution(x, groups=x.shape[1])

    def dense(self, x: Tensor) -> Tensor:
        return fn.linear(x, self.weights["kernel"], self.weights["bias"])

    def mean(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def excite(self, x: Tensor, gate: Tensor) -> Tensor:
        return x * gate[:, :, None, None]

    def add(self, x: Tensor, skip: Tensor) -> Tensor:
        return x + skip

    def softmax(self, x: Tensor) -> Tensor:
        return torch.softmax(x, -1)

    def log_softmax(self, x: Tensor) -> Tensor:
        return torch.log_softmax(x, -1)

    def max(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))

    def gem(self, x: Tensor) -> Tensor:
        p = self.weights["p"]
        return x.clamp(min=1e-6).pow(p).mean((2, 3)).pow(1 / p)

    def concatenate(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([x, y], 1)

    def batch_norm(self, x: Tensor) -> Tensor:
        return self.normalised(x) if self.norm else x

    def identity(self, x: Tensor) -> Tensor:
        return x

    def divide(self, x: Tensor) -> Tensor:
        return x / self.step.divisor


def own_axes(key: str, array: np.ndarray[Any, Any]) -> Tensor:
    """Kernels as PyTorch wants them: OIHW, C1HW, (K, C)."""
    order = {4: (3, 2, 0, 1), 3: (2, 0, 1), 2: (1, 0), 1: (0,)}[array.ndim]
    turned = torch.from_numpy(np.array(array.transpose(order)))
    return turned[:, None] if array.ndim == 3 else turned


def leaves(step: Step, tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    prefix = step.name.replace(".", "/") + "/"
    return {w.key.removeprefix(prefix): own_axes(w.key, tensors[w.key]) for w in step.weights}


def layer(step: Step, inputs: list[Tensor], tensors: Mapping[str, np.ndarray[Any, Any]], eps: float) -> Layer:
    top, bottom, left, right = step.pads
    activation = ACTIVATIONS[step.activation]
    return Layer(step, inputs, leaves(step, tensors), step.bn_eps(eps), (left, right, top, bottom), activation)


def captured(x: Tensor) -> np.ndarray[Any, Any]:
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).contiguous().numpy()


def given(x: np.ndarray[Any, Any]) -> Tensor:
    tensor = torch.from_numpy(np.array(x))
    return tensor.permute(0, 3, 1, 2).contiguous() if tensor.ndim == 4 else tensor


def run(
    plan: Plan,
    tensors: Mapping[str, np.ndarray[Any, Any]],
    eps: float,
    x: np.ndarray[Any, Any],
    planted: tuple[Callable[[Layer], None], str] | None = None,
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Run on x [N, H, W, 3]; yield the name and value of every step. A mistake spoils the step of that name."""
    values = {"input": given(x)}
    with torch.no_grad():
        for step in plan:
            one = layer(step, [values[name] for name in step.inputs], tensors, eps)
            if planted is not None and planted[1] == step.name:
                planted[0](one)
            values[step.name] = one.run()
            yield step.name, captured(values[step.name])
