"""The engines that tools/bench_peers.py compares: what each needs, and the settings in which it is measured."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

REFNET, REFNET64 = "refnet", "refnet float64"


class Peer(NamedTuple):
    """One column of the tables.

    Attributes
    ----------
    name
        As the tables call it.
    engines
        Of tools/peer_engines.py: variations of one, of which the fastest counts.
    imports, package
        What must be there, and whose version is told.
    settings
        How it is measured: its best, as far as known.
    """

    name: str
    engines: tuple[str, ...]
    imports: tuple[str, ...]
    package: str
    settings: str


TORCH = ("torch", "efficientnet_pytorch", "efficientnet_lite_pytorch")
PEERS = {
    "onnxruntime": Peer(
        "ONNX Runtime",
        ("ONNX Runtime",),
        ("onnx", "onnxruntime"),
        "onnxruntime",
        "the file of `refnet export`, the batch fixed; graph optimisation ALL, threads that spin",
    ),
    "openvino": Peer(
        "OpenVINO",
        ("OpenVINO",),
        ("onnx", "openvino"),
        "openvino",
        "the file of `refnet export`, the batch fixed; hint LATENCY, inference in f32, no copies",
    ),
    "litert": Peer(
        "LiteRT",
        ("LiteRT",),
        ("ai_edge_litert",),
        "ai-edge-litert",
        "float32 .tflite with batch norms folded (`tools/float_tflite.py`); XNNPACK, written and read in place",
    ),
    "ncnn": Peer(
        "ncnn",
        ("ncnn",),
        ("onnx", "ncnn", "pnnx"),
        "ncnn",
        "from ONNX by pnnx, weights in float32; no fp16 or bf16; of a batch one picture after the other",
    ),
    "mnn": Peer(
        "MNN",
        ("MNN",),
        ("onnx", "MNN", "_tools"),
        "mnn",
        "from ONNX by its own converter; precision high",
    ),
    "torch": Peer(
        "PyTorch",
        ("PyTorch NCHW", "PyTorch NHWC"),
        TORCH,
        "torch",
        "efficientnet-pytorch or efficientnet-lite-pytorch, eager, inference mode; the better memory format",
    ),
    "torch.compile": Peer(
        "PyTorch compiled",
        ("PyTorch compiled",),
        TORCH,
        "torch",
        "the same by torch.compile: inductor, weights frozen, shapes static, channels last (max-autotune is no faster)",
    ),
}


def missing(peer: Peer) -> list[str]:
    """What is not installed of all that a peer needs."""
    return [package for package in peer.imports if find_spec(package) is None]


def described(peers: list[Peer]) -> list[tuple[str, str, str]]:
    """Name, version and settings of each."""
    return [(peer.name, version(peer.package), peer.settings) for peer in peers]
