"""TensorFlow Lite files changed by the schema's own code, and run by Google's interpreter."""

from collections.abc import Callable
from copy import copy

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

OPERATORS = schema.BuiltinOperator


class File:
    """A file as the schema's objects, which may be changed."""

    def __init__(self, data: bytes) -> None:
        self.model = schema.ModelT.InitFromPackedBuf(data, 0)
        self.graph = self.model.subgraphs[0]

    def packed(self) -> bytes:
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def kind(self, operator: schema.OperatorT) -> int:
        code = self.model.operatorCodes[operator.opcodeIndex]
        return max(code.deprecatedBuiltinCode, code.builtinCode)

    def of_kind(self, *kinds: int) -> list[schema.OperatorT]:
        return [operator for operator in self.graph.operators if self.kind(operator) in kinds]

    def code(self, kind: int) -> int:
        """Number of an operator code, a new one if need be."""
        made = schema.OperatorCodeT()
        made.builtinCode, made.deprecatedBuiltinCode, made.version = kind, min(kind, 127), 1
        self.model.operatorCodes.append(made)
        return len(self.model.operatorCodes) - 1

    def become(self, operator: schema.OperatorT, kind: int, options: object = None) -> None:
        operator.opcodeIndex = self.code(kind)
        operator.builtinOptions = options
        operator.builtinOptionsType = _type_of(options)

    def constant(self, value: np.ndarray) -> int:
        """Add a constant; its number."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return self.tensor(value.shape, {"f4": 0, "i4": 2}[value.dtype.str[1:]], len(self.model.buffers) - 1)

    def tensor(self, shape: tuple[int, ...], kind: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, buffer
        tensor.name = f"added_{len(self.graph.tensors)}"
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def value(self, number: int, dtype: str = "<f4") -> np.ndarray:
        tensor = self.graph.tensors[number]
        data = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8)
        return np.frombuffer(data.tobytes(), dtype).reshape(tensor.shape)

    def operator(self, kind: int, options: object, inputs: list[int], like: int) -> schema.OperatorT:
        """Make an operator with an output like a tensor that is there."""
        made = schema.OperatorT()
        self.become(made, kind, options)
        stated = self.graph.tensors[like]
        output = self.tensor(tuple(stated.shape), stated.type, 0)
        self.graph.tensors[output].shapeSignature = copy(stated.shapeSignature)
        made.inputs, made.outputs = inputs, [output]
        return made

    def insert(self, after: int, kind: int, options: object = None, *constants: np.ndarray) -> None:
        """Put an operator behind the one with this number; all that read its output read the new one's."""
        operators = self.graph.operators
        before = operators[after].outputs[0]
        made = self.operator(kind, options, [before, *(self.constant(value) for value in constants)], like=before)
        (output,) = made.outputs
        for operator in operators[after + 1 :]:
            operator.inputs = [output if number == before else number for number in operator.inputs]
        self.graph.outputs = [output if number == before else number for number in self.graph.outputs]
        operators.insert(after + 1, made)


def _type_of(options: object) -> int:
    return 0 if options is None else getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))


def changed(data: bytes, change: Callable[[File], object]) -> bytes:
    file = File(data)
    change(file)
    return file.packed()


def interpreted(data: bytes, pixels: np.ndarray) -> np.ndarray | None:
    """What the interpreter makes of pixels, by its plain kernels; None if it cannot run the file."""
    try:
        interpreter = Interpreter(
            model_content=data,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        (entry,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(entry["index"], pixels.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], pixels.astype(np.float32))
        interpreter.invoke()
    except (RuntimeError, ValueError):
        return None
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def first_operators(data: bytes, count: int) -> bytes:
    """A file of the first operators alone, with what they need."""
    file = File(data)
    del file.graph.operators[count:]
    file.graph.outputs = list(file.graph.operators[-1].outputs)
    used = sorted({int(n) for each in file.graph.operators for n in (*each.inputs, *each.outputs)})
    new = {number: place for place, number in enumerate(used)}
    tensors = [file.graph.tensors[number] for number in used]
    file.graph.tensors = tensors
    buffers = [file.model.buffers[0], *(file.model.buffers[tensor.buffer] for tensor in tensors)]
    file.model.buffers, file.model.metadata, file.model.signatureDefs = buffers, [], []
    for place, tensor in enumerate(tensors, start=1):
        tensor.buffer = place
    for part in (file.graph, *file.graph.operators):
        part.inputs, part.outputs = ([new[int(n)] for n in numbers] for numbers in (part.inputs, part.outputs))
    return file.packed()
