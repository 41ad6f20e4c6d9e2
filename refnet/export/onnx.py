"""Export: a network as a plain ONNX graph, in which every tensor has refnet's name.

For those who run the same weights elsewhere, and for tools that read ONNX. The graph is the plan, step by step: its
tensors are named like the steps (``block1a.expand``), its weights like the keys of a weight file
(``block1a/expand/kernel``). ONNX puts channels first, so a picture is [N, C, H, W], and a vector inside a block
[N, C, 1, 1], which lets other engines keep their own layout; from ``pool`` on all are [N, C].
Below a step are its parts: ``.conv`` (the sums), ``.bn``, ``.dense`` (with the bias), ``.sigmoid``. The last one is the
step itself and goes by its name alone.

ONNX states what to compute but not in which order to round: other engines come near refnet's numbers, not to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.checkpoints.naming import refnet_onnx
from refnet.errors import InputError, RefnetError
from refnet.export.onnx_nodes import FLOOR, SIX, ZERO, channels_first, nodes_of
from refnet.files.whole import check_file_target, not_written, whole_file
from refnet.reference.numerics import GEM_FLOOR, NUMERICS_VERSION
from refnet.version import __version__
from refnet.weights import schema
from refnet.weights.weights import Weights, check_tensors

if TYPE_CHECKING:
    import onnx

SUFFIX = ".onnx"
OPSET = 17
IR_VERSION = 8  # the one that came with this opset, so that old readers are not turned away
BATCH = "N"
MAX_BYTES = 1 << 31  # of a protobuf message, which an ONNX file is


def export_onnx(weights: Weights, path: str | os.PathLike[str], *, size: int | tuple[int, int] | None = None) -> None:
    """Write a network as an ONNX file.

    The graph reads ``input`` f32[N, 3, H, W] with any N, normalised by the recipe in the file's metadata, and makes
    ``logits`` f32[N, classes] and what the top makes of them, mostly ``probabilities``, or ``pool`` f32[N, C] where
    there is no classifier. Its weights are the published numbers: batch norm is a node of its own. The same weights and
    size give the same bytes. An existing file is replaced in one step once the new one is complete and
    ``onnx.checker`` has found nothing wrong.

    Parameters
    ----------
    weights
        ``Network.weights``, or what ``refnet.hub.models.find_weights`` returns.
    path
        Where to, a name that ends in ``.onnx``; its directory must exist.
    size
        Of the picture, in pixels: a side or (height, width); by default the variant's own. The graph is for this size
        alone, because pads depend on it.

    Raises
    ------
    InputError
        If the size is not possible, the network too large for ONNX, the name ends otherwise, or the file cannot be
        written.
    WeightsError
        If the tensors are not those of the architecture.
    RefnetError
        If the package ``onnx`` is not installed.

    Examples
    --------
    >>> import tempfile, onnx, refnet
    >>> with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
    ...     export_onnx(refnet.load("lite0").weights, file.name)
    ...     graph = onnx.load(file.name).graph
    >>> [node.output[0] for node in graph.node[:4]]
    ['stem.conv', 'stem.bn', 'stem', 'block1a.depthwise.conv']
    """
    path = check_file_target(path, SUFFIX)
    onnx = import_onnx()
    if not isinstance(weights, Weights):
        raise InputError(f"cannot export {type(weights).__name__}; want weights, as Network.weights")
    check_tensors(weights)
    plan = make_plan(weights.architecture, size, padding=weights.padding)
    bytes_needed = sum(tensor.nbytes for tensor in weights.tensors.values())
    if bytes_needed >= MAX_BYTES:
        raise InputError(f"{plan.architecture.name} has {bytes_needed:,} bytes of weights; an ONNX file holds 2 GiB")
    checked_and_written(onnx, _model(weights, plan), path)


def checked_and_written(onnx: Any, model: onnx.ModelProto, path: Path) -> None:
    """Write a model, if onnx's own checker finds nothing wrong."""
    content = model.SerializeToString(deterministic=True)
    try:
        onnx.checker.check_model(content, full_check=True)
    except onnx.checker.ValidationError as error:
        raise RefnetError(f"{path} not written: onnx's checker refuses the graph: {error}") from error
    with not_written(path), whole_file(path) as unfinished:
        unfinished.write_bytes(content)


def import_onnx() -> Any:
    """The package ``onnx``, which only an export needs."""
    try:
        import onnx
        import onnx.checker
    except ImportError as error:
        raise RefnetError(f"export needs the package onnx ({error}): pip install 'refnet[onnx]'") from error
    return onnx


def _model(weights: Weights, plan: Plan) -> onnx.ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    def value(name: str, shape: Shape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])

    nodes = [node for step in plan for node in nodes_of(step, weights.bn_eps)]
    shapes = {node.output: node.shape for node in nodes if node.output not in plan.outputs}
    outputs = [value(name, plan.shapes[name]) for name in plan.outputs]
    graph = helper.make_graph(
        [helper.make_node(n.op_type, n.inputs, [n.output], name=n.output, **n.attributes) for n in nodes],
        weights.architecture.name,
        [value(names.INPUT, channels_first(plan.steps[0].in_shape))],
        outputs,
        [numpy_helper.from_array(tensor, name) for name, tensor in _initializers(weights, plan)],
        value_info=[value(name, shape) for name, shape in shapes.items() if shape is not None],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="refnet",
        producer_version=__version__,
    )
    helper.set_model_props(model, _metadata(weights))
    return model


def _metadata(weights: Weights) -> dict[str, str]:
    return {
        "variant": weights.architecture.name,
        "architecture": schema.architecture_to_json(weights.architecture),
        "padding": weights.padding,
        "bn_eps": repr(float(weights.bn_eps)),
        "recipe": weights.recipe.to_json(),
        "publisher": weights.provenance.publisher,
        "source": weights.provenance.source,
        "source_sha256": weights.provenance.source_sha256,
        "averaging": weights.provenance.averaging,
        "licence": weights.provenance.licence,
        "weights_digest": weights.digest(),
        "refnet_version": __version__,
        "numerics_version": str(NUMERICS_VERSION),
    }


def _initializers(weights: Weights, plan: Plan) -> Iterator[tuple[str, Array]]:
    """Name and value of each weight and constant as ONNX wants it."""
    for pair in refnet_onnx.pairs(weights.architecture):
        yield pair.theirs, pair.to_theirs(weights.tensors[pair.ours])
    if any(step.activation == "relu6" for step in plan):
        yield ZERO, np.array(0, np.float32)
        yield SIX, np.array(6, np.float32)
    for step in plan:
        if step.op == "divide":
            yield names.weight_key(step.name, "divisor"), np.array(step.divisor, np.float32)
        if step.op == "gem":
            yield FLOOR, np.array(GEM_FLOOR, np.float32)
