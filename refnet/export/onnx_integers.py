"""Export: an integer network as an ONNX graph, in one of two forms.

``qdq`` is real arithmetic between DequantizeLinear and QuantizeLinear, which every engine reads and each makes integers
of as it likes. ``qlinear`` is integers: QLinearConv and, of the domain ``com.microsoft``, what ONNX Runtime has beside;
it computes them as the set ``onnxruntime`` says.

A picture comes as real numbers, ``input`` [N, C, H, W], and becomes the codes ``input.codes``; what an operation makes
has its name, in the form ``qdq`` once it is codes. The answer is real again.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.errors import InputError
from refnet.export.onnx import BATCH, IR_VERSION, OPSET, SUFFIX, checked_and_written, import_onnx
from refnet.export.onnx_integer_nodes import CODES, MICROSOFT, QLinear, channels
from refnet.export.onnx_nodes import channels_first
from refnet.export.onnx_qdq_nodes import QDQ
from refnet.files.whole import check_file_target
from refnet.reference.integers.layout import on
from refnet.version import __version__
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.quantised_schema import to_metadata

if TYPE_CHECKING:
    import onnx

Form = Literal["qdq", "qlinear"]
FORMS: Final = {"qdq": QDQ, "qlinear": QLinear}


def export_onnx_integers(
    weights: QuantisedWeights,
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    form: Form = "qdq",
) -> None:
    """Write an integer network as an ONNX file.

    Weights, biases, scales and zero points are the network's own. In the form ``qlinear``, ONNX Runtime gives the same
    codes as the set ``onnxruntime``; in the form ``qdq`` what comes out depends on what its optimiser makes of the
    graph. The same content gives the same bytes. An existing file is replaced once the new one is complete.

    Parameters
    ----------
    weights
        Of integers, as ``Network.weights`` of a network that was loaded from such a weight file.
    path
        Where to, a name that ends in ``.onnx``; its directory must exist.
    size
        Of the picture, in pixels: a side or (height, width); by default the network's own.
    form
        ``"qdq"`` or ``"qlinear"``.

    Raises
    ------
    InputError
        If the size is not possible, there is no such form, the name ends otherwise, or the file cannot be written.
    RefnetError
        If the package ``onnx`` is not installed.

    Examples
    --------
    >>> import tempfile, onnx, refnet
    >>> with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
    ...     export_onnx_integers(refnet.load("tests/data/integers/lite.h5").weights, file.name, form="qlinear")
    ...     graph = onnx.load(file.name).graph
    >>> [(node.op_type, node.output[0]) for node in graph.node[:2]]
    [('QuantizeLinear', 'input.codes'), ('QLinearConv', 'stem')]
    """
    path = check_file_target(path, SUFFIX)
    onnx = import_onnx()
    if form not in FORMS:
        raise InputError(f"no form {form!r:.40} of an ONNX file of integers; want {' or '.join(get_args(Form))}")
    if size is not None:
        plan = make_plan(weights.architecture, size, padding=weights.padding)
        weights = replace(weights, network=on(plan, weights.network))
    checked_and_written(onnx, model_of(weights, form), path)


def model_of(weights: QuantisedWeights, form: Form) -> onnx.ModelProto:
    """All of the graph, in memory."""
    from onnx import TensorProto, helper, numpy_helper

    network = weights.network
    graph = FORMS[form](network)
    plan, answer = network.plan, network.operations[-1].name
    graph.quantise(names.INPUT, f"{names.INPUT}.{CODES}", network.codes[names.INPUT])
    for operation in network.operations:
        graph.operate(operation)
    graph.answer()
    picture: list[str | int] = [BATCH, *channels_first(plan.steps[0].in_shape)]
    vector: list[str | int] = [BATCH, channels(network, answer)]
    made = helper.make_graph(
        [
            helper.make_node(each.op_type, each.inputs, [each.output], each.output, domain=each.domain, **each.settings)
            for each in graph.nodes
        ],
        weights.architecture.name,
        [helper.make_tensor_value_info(names.INPUT, TensorProto.FLOAT, picture)],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, vector)],
        [numpy_helper.from_array(np.array(value, order="C"), name) for name, value in graph.constants.items()],
    )
    domains = dict.fromkeys(each.domain for each in graph.nodes)
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid(domain, 1 if domain == MICROSOFT else OPSET) for domain in domains],
        ir_version=IR_VERSION,
        producer_name="refnet",
        producer_version=__version__,
    )
    stated = to_metadata(weights).attributes | {"form": form, "tensors_digest": weights.digest()}
    helper.set_model_props(model, {name: str(value) for name, value in stated.items()})
    return model
