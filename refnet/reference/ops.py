"""Every operation of the definition under one roof, for those who want several of them."""

from refnet.reference.activation import ACTIVATIONS, relu6, sigmoid, swish
from refnet.reference.batch_norm import batch_norm
from refnet.reference.convolution import convolution, dense, depthwise
from refnet.reference.elementary import exp, fma
from refnet.reference.elementwise import add, bias, excite
from refnet.reference.pooling import mean
from refnet.reference.softmax import softmax, top_k

__all__ = [
    "ACTIVATIONS",
    "add",
    "batch_norm",
    "bias",
    "convolution",
    "dense",
    "depthwise",
    "excite",
    "exp",
    "fma",
    "mean",
    "relu6",
    "sigmoid",
    "softmax",
    "swish",
    "top_k",
]
