"""Small networks by timm as ONNX files, what the onnx package computes of them in float64, and what refnet does."""

import io
import warnings
from functools import cache

import numpy as np
import onnx
import torch
from helpers import any_torchvision  # noqa: F401
from helpers.trained import numbers_of
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from timm.models import efficientnet as timm_models

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.checkpoints.graph.from_onnx import graph_of
from refnet.checkpoints.graph.match import Found, match
from refnet.checkpoints.readers import onnx_file
from refnet.preprocessing.normalise import OPERATIONS
from refnet.preprocessing.recipe import LITE
from refnet.reference.evaluate import evaluate
from refnet.weights.weights import Provenance, Weights, check_tensors

WIDTH, DEPTH, SIZE, CLASSES = 0.125, 0.3, 40, 5
NETWORKS = tuple(
    efficientnet(Coefficients(WIDTH, DEPTH, SIZE, lite=lite), name="tinylite" if lite else "tiny", classes=CLASSES)
    for lite in (False, True)
)


def timm_network(*, lite: bool = False, same: bool = False, eps: float = 1e-5, **how) -> torch.nn.Module:
    """A narrow network with numbers as after training."""
    generate = timm_models._gen_efficientnet_lite if lite else timm_models._gen_efficientnet
    name = "efficientnet_lite0" if lite else "efficientnet_b0"
    padding = {"pad_type": "same"} if same else {}
    model = generate(
        ("tf_" if same else "") + name, WIDTH, DEPTH, **{"num_classes": CLASSES, "bn_eps": eps, **padding, **how}
    )
    return trained(model)


def trained(model: torch.nn.Module) -> torch.nn.Module:
    """Numbers as after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(1)
    for name, tensor in model.state_dict().items():
        if tensor.dtype != torch.float32:
            continue
        tensor.copy_(torch.from_numpy(numbers_of(name, tuple(tensor.shape), rng)))
    return model.eval()


def exported(model: torch.nn.Module, size: int = SIZE, channels: int = 3, **how) -> bytes:
    """What PyTorch writes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, torch.zeros(1, channels, size, size), buffer, **{"dynamo": False, **how})
    return buffer.getvalue()


def find(data: bytes) -> Found:
    """What refnet finds in a file."""
    return match(graph_of(onnx_file.load(data)), candidates=NETWORKS)


@cache
def picture(size: int = SIZE) -> np.ndarray:
    """Numbers as networks are given them, NCHW."""
    return np.random.default_rng(2).standard_normal((1, 3, size, size), np.float32).astype(np.float64)


def answer(found: Found, x: np.ndarray) -> np.ndarray:
    """What refnet computes in float64 of a picture NCHW."""
    weights = Weights(found.architecture, found.padding, found.bn_eps, LITE, found.tensors, None, Provenance("a test"))
    check_tensors(weights)
    pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    for name, numbers in found.normalise:
        pixels = OPERATIONS[name](pixels, np.array(numbers, np.float64))
    plan = make_plan(found.architecture, x.shape[2:], padding=found.padding)
    tensors = {key: array.astype(np.float64) for key, array in found.tensors.items()}
    *_, (_, result) = evaluate(plan.steps, tensors, found.bn_eps, pixels)
    return result


def interpreted(data: bytes, x: np.ndarray) -> np.ndarray | None:
    """What the onnx package computes in float64; None if it cannot."""
    model = doubled(onnx.load_from_string(data))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            (result, *_) = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x})
        except Exception:  # whatever it is: it does not run
            return None
    return result if isinstance(result, np.ndarray) else None


def doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in float64, of the same float32 numbers."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del model.graph.value_info[:]
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
                array = numpy_helper.to_array(attribute.t).astype(np.float64)
                attribute.t.CopyFrom(numpy_helper.from_array(array))
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
            if attribute.name == "epsilon":
                node.attribute.remove(attribute)
                eps = float(str(np.float32(attribute.f)))
                node.attribute.append(helper.make_attribute("epsilon", eps))
    return model
