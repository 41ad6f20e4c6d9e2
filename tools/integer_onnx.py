"""refnet's integers beside those of ONNX Runtime: every tensor of a graph that ``refnet export`` wrote."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import lru_cache

import numpy as np
import onnx
import onnxruntime as ort
from integer_comparison import Counts, drawn_case
from onnx import TensorProto, helper, numpy_helper

from refnet.checkpoints.graph.tflite.integers import FoundIntegers
from refnet.export.onnx import IR_VERSION, OPSET
from refnet.export.onnx_integer_nodes import MICROSOFT, QLinear
from refnet.export.onnx_integers import model_of as onnx_of
from refnet.preprocessing.recipe import LITE
from refnet.reference.integers.engine import engine
from refnet.reference.integers.evaluate import evaluate, evaluate_operation
from refnet.reference.integers.network import IntegerNetwork
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weights import Provenance

LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def graph_of(net: IntegerNetwork, form: str) -> bytes:
    """The file that ``refnet export`` writes."""
    weights = QuantisedWeights(net, engine("onnxruntime"), LITE, None, Provenance(publisher=""))
    return bytes(onnx_of(weights, form).SerializeToString(deterministic=True))


def run(
    content: bytes, x: np.ndarray, level: str = "disabled", wanted: tuple[str, ...] | None = None
) -> dict[str, np.ndarray]:
    """The answer of a file, or the codes of more of its tensors, of a picture [1, H, W, C]."""
    session = _session(content, level, wanted)
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, {"input": np.ascontiguousarray(x.transpose(0, 3, 1, 2))}), strict=True))


@lru_cache(16)
def _session(content: bytes, level: str, wanted: tuple[str, ...] | None = None) -> ort.InferenceSession:
    if wanted is not None:
        model = onnx.load_from_string(content)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
        content = model.SerializeToString()
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def compare_onnx(content: bytes, net: IntegerNetwork, x: np.ndarray, counts: Counts, *, of: str = "qlinear") -> None:
    """Compare every tensor of one picture of real numbers, nothing optimised."""
    kinds = {each.name: each.kind for each in net.operations} | {"input": "quantise"}
    last = net.operations[-1].name
    named = {name: f"{name}.codes" if name in ("input", last) else name for name in kinds}
    theirs = run(content, x, wanted=tuple(named.values()))
    for step, ours in evaluate(net, engine("onnxruntime"), x):
        found = theirs[named[step]]
        found = found.transpose(0, 2, 3, 1) if found.ndim == 4 else found
        counts.add(of, kinds[step], ours, found)


def compare_answers(content: bytes, net: IntegerNetwork, x: np.ndarray, counts: Counts, *, of: str) -> None:
    """Compare the answers at each level of the optimiser, as codes."""
    *_, (last, ours) = evaluate(net, engine("onnxruntime"), x)
    codes = net.codes[last]
    for level in LEVELS:
        (theirs,) = run(content, x, level).values()
        counts.add(of, level, ours, np.rint(theirs / codes.scale).astype(int) + codes.zero_point)


def compare_drawn_onnx(found: FoundIntegers, rng: np.random.Generator, rounds: int, counts: Counts) -> None:
    """Compare operations of each kind, in graphs of their own, with drawn scales and zero points on drawn codes."""
    of_kind = defaultdict(list)
    for operation in found.network.operations:
        of_kind[operation.kind].append(operation)
    for kind, operations in of_kind.items():
        for turn in range(rounds):
            operation, inputs, of, to, _ = drawn_case(found, operations[turn % len(operations)], rng)
            ours = evaluate_operation(operation, inputs, of, to, engine("onnxruntime"))
            codes = dict(zip(operation.inputs, of, strict=True)) | {operation.name: to}
            net = replace(found.network, operations=(operation,), codes=codes)
            theirs = _one(net, dict(zip(operation.inputs, inputs, strict=True)))
            counts.add("onnxruntime", kind, ours, theirs.transpose(0, 2, 3, 1) if theirs.ndim == 4 else theirs)


def _one(net: IntegerNetwork, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What ONNX Runtime makes of the only operation of a network."""
    graph = QLinear(net)
    given = {}
    for name, x in inputs.items():
        is_flat = x.ndim == 2 and net.operations[0].kind in ("dense", "softmax")
        graph.flat[graph.name(name)] = is_flat
        given[graph.name(name)] = x if is_flat else np.moveaxis(x if x.ndim == 4 else x[:, None, None], -1, 1).copy()
    graph.operate(net.operations[0])
    made = helper.make_graph(
        [
            helper.make_node(n.op_type, n.inputs, [n.output], n.output, domain=n.domain, **n.settings)
            for n in graph.nodes
        ],
        "one",
        [helper.make_tensor_value_info(name, TensorProto.INT8, x.shape) for name, x in given.items()],
        [helper.make_tensor_value_info(graph.nodes[-1].output, TensorProto.INT8, None)],
        [numpy_helper.from_array(np.array(value, order="C"), name) for name, value in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    (answer,) = _session(model.SerializeToString(), "disabled").run(None, given)
    return answer
