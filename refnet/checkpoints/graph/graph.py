"""A file's program in one vocabulary, whichever framework wrote it: nodes, and what each does.

Front ends (of Keras configurations, ONNX and TensorFlow Lite graphs) make it, ``match`` compares it with a plan.
Nothing is run. Arrays are in our axes: pictures NHWC, kernels HWIO, depthwise kernels HWC, dense kernels CK. Whoever
calls a node ``neutral`` has made sure of it; what is not sure is ``foreign``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from refnet.arrays import Array

NodeOp = Literal[
    "input",  # shape=(H, W, C), None where any
    "convolution",  # kernel [bias]; stride=(y, x), pads=Pads or "same", dilation=(y, x), groups
    "depthwise",  # kernel [bias]; the same settings
    "dense",  # kernel [bias]
    "batch_norm",  # mean variance [gamma] [beta]; eps
    "activation",  # function="swish", "relu6", "relu", "sigmoid", "tanh", or the file's own name of any other
    "softmax",  # over the last axis, as is log_softmax
    "log_softmax",
    "mean",  # over height and width, with those axes kept or not
    "max",
    "gem",  # p; eps
    "add",  # of two inputs, or of one and a constant
    "multiply",
    "subtract",  # of the second input, or of a constant, from the first
    "divide",  # by a constant
    "power",  # exponent
    "clip",  # low, high; None where there is none
    "concatenate",  # over the last axis
    "pad",  # pads=Pads, of zeros
    "neutral",  # changes no number: dropout, identity, reshape of what has one pixel, transposition of axes, casts
    "foreign",  # anything else; reason="…", where there is more to say than its kind
]


@dataclass(frozen=True)
class Node:
    """One layer or operation.

    Attributes
    ----------
    name
        What the file calls it; unique in its graph. Other nodes name it as their input.
    kind
        The file's word for what it does, ``Conv2D``: for messages.
    op
        What it does.
    inputs
        Names of nodes, in order.
    settings
        Of the operation, as ``NodeOp`` lists them.
    tensors
        By the words that ``NodeOp`` lists; ``constant``, a number or one for each channel, for arithmetic with one.
    sources
        Name in the file of each of ``tensors``, where it has one.
    """

    name: str
    kind: str
    op: NodeOp
    inputs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Array] = field(default_factory=dict, repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Graph:
    """Nodes by name, each after its inputs, and the names of those whose values are the file's answers."""

    nodes: Mapping[str, Node]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """What a file computes.

    Attributes
    ----------
    graph
        Its nodes.
    publisher
        Whose conventions hold for what a graph does not say: how pictures are read. None where tensors' names, or the
        caller, must tell.
    told
        What the file has besides, and why it changes no answer; one line each.
    """

    graph: Graph
    publisher: str | None
    told: tuple[str, ...] = ()
