"""The numbers of a graph's nodes under our keys."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.arrays import Array
from refnet.checkpoints.graph.graph import Node
from refnet.checkpoints.graph.vectors import kernel_channels
from refnet.checkpoints.graph.walk import refusal

_NEUTRAL = {"gamma": 1.0, "beta": 0.0}


class Numbers:
    """Tensors by our keys, where they come from, and what is worth telling about them."""

    def __init__(self) -> None:
        self.tensors: dict[str, npt.NDArray[np.float32]] = {}
        self.sources: dict[str, str] = {}
        self.told: list[str] = []

    def layer(self, step: str, node: Node, *, bias: bool) -> None:
        """Keep a kernel, and the bias if the step has one; one that is left out is 0."""
        kernel = node.tensors["kernel"]
        if bias and kernel.ndim == 4 and kernel.shape[:2] == (1, 1) and self._is_dense(step):
            kernel = kernel[0, 0]
        self._keep(step, "kernel", node, kernel)
        stated = node.tensors.get("bias")
        if bias:
            zeros = np.zeros(kernel_channels(node), np.float32)
            self._keep(step, "bias", node, zeros if stated is None else stated)
        elif stated is not None and stated.any():
            raise refusal(node, "has a bias and a batch norm", f"{step} has no bias before its batch norm")

    @staticmethod
    def _is_dense(step: str) -> bool:
        last = step.rpartition(".")[2]
        return last in (names.REDUCE, names.GATE, names.LOGITS) or step.startswith("top.")

    def batch_norm(self, step: str, norm: Node) -> None:
        """Keep the four tensors of a batch norm; without a scale it is 1, without a shift 0."""
        for leaf in names.BN_LEAVES:
            array = norm.tensors.get(leaf)
            if array is None and leaf in _NEUTRAL:
                array = np.full(norm.tensors["mean"].shape, _NEUTRAL[leaf], np.float32)
            if array is None:
                raise refusal(norm, f"has no {leaf}")
            self._keep(step, f"bn/{leaf}", norm, array)

    def of_top(self, step: str, node: Node) -> None:
        """Keep what a step of the top has."""
        if node.op == "gem":
            self._keep(step, "p", node, node.tensors["p"].reshape(1))
        elif node.op == "batch_norm":
            self.batch_norm(step, node)
        elif node.op != "activation":
            self.layer(step, node, bias=True)

    def _keep(self, step: str, leaf: str, node: Node, array: Array) -> None:
        key = names.weight_key(step, leaf)
        with np.errstate(all="ignore"):
            narrow = np.ascontiguousarray(array, np.float32)
        if array.dtype != np.float32 and not np.array_equal(narrow, array, equal_nan=True):
            raise refusal(node, f"has {leaf.rpartition('/')[2]} in {array.dtype}", "a weight file holds float32")
        self.tensors[key] = narrow
        self.sources[key] = node.sources.get(leaf.rpartition("/")[2], f"{node.name}:{leaf.rpartition('/')[2]}")
