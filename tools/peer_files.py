"""One model as files for every engine to read, and inputs for it: what tools/bench_peers.py measures on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from refnet.architecture.plan import make_plan
from refnet.errors import WeightsNotFoundError
from refnet.export import onnx
from refnet.hub.models import find_weights, synthetic_weights
from refnet.weights import synthetic, writer
from refnet.weights.weights import Weights

# MNN's converter as a command reports to a server, and installs what it needs for that; what it calls does not.
MNN_CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"


class Model:
    """One model as files for every engine, and inputs for it, in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.weights = weights_of(name)
        self.plan = make_plan(self.weights.architecture)

    def file(self, engine: str, batch: int) -> Path:
        """Get the file that an engine reads; write it if this is the first to ask."""
        suffix, write = FORMATS[engine.partition(" ")[0]]
        stem = f"{self.name}-{batch}" if suffix == "tflite" else self.name
        path = self.folder / f"{stem}.{suffix}"
        if not path.exists():
            write(self, path, batch)
        return path

    def input(self, count: int) -> Path:
        """Write ``count`` generated pictures, all different: f32[N, H, W, 3] in [-2, 2)."""
        path = self.folder / f"{self.name}-{count}.npy"
        shape = (self.plan.height, self.plan.width, 3)
        pictures = [synthetic.uniform(f"input {number}", shape) for number in range(1, count + 1)]
        np.save(path, np.stack(pictures) * np.float32(2))
        return path


def weights_of(name: str) -> Weights:
    """Find trained weights or, if there are none on this machine, generate some."""
    try:
        return find_weights(name, download=False)
    except WeightsNotFoundError:
        return synthetic_weights(name)


def write_h5(model: Model, path: Path, batch: int) -> None:
    """refnet's own."""
    writer.write(path, model.weights)


def write_onnx(model: Model, path: Path, batch: int) -> None:
    """ONNX, of any batch."""
    onnx.export_onnx(model.weights, path)


def write_torch(model: Model, path: Path, batch: int) -> None:
    """A pickled module."""
    import torch
    from torch_peer import peer

    torch.save(peer(model.weights, model.plan.height), path)


def write_tflite(model: Model, path: Path, batch: int) -> None:
    """TensorFlow Lite, of one batch."""
    from float_tflite import float_tflite

    path.write_bytes(float_tflite(model.weights, model.plan, batch))


def write_ncnn(model: Model, path: Path, batch: int) -> None:
    """ncnn's pair of files, of one picture."""
    found = find_spec("pnnx")
    assert found is not None
    assert found.origin is not None
    source = model.file("ONNX", 1)
    shape = f"inputshape=[1,3,{model.plan.height},{model.plan.width}]"
    outputs = [f"ncnnparam={path}", f"ncnnbin={path.with_suffix('.bin')}"]
    others = ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy")
    rest = [f"{other}={path.with_suffix('.unused')}" for other in others]
    convert([str(Path(found.origin).with_name("pnnx")), str(source), shape, "fp16=0", *outputs, *rest])


def write_mnn(model: Model, path: Path, batch: int) -> None:
    """MNN, of any batch."""
    files = ["--modelFile", str(model.file("ONNX", 1)), "--MNNModel", str(path)]
    convert([sys.executable, "-c", MNN_CONVERT, "-f", "ONNX", *files, "--bizCode", "refnet"])


def convert(command: list[str]) -> None:
    """Run a converter, of whose words only those of a failure matter."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} ended with code {done.returncode}: {done.stdout[-500:]}")


# By the first word of an engine's name.
FORMATS: dict[str, tuple[str, Callable[[Model, Path, int], None]]] = {
    "refnet": ("h5", write_h5),
    "ONNX": ("onnx", write_onnx),
    "OpenVINO": ("onnx", write_onnx),
    "PyTorch": ("pt", write_torch),
    "LiteRT": ("tflite", write_tflite),
    "ncnn": ("param", write_ncnn),
    "MNN": ("mnn", write_mnn),
}
