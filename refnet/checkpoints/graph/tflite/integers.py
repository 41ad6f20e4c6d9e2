"""An int8 file of TensorFlow Lite as an integer network: its graph on a plan, its numbers as they are.

That the graph is an EfficientNet is found as for files of real numbers, by the same rules: from its twin, in which each
code is the real number that it stands for. Then the plan is walked once more, beside the file's own operators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.step import Step
from refnet.architecture.variants import Architecture
from refnet.checkpoints.graph.match import Found, match
from refnet.checkpoints.graph.tflite.build import graph
from refnet.checkpoints.graph.tflite.integer_tensors import as_real, codes_of, kernel_of, short
from refnet.checkpoints.readers.tflite.schema import FUSED
from refnet.checkpoints.readers.tflite.tflite_file import Model, Operator
from refnet.errors import CheckpointError, InputError
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.bounds import check_sums
from refnet.reference.integers.network import IntegerNetwork, Kind, Limit, Operation
from refnet.reference.integers.quantisation import Quantisation

WHOLE = ("int8", "uint8", "int16")
ENDS = ("QUANTIZE", "DEQUANTIZE")
SAME_CODES = ("RESHAPE", "SQUEEZE", "PAD", "PADV2")
KINDS: dict[str, Kind] = {
    "CONV_2D": "convolution", "DEPTHWISE_CONV_2D": "depthwise", "FULLY_CONNECTED": "dense", "ADD": "add",
    "MUL": "multiply", "MEAN": "mean", "AVERAGE_POOL_2D": "average_pool", "LOGISTIC": "logistic", "SOFTMAX": "softmax",
}  # fmt: skip
LIMITS: dict[str, Limit] = {"NONE": "none", "RELU": "relu", "RELU6": "relu6"}
OPERATORS: dict[str, tuple[str, ...]] = {
    "convolution": ("CONV_2D",),
    "depthwise": ("DEPTHWISE_CONV_2D",),
    "dense": ("FULLY_CONNECTED", "CONV_2D"),
    "mean": ("MEAN", "AVERAGE_POOL_2D"),
    "excite": ("MUL",),
    "add": ("ADD",),
    "softmax": ("SOFTMAX",),
}


class FoundIntegers(NamedTuple):
    """An integer network, and which of the file's tensors has the codes of each name."""

    network: IntegerNetwork
    tensors: Mapping[str, int]


def is_integers(model: Model) -> bool:
    """Whether a file's convolutions read whole numbers, and not only have them as weights.

    Examples
    --------
    >>> from refnet.checkpoints.readers.tflite import tflite_file
    >>> [is_integers(tflite_file.read(f"tests/data/{name}.tflite")) for name in ("integers/swish", "tflite/dynamic")]
    [True, False]
    """
    read = (each.inputs[0] for each in model.operators if each.kind == "CONV_2D" and each.inputs)
    return any(number >= 0 and model.tensors[number].dtype in WHOLE for number in read)


def find_integers(
    model: Model, *, candidates: Iterable[Architecture] | None = None, padding: str | None = None
) -> FoundIntegers:
    """Find the network that an int8 file computes, or refuse it at the first operator that departs from a plan.

    ``candidates`` are the architectures that it may be, by default all that were published; ``padding`` is the rule to
    take where two would do.

    Examples
    --------
    >>> from refnet.architecture.scaling import Coefficients
    >>> from refnet.architecture.variants import efficientnet
    >>> from refnet.checkpoints.readers.tflite import tflite_file
    >>> tiny = efficientnet(Coefficients(0.1, 0.3, 48), name="tiny", classes=7)
    >>> network, _ = find_integers(tflite_file.read("tests/data/integers/swish.tflite"), candidates=[tiny])
    >>> [(each.name, each.kind) for each in network.operations[:3]]
    [('stem.conv', 'convolution'), ('stem.sigmoid', 'logistic'), ('stem', 'multiply')]
    """
    return on_plan(model, match_real(model, candidates=candidates, padding=padding))


def match_real(model: Model, *, candidates: Iterable[Architecture] | None = None, padding: str | None = None) -> Found:
    """Find which network the twin of an int8 file is."""
    found = match(graph(as_real(model)), candidates=candidates, padding=padding)
    if found.size is None:
        raise CheckpointError("it takes pictures of any size; an integer network is of one")
    if found.normalise:
        raise CheckpointError("it changes pixels by itself, in codes; make it without that, its input normalised")
    return found


def on_plan(model: Model, found: Found) -> FoundIntegers:
    """Walk along the plan of the network that was found."""
    walk = _Walk(model, make_plan(found.architecture, found.size, padding=found.padding))
    return FoundIntegers(walk.network(), walk.tensors)


class _Walk:
    """Goes along a plan beside a file's operators; knows which tensor each name is."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.model = model
        self.plan = plan
        self.tensors: dict[str, int] = {}
        self.operations: list[Operation] = []
        self.codes: dict[str, Quantisation] = {}
        self.users: dict[int, list[Operator]] = {}
        for operator in model.operators:
            for number in dict.fromkeys(operator.inputs):
                self.users.setdefault(number, []).append(operator)

    def network(self) -> IntegerNetwork:
        given = self._entry()
        for step in self.plan:
            self._step(step)
        self._exit()
        return IntegerNetwork(self.plan, tuple(self.operations), self.codes, given)

    def _entry(self) -> Quantisation | None:
        """Begin at the picture; how it comes, where that is in other codes than the stem reads."""
        (picture,) = self.model.inputs
        given = None if self.model.tensors[picture].dtype == "float32" else codes_of(self.model, picture)
        users = self.users.get(picture, [])
        if len(users) == 1 and users[0].kind == "QUANTIZE":
            picture = users[0].outputs[0]
        self._name(names.INPUT, picture)
        return None if given is None or given == self.codes[names.INPUT] else self._unsigned(given, names.INPUT)

    def _exit(self) -> None:
        """Check that what the file answers is the plan's answer: its codes, or what these stand for."""
        last = self._past(self.tensors[self.plan.answer])
        users = self.users.get(last, [])
        if len(users) == 1 and users[0].kind in ENDS:
            last = users[0].outputs[0]
            if users[0].kind == "QUANTIZE":
                self._unsigned(codes_of(self.model, last), self.plan.answer)
        if last not in self.model.outputs:
            raise CheckpointError(f"its answer is not what {self.plan.answer} is here")

    def _unsigned(self, codes: Quantisation, name: str) -> Quantisation:
        """Check that other codes of a tensor are the same ones as uint8."""
        own = self.codes[name]
        if codes != Quantisation(own.scale, own.zero_point + 128, "uint8"):
            raise CheckpointError(f"QUANTIZE at {name} changes more than int8 to uint8; here scales stay as they are")
        return codes

    def _name(self, name: str, number: int) -> None:
        self.tensors[name] = number
        self.codes[name] = codes_of(self.model, number)
        if self.codes[name].dtype != "int8":
            raise CheckpointError(f"{short(self.model, number)!r} is of {self.codes[name].dtype}; want int8")

    def _past(self, number: int) -> int:
        """The tensor behind reshapes and padding, which change no code."""
        while True:
            users = [user for user in self.users.get(number, []) if user.kind != "SHAPE"]
            if len(users) != 1 or users[0].kind not in SAME_CODES:
                return number
            after = users[0].outputs[0]
            if codes_of(self.model, after) != codes_of(self.model, number):
                raise CheckpointError(f"{users[0].kind} at {short(self.model, after)!r} changes the scale of codes")
            number = after

    def _reader(self, inputs: list[int], kinds: tuple[str, ...], name: str) -> Operator:
        """The one operator of these kinds that reads these tensors."""
        made = {self._past(number) for number in self.tensors.values()}
        found = [
            each
            for each in self.users.get(inputs[0], [])
            if each.kind in kinds and made.intersection(each.inputs) == set(inputs)
        ]
        if len(found) != 1 or len(found[0].outputs) != 1:
            raise CheckpointError(
                f"{name} is to be {' or '.join(kinds)} of {short(self.model, inputs[0])!r}; there are {len(found)}"
            )
        return found[0]

    def _step(self, step: Step) -> None:
        if step.op not in OPERATORS:
            raise CheckpointError(f"{step.name} is a step of the kind {step.op}, which is none in integers yet")
        parts = {"swish": names.CONV, "sigmoid": names.CONV}
        name = names.part_name(step.name, parts[step.activation]) if step.activation in parts else step.name
        operator = self._append(step, name, step.inputs, OPERATORS[step.op])
        limit = LIMITS.get(operator.settings.get(FUSED, "NONE"))
        if limit is None or limit != (step.activation if step.activation not in parts else "none"):
            raise CheckpointError(f"{operator.kind} of {name} ends with {operator.settings.get(FUSED)}")
        if step.activation == "sigmoid":
            self._append(step, step.name, (name,), ("LOGISTIC",))
        elif step.activation == "swish":
            gate = names.part_name(step.name, names.SIGMOID)
            self._append(step, gate, (name,), ("LOGISTIC",))
            self._append(step, step.name, (name, gate), ("MUL",))

    def _append(self, step: Step, name: str, inputs: tuple[str, ...], kinds: tuple[str, ...]) -> Operator:
        """One operation, from tensors that have names already."""
        numbers = [self._past(self.tensors[each]) for each in inputs]
        operator = self._reader(numbers, kinds, name)
        self._name(name, operator.outputs[0])
        if operator.kind in ("LOGISTIC", "SOFTMAX") and self.codes[name] != SIGMOID:
            raise CheckpointError(f"{operator.kind} of {name} does not come out at a scale of 1/256 from -128 on")
        if operator.kind == "AVERAGE_POOL_2D" and self.codes[name] != self.codes[inputs[0]]:
            raise CheckpointError(f"AVERAGE_POOL_2D of {name} comes out at another scale than goes in")
        kind = KINDS[operator.kind]
        made = Operation(name, kind, inputs, limit=LIMITS.get(operator.settings.get(FUSED, "NONE"), "none"))
        if kind in ("convolution", "depthwise", "dense"):
            kernel = kernel_of(self.model, operator, step)
            try:
                check_sums(name, kernel.weights, kernel.bias, self.codes[inputs[0]])
            except InputError as error:
                raise CheckpointError(str(error)) from None
            made = replace(made, kernel=kernel, stride=step.stride, pads=step.pads)
        self.operations.append(made)
        return operator
