"""Constants that have one number for each channel."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.graph.graph import Node


def kernel_channels(node: Node) -> int:
    """Channels that a convolution or dense layer makes."""
    return int(node.tensors["kernel"].shape[-1])


def vector(constant: Array | None, channels: int) -> Array | None:
    """One number for each channel, from those or a single one; None of anything else."""
    if constant is None or constant.size not in (1, channels) or constant.shape[-1:] not in ((), (1,), (channels,)):
        return None
    return np.broadcast_to(constant.reshape(-1), (channels,)).copy()
