"""The nodes of an ONNX graph of integers as real arithmetic: DequantizeLinear, operator, QuantizeLinear."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from refnet.export.onnx_integer_nodes import Graph, geometry, theirs
from refnet.reference.integers.network import Kernel, Operation

_OPERATORS: Final = {
    "add": "Add", "multiply": "Mul", "mean": "GlobalAveragePool", "average_pool": "GlobalAveragePool",
    "logistic": "Sigmoid", "softmax": "Softmax",
}  # fmt: skip
REAL = "real"  # ends the names of real numbers inside of the graph


class QDQ(Graph):
    """Real numbers of codes, an operator, codes again."""

    def operate(self, operation: Operation) -> None:
        """Append the nodes of one operation; the last makes the tensor of its name."""
        inputs, name = self.shaped(operation), self.name(operation.name)
        self.flat[name] = self.flat.get(inputs[0], False)
        if operation.kind == "swish":
            self.look_up(operation, inputs[0])
            return
        # Each reader has a DequantizeLinear of its own, as optimisers look for one before each operator.
        real = [
            self.dequantise(each, f"{name}/{place}", self.network.codes[read])
            for place, (each, read) in enumerate(zip(inputs, operation.inputs, strict=True))
        ]
        made = f"{name}/{REAL}"
        if operation.kernel is not None:
            self._sum(operation, operation.kernel, real[0], made)
        else:
            settings: dict[str, Any] = {"axis": -1} if operation.kind == "softmax" else {}
            self.append(_OPERATORS[operation.kind], tuple(real), made, **settings)
        self.quantise(self._limited(operation, made), name, self.network.codes[operation.name])

    def _limited(self, operation: Operation, made: str) -> str:
        if operation.limit == "none":
            return made
        if operation.limit == "relu":
            return self.append("Relu", (made,), f"{made}/relu")
        ends = (self.constant(f"relu6/{end}", np.array(end, np.float32)) for end in (0, 6))
        return self.append("Clip", (made, *ends), f"{made}/relu6")

    def _sum(self, operation: Operation, kernel: Kernel, x: str, made: str) -> None:
        name = operation.name
        of_x = self.network.codes[operation.inputs[0]].scale
        is_dense = operation.kind == "dense"
        weights = self._real(f"{name}/kernel", theirs(operation, kernel), kernel.scales, 1 if is_dense else 0)
        bias = self._real(f"{name}/bias", kernel.bias, kernel.scales * of_x, 0)
        if is_dense:
            self.append("Gemm", (x, weights, bias), made)
        else:
            self.append("Conv", (x, weights, bias), made, **geometry(operation, kernel))

    def _real(self, name: str, codes: np.ndarray, scales: np.ndarray, axis: int) -> str:
        """The real numbers of a constant, with a scale for each channel."""
        zero = self.constant(f"{name}/zero_point", np.zeros(len(scales), codes.dtype))
        inputs = (self.constant(f"{name}/codes", codes), self.constant(f"{name}/scale", scales), zero)
        return self.append("DequantizeLinear", inputs, name, axis=axis)
