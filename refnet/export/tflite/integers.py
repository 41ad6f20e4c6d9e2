"""An integer network as a model of TensorFlow Lite: one operator for each operation, and what its tensors' ranks ask.

A picture is [1, H, W, C]. A vector is [1, 1, 1, C] for a convolution and for arithmetic with pictures, and [1, C] for
a dense layer and softmax; where it is not what the next operator wants, it is reshaped. Padding that is not
TensorFlow's SAME is an operator of its own, which fills up with the zero point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np

from refnet.architecture import names
from refnet.architecture.padding import NO_PADS, SAME, pads
from refnet.arrays import Array
from refnet.checkpoints.readers.tflite import schema
from refnet.checkpoints.readers.tflite.schema import FUSED
from refnet.checkpoints.readers.tflite.tflite_file import Model, Operator, Quantisation, Tensor
from refnet.errors import InputError
from refnet.reference.integers.network import IntegerNetwork, Kernel, Operation
from refnet.reference.integers.quantisation import Quantisation as Codes

Numbers = Literal["int8", "uint8", "float32"]
KINDS: Final = {
    "convolution": "CONV_2D", "depthwise": "DEPTHWISE_CONV_2D", "dense": "FULLY_CONNECTED", "add": "ADD",
    "multiply": "MUL", "mean": "MEAN", "average_pool": "AVERAGE_POOL_2D", "logistic": "LOGISTIC", "softmax": "SOFTMAX",
}  # fmt: skip
FLAT: Final = ("dense", "softmax")  # what wants a vector as [1, C]
EITHER: Final = ("logistic", "add", "multiply")  # what takes tensors as they are, all of one rank
FUSING: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "AVERAGE_POOL_2D")
SPREAD: Final = 128  # what a code of uint8 is above that of int8
# Our axes in the order of theirs, and along which of these scales lie.
WEIGHTS: Final[Mapping[str, tuple[tuple[int, ...], int]]] = {
    "convolution": ((3, 0, 1, 2), 0),
    "depthwise": ((0, 1, 2), 3),
    "dense": ((1, 0), 0),
}


def model_of(network: IntegerNetwork, *, numbers: Numbers | None = None) -> Model:
    """An integer network in TensorFlow Lite's operators.

    ``numbers`` are what a picture comes as and an answer goes as; by default codes as the network takes them. Its own
    tensors keep the names of operations.

    Examples
    --------
    >>> from refnet.architecture.scaling import Coefficients
    >>> from refnet.architecture.variants import efficientnet
    >>> from refnet.checkpoints.graph.tflite.integers import find_integers
    >>> from refnet.checkpoints.readers.tflite import tflite_file
    >>> tiny = efficientnet(Coefficients(0.1, 0.3, 48), name="tiny", classes=7)
    >>> network, _ = find_integers(tflite_file.read("tests/data/integers/swish.tflite"), candidates=[tiny])
    >>> [(each.kind, each.settings.get("padding")) for each in model_of(network).operators[:3]]
    [('CONV_2D', 0), ('LOGISTIC', None), ('MUL', None)]
    """
    return _Graph(network, numbers or ("int8" if network.given is None else "uint8")).model()


class _Graph:
    """Tensors and operators as they are appended."""

    def __init__(self, network: IntegerNetwork, numbers: Numbers) -> None:
        self.network = network
        self.numbers = numbers
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.made: dict[tuple[str, int], int] = {}  # by name and rank

    def model(self) -> Model:
        plan = self.network.plan
        picture = self._entry((1, *plan.steps[0].in_shape))
        for operation in self.network.operations:
            self._operation(operation)
        answer = self._exit(self.network.operations[-1].name)
        return Model(tuple(self.tensors), tuple(self.operators), (picture,), (answer,))

    def _entry(self, shape: tuple[int, ...]) -> int:
        codes = self.network.codes[names.INPUT]
        if self.numbers == "int8":
            picture = self.made[names.INPUT, 4] = self._tensor(names.INPUT, shape, codes)
            return picture
        picture = self._outside(f"{names.INPUT}.{self.numbers}", shape, codes)
        self.made[names.INPUT, 4] = self._append("QUANTIZE", [picture], names.INPUT, shape, codes)
        return picture

    def _exit(self, name: str) -> int:
        last = self._of_rank(name, 2)
        if self.numbers == "int8":
            return last
        answer = self._outside(f"{name}.{self.numbers}", self.tensors[last].shape, self.network.codes[name])
        kind = "DEQUANTIZE" if self.numbers == "float32" else "QUANTIZE"
        self.operators.append(Operator(kind, (last,), (answer,)))
        return answer

    def _outside(self, name: str, shape: tuple[int, ...], codes: Codes) -> int:
        """A tensor that is seen from outside, in other numbers than int8."""
        as_unsigned = Codes(codes.scale, codes.zero_point + SPREAD, "uint8")
        return self._tensor(name, shape, None if self.numbers == "float32" else as_unsigned)

    def _operation(self, operation: Operation) -> None:
        if operation.kind not in KINDS:
            raise InputError(
                f"{operation.name}: TensorFlow Lite has no operator for {operation.kind} by a table; quantise the "
                "network with --swish split"
            )
        name, kind = operation.name, KINDS[operation.kind]
        inputs = [self._of_rank(each, self._wanted(operation)) for each in operation.inputs]
        settings: dict[str, Any] = {FUSED: operation.limit.upper()} if kind in FUSING else {}
        if operation.limit != "none" and kind not in FUSING:
            raise InputError(f"{name}: {kind} of TensorFlow Lite ends with no {operation.limit}")
        if operation.kernel is not None:
            inputs += self._kernel(operation, operation.kernel)
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            inputs[0], settings["padding"] = self._padded(operation, inputs[0])
            settings |= {"stride_w": operation.stride, "stride_h": operation.stride}
            settings |= {"depth_multiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}
        height, width = self.tensors[inputs[0]].shape[1:3] if len(self.tensors[inputs[0]].shape) == 4 else (1, 1)
        if kind == "AVERAGE_POOL_2D":
            settings |= {"filter_width": width, "filter_height": height, "padding": schema.VALID}
            settings |= {"stride_w": width, "stride_h": height}
        if kind == "SOFTMAX":
            settings["beta"] = 1.0
        rank = self._rank(operation, inputs)
        if kind == "MEAN":
            inputs.append(self._constant(f"{name}/axes", np.array([1, 2], np.int32)))
            settings["keep_dims"] = int(rank == 4)
        shape = self._shape(name, rank)
        self.made[name, rank] = self._append(kind, inputs, name, shape, self.network.codes[name], settings)

    def _wanted(self, operation: Operation) -> int:
        """The rank in which an operation reads its tensors."""
        if operation.kind in EITHER:
            return max(next(rank for made, rank in self.made if made == name) for name in operation.inputs)
        return 2 if operation.kind in FLAT else 4

    def _rank(self, operation: Operation, inputs: list[int]) -> int:
        """The rank in which an operation gives what it makes; a mean may choose, and gives what is read first."""
        if operation.kind != "mean":
            return len(self.tensors[inputs[0]].shape)
        readers = [each for each in self.network.operations if operation.name in each.inputs]
        return 4 if readers and readers[0].kind not in FLAT else 2

    def _shape(self, name: str, rank: int) -> tuple[int, ...]:
        """The shape of a tensor; a part of a step has the step's."""
        shapes = self.network.plan.shapes
        shape = shapes[name] if name in shapes else shapes[name.rpartition(".")[0]]
        return (1, *shape) if len(shape) == rank - 1 else (1, 1, 1, *shape)

    def _of_rank(self, name: str, rank: int) -> int:
        """A tensor in a rank, reshaped if it is there in another alone."""
        if (name, rank) not in self.made:
            number = next(number for (made, _), number in self.made.items() if made == name)
            shape = self._shape(name, rank)
            target = self._constant(f"{name}/shape{rank}", np.array(shape, np.int32))
            self.made[name, rank] = self._append(
                "RESHAPE", [number, target], f"{name}/rank{rank}", shape, self.network.codes[name], {"new_shape": shape}
            )
        return self.made[name, rank]

    def _padded(self, operation: Operation, number: int) -> tuple[int, int]:
        """What a convolution reads, and its setting of padding."""
        _, height, width, channels = self.tensors[number].shape
        around, side = operation.pads, self._side(operation)
        if around == NO_PADS:
            return number, schema.VALID
        if around == pads(SAME, height, width, side, operation.stride):
            return number, schema.SAME
        table = np.array([(0, 0), around[:2], around[2:], (0, 0)], np.int32)
        shape = (1, height + around.top + around.bottom, width + around.left + around.right, channels)
        inputs = [number, self._constant(f"{operation.name}/pads", table)]
        codes = self.network.codes[operation.inputs[0]]
        return self._append("PAD", inputs, f"{operation.name}/padded", shape, codes), schema.VALID

    @staticmethod
    def _side(operation: Operation) -> int:
        assert operation.kernel is not None
        return operation.kernel.weights.shape[0] if operation.kernel.weights.ndim > 2 else 1

    def _kernel(self, operation: Operation, kernel: Kernel) -> list[int]:
        """Constants of a sum of products: weights with a scale for each channel, and the bias."""
        order, axis = WEIGHTS[operation.kind]
        weights = kernel.weights
        if operation.kind == "convolution" and weights.ndim == 2:
            weights = weights[None, None]
        weights = weights.transpose(order)
        if operation.kind == "depthwise":
            weights = weights[None]
        of_sums = kernel.scales * self.network.codes[operation.inputs[0]].scale
        return [
            self._constant(f"{operation.name}/kernel", weights, kernel.scales, axis),
            self._constant(f"{operation.name}/bias", kernel.bias, of_sums, 0),
        ]

    def _append(
        self, kind: str, inputs: list[int], name: str, shape: tuple[int, ...], codes: Codes,
        settings: Mapping[str, Any] | None = None,
    ) -> int:  # fmt: skip
        """One operator; the tensor it makes."""
        output = self._tensor(name, shape, codes)
        self.operators.append(Operator(kind, tuple(inputs), (output,), settings or {}))
        return output

    def _tensor(self, name: str, shape: tuple[int, ...], codes: Codes | None) -> int:
        if codes is None:
            return self._add(Tensor(name, "float32", shape))
        stated = Quantisation(np.array([codes.scale]), np.array([codes.zero_point]), 0)
        return self._add(Tensor(name, codes.dtype, shape, quantisation=stated))

    def _constant(self, name: str, value: Array, scales: Array | None = None, axis: int = 0) -> int:
        stated = None if scales is None else Quantisation(scales, np.zeros(len(scales), np.int64), axis)
        return self._add(Tensor(name, value.dtype.name, value.shape, value, stated))

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1
