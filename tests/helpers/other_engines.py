"""Other people's engines on refnet's weights, every tensor captured by their own means, as a porter would.

Names are refnet's, arrays are channels first, as these engines have them. Needs onnx, onnxruntime, torch,
efficientnet-pytorch and efficientnet-lite-pytorch.
"""

import sys

import numpy as np
import onnx
import onnxruntime
import torch
from helpers.places import ROOT

from refnet.architecture import names
from refnet.export.onnx import export_onnx

sys.path.append(str(ROOT / "tools"))

import torch_peer


def onnx_runtime(weights, x, path):
    """Run the exported graph in ONNX Runtime with every tensor that refnet has a name for as an output."""
    export_onnx(weights, path, size=x.shape[1:3])
    model = onnx.load(path)
    ours = [value for value in model.graph.value_info if not value.name.endswith((".sigmoid", ".dense", ".mean"))]
    model.graph.output.extend(ours)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = [output.name for output in session.get_outputs()]
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return {names.INPUT: first} | dict(zip(wanted, session.run(wanted, {names.INPUT: first}), strict=True))


def pytorch(weights, x):
    """Run efficientnet-pytorch, or efficientnet-lite-pytorch, with hooks on every module."""
    model = torch_peer.peer(weights, x.shape[1])
    found = {names.INPUT: np.ascontiguousarray(x.transpose(0, 3, 1, 2))}

    def keep(name):
        def hook(_module, _inputs, output):
            found[name] = output.detach().numpy().copy()

        return hook

    for block, module in zip(weights.architecture.blocks, model._blocks, strict=True):
        _hook_block(block, module, keep)
    for name, conv, norm in ((names.STEM, "_conv_stem", "_bn0"), (names.HEAD, "_conv_head", "_bn1")):
        getattr(model, conv).register_forward_hook(keep(f"{name}.conv"))
        getattr(model, norm).register_forward_hook(keep(f"{name}.bn"))
    model._swish.register_forward_hook(lambda *call: keep(names.HEAD if names.STEM in found else names.STEM)(*call))
    model._avg_pooling.register_forward_hook(keep(names.POOL))
    model._fc.register_forward_hook(keep(names.LOGITS))
    logits = torch_peer.peer_logits(model, x)
    found[names.PROBABILITIES] = torch.softmax(logits, 1).numpy()
    return found


def _hook_block(block, module, keep):
    """Hook one block; what it calls no module for is taken from what the next module reads."""
    name = block.name
    activated = [f"{name}.depthwise"]
    for number, part in enumerate(("expand", "depthwise", "project")):
        conv, norm = f"_{part}_conv", f"_bn{number}"
        if hasattr(module, conv):
            getattr(module, conv).register_forward_hook(keep(f"{name}.{part}.conv"))
            getattr(module, norm).register_forward_hook(keep(f"{name}.{part}{'' if part == 'project' else '.bn'}"))
    if hasattr(module, "_expand_conv"):
        activated.insert(0, f"{name}.expand")
    if hasattr(module, "_se_reduce"):
        activated.append(f"{name}.reduce")
        module._se_reduce.register_forward_hook(lambda m, i, o: keep(f"{name}.squeeze")(m, i, i[0]))
        module._se_expand.register_forward_hook(lambda m, i, o: keep(f"{name}.gate")(m, i, torch.sigmoid(o)))
        module._project_conv.register_forward_hook(lambda m, i, o: keep(f"{name}.excite")(m, i, i[0]))
    left = iter(activated)
    module._swish.register_forward_hook(lambda *call: keep(next(left))(*call))
    if block.adds:
        module.register_forward_hook(keep(f"{name}.add"))
