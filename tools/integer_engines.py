"""Engines of int8 that run here: what each makes of every tensor of a file, or of one operator cut out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime

from refnet.reference.integers.quantisation import Quantisation

ARENA = 256 << 20  # bytes for all tensors at once
Tensors = dict[int, np.ndarray]


def tflm(content: bytes, x: np.ndarray, numbers: Iterable[int]) -> Tensors:
    """The tensors of a whole file by TensorFlow Lite Micro."""
    preserve = runtime.InterpreterConfig.kPreserveAllTensors
    engine = runtime.Interpreter.from_bytes(content, arena_size=ARENA, intrepreter_config=preserve)
    engine.set_input(x, 0)
    engine.invoke()
    return {number: engine.GetTensor(number, 0)["tensor_data"] for number in numbers}


class Ready:
    """A file in LiteRT, ready to run: by default as LiteRT does, which is by XNNPACK; or by its reference kernels.

    If it is ``keeping``, tensors inside of it can be asked for.
    """

    def __init__(self, content: bytes, *, reference: bool = False, keeping: bool = False) -> None:
        kernels = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        self._engine = Interpreter(
            model_content=content,
            experimental_op_resolver_type=kernels,
            experimental_preserve_all_tensors=keeping,
            num_threads=1,
        )
        self._engine.allocate_tensors()

    def run(self, *inputs: np.ndarray) -> np.ndarray:
        """The answer."""
        engine = self._engine
        for detail, x in zip(engine.get_input_details(), inputs, strict=True):
            engine.set_tensor(detail["index"], x.reshape(detail["shape"]))
        engine.invoke()
        return engine.get_tensor(engine.get_output_details()[0]["index"])

    def tensors(self, numbers: Iterable[int]) -> Tensors:
        """Tensors of the last run."""
        return {number: self._engine.get_tensor(number) for number in numbers}


def xnnpack(content: bytes, *inputs: np.ndarray) -> np.ndarray:
    """The answer of a file by LiteRT's default path."""
    return Ready(content).run(*inputs)


def reference(content: bytes, *inputs: np.ndarray) -> np.ndarray:
    """The answer of a file by LiteRT's reference kernels."""
    return Ready(content, reference=True).run(*inputs)


def micro(content: bytes, *inputs: np.ndarray) -> np.ndarray:
    """The answer of a file by TensorFlow Lite Micro."""
    engine = runtime.Interpreter.from_bytes(content, arena_size=ARENA // 16)
    for place, x in enumerate(inputs):
        engine.set_input(x.reshape(engine.get_input_details(place)["shape"]), place)
    engine.invoke()
    return engine.get_output(0)


#: What runs a file whole, by the name of the set of policies that it is compared with.
RUNNERS = {"tflm": micro, "tflite": reference, "xnnpack": xnnpack}


class Operators:
    """The operators of a file, each of which can be cut out as a file of its own."""

    def __init__(self, content: bytes) -> None:
        self._model = schema.ModelT.InitFromPackedBuf(content, 0)
        (self._graph,) = self._model.subgraphs
        self._makes = {int(each.outputs[0]): each for each in self._graph.operators}

    def given(self, output: int) -> list[int]:
        """The numbers of the tensors that the operator is to be given that makes a tensor."""
        numbers = dict.fromkeys(int(number) for number in self._makes[output].inputs)
        return [number for number in numbers if number >= 0 and not self._is_constant(number)]

    def _is_constant(self, number: int) -> bool:
        data = self._model.buffers[self._graph.tensors[number].buffer].data
        return data is not None and len(data) > 0

    def weights(self, output: int) -> int:
        """The number of the weights of the operator that makes a tensor."""
        return int(self._makes[output].inputs[1])

    def cut(
        self, output: int, codes: Mapping[int, Quantisation | np.ndarray] | None = None, *, biased: bool = True
    ) -> bytes:
        """A file of the one operator that makes a tensor; unless it is ``biased``, its bias becomes 0.

        ``codes`` are other scales and zero points for some of its tensors, by number; of weights, one scale for each
        channel.
        """
        operator = copy(self._makes[output])
        inputs = [int(number) for number in operator.inputs]
        used = sorted({number for number in (*inputs, output) if number >= 0})
        new = {number: place for place, number in enumerate(used)} | {-1: -1}
        tensors = {number: copy(self._graph.tensors[number]) for number in used}
        model, graph = copy(self._model), copy(self._graph)
        model.buffers = [schema.BufferT(), *(self._model.buffers[tensor.buffer] for tensor in tensors.values())]
        for place, tensor in enumerate(tensors.values(), start=1):
            tensor.buffer, tensor.quantization = place, copy(tensor.quantization)
        for number, to in (codes or {}).items():
            one = isinstance(to, Quantisation)
            tensors[number].quantization.scale = [float(to.scale)] if one else to.tolist()
            tensors[number].quantization.zeroPoint = [to.zero_point] if one else [0] * len(to)
        if len(inputs) == 3 and inputs[2] >= 0:  # a bias is of the scale of the products
            x, kernel, bias = (tensors[number].quantization for number in inputs)
            bias.scale = [float(np.float32(each) * np.float32(x.scale[0])) for each in kernel.scale]
            if not biased:
                zeros = schema.BufferT()
                zeros.data = np.zeros_like(model.buffers[tensors[inputs[2]].buffer].data)
                model.buffers[tensors[inputs[2]].buffer] = zeros
        operator.inputs, operator.outputs = [new[number] for number in inputs], [new[output]]
        graph.tensors, graph.operators = list(tensors.values()), [operator]
        graph.inputs, graph.outputs = [new[number] for number in self.given(output)], [new[output]]
        model.subgraphs, model.metadata, model.signatureDefs = [graph], [], []
        return _packed(model)


def _packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1 << 14)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
