"""Packed weights of an integer network: kernels in the order in which tiles read them, and the numbers beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.engine.integers import numbers
from refnet.engine.integers.sweeps import gates_of, is_swish, shapes_of
from refnet.engine.layout import as_picture, blocks_of
from refnet.engine.packed import aligned_empty
from refnet.kernels.integers.machine import dot, integer_tiles, is_signed
from refnet.kernels.integers.rows import VECTOR, windows
from refnet.kernels.machine import LANES
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.network import IntegerNetwork, Operation

FOUR = 4  # products in a sum of bytes


@dataclass(frozen=True)
class Packed:
    """Where the weights of an operation lie; ``steps`` are sums of four products, of a depthwise kernel all vectors."""

    weights: int
    parameters: int
    policy: int
    steps: int


class PackedNetwork:
    """All kernels and numbers in one flat array of bytes.

    ``operations`` says where those of each operation lie, by its name; a product that is a swish has a table besides,
    in ``tables``.
    """

    def __init__(self, network: IntegerNetwork, engine: Engine) -> None:
        self.network = network
        self.shapes = shapes_of(network)
        self.operations: dict[str, Packed] = {}
        self.tables: dict[str, Packed] = {}
        self._pieces: list[Array] = []
        self._size = 0
        self._entries: dict[str, Array] = {}  # of tables
        gates = gates_of(network)
        for operation in network.operations:
            self.operations[operation.name] = self._pack(operation, engine)
            if is_swish(operation, gates):
                x, gate = operation.inputs
                of, between, to = (network.codes[name] for name in (x, gate, operation.name))
                entries = numbers.of_swish(operation, self._entries[gate], of, between, to, engine)
                self.tables[operation.name] = Packed(0, self._place(entries), 0, 0)
        self.flat = aligned_empty(self._size, np.dtype(np.uint8))
        at = 0
        for piece in self._pieces:
            self.flat[at : at + piece.size] = piece
            at += piece.size
        self._pieces.clear()

    def _pack(self, operation: Operation, engine: Engine) -> Packed:
        codes = self.network.codes
        of, to = [codes[name] for name in operation.inputs], codes[operation.name]
        shape: Shape = self.shapes[operation.inputs[0]]
        height, width, channels = as_picture(shape)
        weights, steps, policy = 0, 0, numbers.policy_code(operation, engine)
        match operation.kind:
            case "convolution" | "depthwise" | "dense":
                kernel, steps = pack_kernel(operation)
                weights = self._place(kernel)
                zero = of[0].zero_point + (0 if is_signed(dot()) else numbers.OFFSET)
                found, policy = numbers.of_sums(operation, of[0], to, engine, zero)
            case "add":
                found = numbers.of_addition(operation, of, to, engine)
            case "multiply":
                found = numbers.of_product(operation, of, to, engine)
            case "mean" | "average_pool":
                found = numbers.of_mean(operation, of[0], to, engine, height * width)
            case "logistic" | "swish":
                found = self._entries[operation.name] = numbers.of_table(operation, of[0], to, engine)
            case "softmax":
                found = numbers.of_softmax(operation, of[0], to, engine, channels)
        return Packed(weights, self._place(found), policy, steps)

    def _place(self, piece: Array) -> int:
        """Put numbers behind those that are there, up to whole vectors; return their offset."""
        at = self._size
        values = np.ascontiguousarray(piece).view(np.uint8).ravel()
        whole = np.zeros(-(-values.size // VECTOR) * VECTOR, np.uint8)
        whole[: values.size] = values
        self._pieces.append(whole)
        self._size += whole.size
        return at


def pack_kernel(operation: Operation) -> tuple[Array, int]:
    """The kernel of an operation as its tiles read it, and its steps."""
    assert operation.kernel is not None
    weights = operation.kernel.weights
    if operation.kind == "depthwise":
        packed = pack_depthwise(weights, operation.stride)
        return packed, packed.shape[1]
    R, S, C, K = weights.shape if weights.ndim == 4 else (1, 1, *weights.shape)
    steps = -(-S * C // FOUR)
    groups = np.zeros((R, steps * FOUR, K), np.int8)
    groups[:, : S * C] = weights.reshape(R, S * C, K)
    return pack_sums(groups.reshape(-1, K), integer_tiles().blocks), steps


def pack_sums(kernel: Array, panel_blocks: int) -> Array:
    """[taps, K] → panels of ``panel_blocks`` blocks of output channels, each [taps / 4][block][16][4], flat.

    Examples
    --------
    >>> pack_sums(np.ones((8, 40), np.int8), 2).shape
    (384,)
    """
    taps, K = kernel.shape
    blocks = blocks_of(K)
    whole = np.zeros((taps, blocks * LANES), np.int8)
    whole[:, :K] = kernel
    lanes = whole.reshape(taps // FOUR, FOUR, blocks, LANES).transpose(2, 0, 3, 1)  # [block][step][16][4]
    panels = (lanes[first : first + panel_blocks] for first in range(0, blocks, panel_blocks))
    return np.concatenate([panel.transpose(1, 0, 2, 3).ravel() for panel in panels])


def pack_depthwise(kernel: Array, stride: int) -> Array:
    """[R, S, C] → [C / 16][vector][16][4]: of each row of the kernel a vector for each offset of its windows.

    Examples
    --------
    >>> packed = pack_depthwise(np.arange(1, 10, dtype=np.int8).reshape(3, 3, 1), 1)
    >>> packed.shape, packed[0, 1, 0]
    ((1, 6, 16, 4), array([0, 1, 2, 3], dtype=int8))
    """
    R, S, C = kernel.shape
    offsets = windows(S, stride).offsets
    blocks = blocks_of(C)
    packed = np.zeros((R, len(offsets), blocks * LANES, FOUR), np.int8)
    for v, offset in enumerate(offsets):
        for place in range(FOUR):
            if 0 <= place - offset < S:
                packed[:, v, :C, place] = kernel[:, place - offset]
    return packed.reshape(R * len(offsets), blocks, LANES, FOUR).transpose(1, 0, 2, 3)
