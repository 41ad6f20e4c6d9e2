"""Folders of pictures as people have them, small and generated."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.preprocessing.recipe import LITE
from refnet.weights import synthetic
from refnet.weights.labels import Labels
from refnet.weights.weights import Provenance, Weights

LABELS = Labels(("cat", "kätzchen", "dog"), ("a cat", "ein Kätzchen", "a dog, hound"))


def tiny_weights(classes: int = 3, *, labels: Labels | None = LABELS) -> Weights:
    """A network that takes a millisecond or two."""
    architecture = efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=classes)
    tensors = synthetic.tensors(architecture)
    return Weights(architecture, "symmetric", 1e-5, LITE, tensors, labels, Provenance("a test"))


def pixels(seed: int, height: int = 48, width: int = 60) -> np.ndarray:
    """A picture that is no other's."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_pictures(folder: Path, count: int, *, prefix: str = "photo") -> list[str]:
    """Write so many pictures; return their paths in the order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{prefix}{i:04}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(pixels(i)).save(path, compress_level=1)
    return [str(path) for path in paths]


def write_wrong(folder: Path) -> dict[str, str]:
    """Write what looks like a picture and is none; return what is said of each."""
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("a cat", "utf-8")
    (folder / "nowhere.png").symlink_to("/no/such/file")
    (folder / "itself.png").symlink_to("itself.png")
    return {
        "cut.jpg": "the picture is damaged or cut short",
        "empty.png": "the file is empty",
        "text.jpg": "not a picture",
        "nowhere.png": "No such file",
        "itself.png": "symbolic link",
    }


def write_odd(folder: Path) -> list[str]:
    """Write pictures with odd names, and an animation; return their names."""
    odd = ["größe 猫.png", "line\nbreak.png", "UPPER.PNG", "star*[1].png", os.fsdecode(b"caf\xe9.png")]
    for i, name in enumerate(odd):
        Image.fromarray(pixels(100 + i)).save(folder / name, "PNG")
    frames = [Image.fromarray(pixels(200 + i)) for i in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    return [*odd, "moving.gif"]


def write_no_pictures(folder: Path) -> None:
    """Write what a folder of pictures may hold beside them: none of it is a picture, and none may be opened."""
    (folder / "notes.txt").write_text("none of these", "utf-8")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.jpg")  # opening it would wait for ever
