"""The definition: every operation of the network in array code, one screen each, slow and exact.

Arrays are NHWC: x is [N, H, W, C]. Each output element is one chain of IEEE-754 operations in the order written here;
NumPy spreads a chain's step over all output elements, which changes nothing. No operation reduces with a library call.
"""

from refnet.ops.activation import ACTIVATIONS, relu6, sigmoid, swish
from refnet.ops.batch_norm import batch_norm, bias
from refnet.ops.convolution import convolution, dense, depthwise
from refnet.ops.elementary import exp, fma
from refnet.ops.pooling import add, excite, mean
from refnet.ops.softmax import softmax, top_k

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
