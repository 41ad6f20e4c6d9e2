"""Every operation of the definition under one roof, for those who want several of them."""

from refnet.reference.activation import ACTIVATIONS, relu, relu6, sigmoid, swish, tanh
from refnet.reference.batch_norm import batch_norm
from refnet.reference.convolution import convolution, dense, depthwise
from refnet.reference.elementary import exp, fma, log
from refnet.reference.elementwise import add, bias, concatenate, divide, excite, identity
from refnet.reference.pooling import gem, max, mean
from refnet.reference.softmax import log_softmax, softmax, top_k

__all__ = [
    "ACTIVATIONS",
    "add",
    "batch_norm",
    "bias",
    "concatenate",
    "convolution",
    "dense",
    "depthwise",
    "divide",
    "excite",
    "exp",
    "fma",
    "gem",
    "identity",
    "log",
    "log_softmax",
    "max",
    "mean",
    "relu",
    "relu6",
    "sigmoid",
    "softmax",
    "swish",
    "tanh",
    "top_k",
]
