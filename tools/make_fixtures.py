"""Write tests/data/families: small checkpoints made by each publisher's own software, with its own logits beside them.

    python tools/make_fixtures.py torch         # in an environment with refnet's extra `test`
    python tools/make_fixtures.py tensorflow    # in one with tensorflow-cpu==2.21.0 and tf-keras==2.21.0

Each file is in a format in which its publisher publishes:

=======================  ===========  =================================================================
file                     publisher    what it is
=======================  ===========  =================================================================
lukemelas.pth            lukemelas    PyTorch's legacy format, kernels not contiguous
lite.pth                 lite         the same
timm-tf.pth              timm-tf      PyTorch's legacy format
timm-tf-lite.safetensors timm-tf      safetensors, a Lite
timm.safetensors         timm         safetensors
timm-lite.pth            timm         PyTorch's legacy format, a Lite
timm-training.pth        timm         state of a training: weights, moving average, optimiser, wrappers
torchvision.pth          torchvision  PyTorch's zip format
torchvision-b5.pth       torchvision  the same, with the epsilon of B5 to B7
tf.tar.gz                tf           archive of a TensorFlow checkpoint with moving averages
tf-lite.tar.gz           tf           the same, a Lite
=======================  ===========  =================================================================

All have B0's width by 0.125 and depth by 0.3, and five classes. ``inputs.npz`` has two batches of pictures, one with
even and one with odd sides: paddings differ there. ``NAME.npz`` has what the publisher's software makes of them, for
each batch in float32 and float64.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "families"
WIDTH, DEPTH, CLASSES = 0.125, 0.3, 5

# Publisher, whether it is a Lite, epsilon.
TORCH = {
    "lukemelas.pth": ("lukemelas", False, 1e-3),
    "lite.pth": ("lite", True, 1e-3),
    "timm-tf.pth": ("timm-tf", False, 1e-3),
    "timm-tf-lite.safetensors": ("timm-tf", True, 1e-3),
    "timm.safetensors": ("timm", False, 1e-5),
    "timm-lite.pth": ("timm", True, 1e-5),
    "timm-training.pth": ("timm", False, 1e-5),
    "torchvision.pth": ("torchvision", False, 1e-5),
    "torchvision-b5.pth": ("torchvision", False, 1e-3),
}
TENSORFLOW = {"tf.tar.gz": False, "tf-lite.tar.gz": True}


def inputs() -> dict[str, Array]:
    """Two batches of pictures f32[N, H, W, 3], normalised from bytes."""
    rng = np.random.default_rng(0)
    sizes = {"even": (2, 64, 48, 3), "odd": (1, 75, 61, 3)}
    return {name: (rng.integers(0, 256, size) - 127).astype(np.float32) / 128 for name, size in sizes.items()}


def save_logits(file: Path, run: Callable[[Array, str], Array]) -> None:
    """Write what a publisher's software makes of the inputs, beside its checkpoint."""
    name = file.name.partition(".")[0]
    found = {f"{batch}_{dtype}": run(x, dtype) for dtype in ("float32", "float64") for batch, x in inputs().items()}
    assert all(array.dtype.name == key.partition("_")[2] for key, array in found.items())
    np.savez_compressed(file.with_name(f"{name}.npz"), **found)


def write_torch(folder: Path) -> None:
    """Write what PyTorch wrote."""
    import their_torch

    for seed, (name, (publisher, lite, eps)) in enumerate(TORCH.items()):
        model = their_torch.scaled(publisher, WIDTH, DEPTH, CLASSES, lite=lite, eps=eps)
        their_torch.train(model, seed)
        if name == "timm-training.pth":
            last_step = their_torch.scaled(publisher, WIDTH, DEPTH, CLASSES, lite=lite, eps=eps)
            their_torch.train(last_step, seed + 100)
            their_torch.save_training(last_step, model, folder / name)
        else:
            their_torch.save(publisher, model, folder / name)
        save_logits(folder / name, lambda x, dtype, model=model: their_torch.logits(model, x, dtype))


def write_tensorflow(folder: Path) -> None:
    """Write what TensorFlow wrote."""
    import their_tensorflow

    for seed, (name, lite) in enumerate(TENSORFLOW.items()):
        scaling = their_tensorflow.Scaling("tiny", WIDTH, DEPTH, CLASSES, lite)
        their_tensorflow.save(folder / name, scaling, partial(their_tensorflow.trained, np.random.default_rng(seed)))
        save_logits(
            folder / name,
            lambda x, dtype, name=name, scaling=scaling: their_tensorflow.logits(folder / name, scaling, x, dtype),
        )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", choices=("torch", "tensorflow"))
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="by default tests/data/families")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.output / "inputs.npz", **inputs())
    {"torch": write_torch, "tensorflow": write_tensorflow}[options.framework](options.output)
    for path in sorted(options.output.iterdir()):
        print(f"{path.stat().st_size:8} {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
