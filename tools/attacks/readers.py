"""Damaged files for the readers of checkpoints, of weight files and of pictures: refused, or read to the same end."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY, patch

import numpy as np
from helpers.places import DATA

from attacks.case import Attack, Case, FaultError
from attacks.mutation import bytes_of, json_of, one_bit, png_of, zip_of
from attacks.watch import refused_or

Damage = Callable[[bytes, Random], bytes]

# What is damaged, and how; of a folder, any of its files.
CHECKPOINTS: dict[str, tuple[str, Damage]] = {
    "torch": ("families/timm-tf.pth", zip_of),
    "torch-training": ("families/timm-training.pth", zip_of),
    "safetensors": ("families/timm.safetensors", bytes_of),
    "tf-tar": ("families/tf.tar.gz", bytes_of),
    "tf-bundle": ("tf", bytes_of),
    "keras-v3": ("keras/keras3.keras", zip_of),
    "keras-hub": ("keras_programs/hub.keras", zip_of),
    "keras-weights": ("keras/keras3.weights.h5", bytes_of),
    "keras-model": ("keras/model.h5", bytes_of),
    "keras-nested": ("keras/nested.h5", bytes_of),
    "keras-operations": ("keras_programs/operations.h5", bytes_of),
    "tflite": ("tflite/plain.tflite", bytes_of),
    "tflite-int8": ("tflite/int8.tflite", bytes_of),
    "onnx": ("onnx/dynamo.onnx", bytes_of),
    "tf2onnx": ("tf2onnx/keras3.onnx", bytes_of),
    "saved-model": ("saved_model/keras2", bytes_of),
    "saved-objects": ("saved_model/subclass", bytes_of),
    "hugging-face": ("hugging_face/b-narrow", bytes_of),
}


def damaged_copy(source: Path, case: Case, damage: Damage) -> tuple[Path, int]:
    """Copy a file or folder, and damage it, or one file in it; return the copy and its size."""
    target = case.folder / source.name
    if source.is_file():
        data = damage(source.read_bytes(), case.random)
        target.write_bytes(data)
        return target, len(data)
    shutil.copytree(source, target)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    chosen = case.random.choice(files)
    how = json_of if chosen.suffix == ".json" else damage
    chosen.write_bytes(how(chosen.read_bytes(), case.random))
    return target, sum(path.stat().st_size for path in files)


def good_checksums(case: Case) -> Any:
    """In half of the cases every checksum agrees with what a file states: a hostile file has good ones."""
    from refnet.checkpoints.readers.tensorflow import crc32c, sstable, tar
    from refnet.files import zip_archive

    stack = ExitStack()
    if case.random.random() < 0.5:
        for module in (sstable, crc32c):
            stack.enter_context(patch.object(module, "masked_crc32c", lambda data: ANY))
        stack.enter_context(patch.object(tar, "sum", lambda data: ANY, create=True))
        stack.enter_context(patch.object(zip_archive, "zlib", SimpleNamespace(crc32=lambda data: ANY)))
    return stack


def checkpoint(name: str, damage: Damage) -> Callable[[Case], None]:
    """Make the attack on a reader: now and then by way of the whole conversion."""

    def run(case: Case) -> None:
        import refnet
        from refnet.checkpoints import checkpoint_file

        source = DATA / name
        if source == DATA / "tf":
            source = case.once("bundle", lambda: _bundle(case.kept["folder"]))
        case.once(f"warm {name}", lambda: _warm(lambda: checkpoint_file.read(_entry(source))))
        target, size = damaged_copy(source, case, damage)
        with good_checksums(case):
            if case.random.random() < 0.02:
                refused_or(lambda: refnet.convert(_entry(target), out=case.folder / "out.h5"), size + 1_000_000)
            else:
                refused_or(lambda: checkpoint_file.read(_entry(target)), size)

    return run


def _bundle(folder: Path) -> Path:
    """Copy the TensorFlow checkpoint of several shards into a folder of its own."""
    target = folder / "bundle"
    target.mkdir()
    for path in (DATA / "tf").glob("sharded.ckpt*"):
        shutil.copy(path, target)
    return target


def _entry(path: Path) -> Path:
    """Name what is given to refnet: of a bundle its index."""
    return next(iter(path.glob("*.index")), path) if path.is_dir() else path


def _warm(read: Callable[[], Any]) -> None:
    """Read a good file, so that what is imported or made once is not counted."""
    from refnet.errors import RefnetError

    try:
        read()
    except RefnetError:  # narrow networks are read, and then no variant is like them
        return


def archive(case: Case) -> None:
    """A damaged checkpoint in a whole archive of TensorFlow's."""
    from refnet.checkpoints import checkpoint_file

    target = case.folder / "x.tar.gz"
    with tarfile.open(DATA / "families" / "tf.tar.gz") as given, tarfile.open(target, "w:gz", compresslevel=1) as made:
        members = [member for member in given.getmembers() if member.isfile()]
        chosen = case.random.choice(members)
        for member in members:
            data = given.extractfile(member).read()  # type: ignore[union-attr]
            if member is chosen:
                data = bytes_of(data, case.random)
                member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    with good_checksums(case):
        refused_or(lambda: checkpoint_file.read(target), target.stat().st_size)


# Weight files ---------------------------------------------------------------------------------------------------------


def make_weight_file(case: Case) -> Path:
    """Write the weights of a network that takes a millisecond, once for this process."""
    from helpers.photos import tiny_weights

    from refnet.weights import writer

    def make() -> Path:
        path: Path = case.kept["folder"] / "tiny.h5"
        writer.write(path, tiny_weights())
        return path

    path: Path = case.once("weight file", make)
    return path


def weight_file(case: Case) -> None:
    """Read a damaged weight file: every tensor and all that is said of them is as it was, or it is refused."""
    from refnet.weights import reader

    good = make_weight_file(case)
    whole = case.once("whole", lambda: reader.read(good))
    target, size = damaged_copy(good, case, case.random.choice([bytes_of, one_bit]))

    def check(weights: Any) -> None:
        same = weights.digest() == whole.digest() and weights.labels == whole.labels
        said = all(getattr(weights, name) == getattr(whole, name) for name in ("architecture", "padding", "recipe"))
        if not same or not said:
            raise FaultError("wrong", "a damaged weight file was read as another one")

    refused_or(lambda: reader.read(target), size, check)


# Pictures -------------------------------------------------------------------------------------------------------------


def _pictures() -> dict[str, list[bytes]]:
    """Good pictures by their format: those of the tests, and of every further format that Pillow writes."""
    from PIL import Image, features

    found: dict[str, list[bytes]] = {}
    with np.load(DATA / "pictures.npz") as arrays:
        for name in arrays.files:
            if name.startswith("file/"):
                found.setdefault(name.rpartition(".")[2], []).append(arrays[name].tobytes())
    chance = np.random.default_rng(5)
    image = Image.fromarray(chance.integers(0, 256, (17, 22, 3), np.uint8))
    kinds = ["ICO", "PCX", "SGI", "DDS", "TGA", *(["JPEG2000"] if features.check("jpg_2000") else [])]
    kinds += ["AVIF"] if features.check("avif") else []
    for kind in kinds:
        file = io.BytesIO()
        image.save(file, kind)
        found[kind.lower()] = [file.getvalue()]
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        file = io.BytesIO()
        image.save(file, "TIFF", compression=compression)
        found["tif"].append(file.getvalue())
    return found


PICTURES = (
    "jpg", "png", "gif", "tif", "bmp", "webp", "ppm", "ico", "pcx", "sgi", "dds", "tga", "jpeg2000", "avif",
)  # fmt: skip


def picture(kind: str) -> Callable[[Case], None]:
    """Make the attack on the reader of a format: twice the same pixels, or refused."""

    def run(case: Case) -> None:
        from refnet.preprocessing.read_image import read_as

        good = case.once("pictures", _pictures).get(kind)
        if good is None:  # Pillow has no such format here
            return
        case.once(f"warm {kind}", lambda: _warm(lambda: read_as(good[0])))
        damage = png_of if kind == "png" else bytes_of
        data = damage(case.random.choice(good), case.random)
        (case.folder / f"x.{kind}").write_bytes(data)
        published = case.random.random() < 0.2

        def check(reading: Any) -> None:
            pixels = np.asarray(reading.picture)
            if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
                raise FaultError("wrong", f"a picture is {pixels.dtype}{pixels.shape}")
            again = np.asarray(read_as(data, as_published=published).picture)
            if again.tobytes() != pixels.tobytes():
                raise FaultError("wrong", "the same file has given other pixels")

        refused_or(lambda: read_as(data, as_published=published), len(data), check)

    return run


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name, (path, damage) in CHECKPOINTS.items():
        yield Attack(f"readers/{name}", checkpoint(path, damage))
    yield Attack("readers/tf-member", archive)
    yield Attack("readers/weight-file", weight_file)
    for kind in PICTURES:
        yield Attack(f"pictures/{kind}", picture(kind))
