"""A checkpoint file of any format: recognised by its first bytes, read, and its network's tensors picked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from refnet.checkpoints import keras_normalisation, keras_weights, own_export, tf_objects, tf_variables
from refnet.checkpoints.cards import folder as card_folder
from refnet.checkpoints.cards import training
from refnet.checkpoints.cards.card import NO_CARD, Card
from refnet.checkpoints.graph import from_onnx
from refnet.checkpoints.graph.graph import Program
from refnet.checkpoints.graph.keras.build import from_keras
from refnet.checkpoints.graph.tflite.integers import is_integers
from refnet.checkpoints.graph.tflite.program import from_tflite
from refnet.checkpoints.other_networks import no_network
from refnet.checkpoints.readers import file_bytes, npz_file, onnx_file, safetensors_file
from refnet.checkpoints.readers.keras import keras_file
from refnet.checkpoints.readers.keras.keras_content import Content
from refnet.checkpoints.readers.tensorflow import saved_model, tar, tensor_bundle
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.checkpoints.readers.tflite.tflite_file import Model
from refnet.checkpoints.readers.torch import torch_file
from refnet.checkpoints.state_dict import BFLOAT16, StateDict, find_state_dict
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.errors import CheckpointError, CheckpointNotFoundError
from refnet.files import hdf5, opening, zip_archive
from refnet.preprocessing.normalise import Normalisation
from refnet.weights.weights import Weights

HEAD = 512  # bytes that tell the format
PICKLE = b"\x80"
# What people have instead of the file, and what it begins with.
IMPOSTORS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; `git lfs pull` brings it",
    b"<!doctype html": "a web page; download the file itself",
    b"<html": "a web page; download the file itself",
}


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes
    ----------
    state
        The network's tensors: of a moving average if the file has one.
    normalise
        What a model of Keras does to pixels by itself, where the file says so.
    program
        What the file computes, where it says so: then this decides, and names only map.
    card
        What lies beside the tensors and says how they are used: a configuration, the options of a training.
    exported
        All of it in our terms, if refnet exported the file.
    integers
        A file of TensorFlow Lite whose network is of int8.
    """

    state: StateDict
    normalise: Normalisation | None = None
    program: Program | None = None
    card: Card = NO_CARD
    exported: Weights | None = None
    integers: Model | None = None


@dataclass(frozen=True)
class Fingerprint:
    """What tells one file from all others.

    Attributes
    ----------
    name
        Of the file, without its folder.
    bytes
        Its size.
    sha256
        In lower-case hexadecimal.
    md5
        Likewise, of an HDF5 file: Keras, and nobody else, publishes these.
    """

    name: str
    bytes: int
    sha256: str
    md5: str | None


def read(path: Path, stated: Stated = NOTHING) -> tuple[str, Checkpoint]:
    """Read a file, TensorFlow's prefix of several, or a folder with one such prefix: the format's name and content."""
    path = readable_file(path)
    try:
        return _read(path, stated)
    except (OSError, CheckpointError) as error:
        raise file_bytes.with_path(path, error) from None


def fingerprint(path: Path) -> Fingerprint:
    """Hash a file.

    Of a TensorFlow checkpoint in several files it is the index, which holds a checksum of every tensor.
    """
    path = readable_file(path)
    try:
        with opening.open_file(path) as file:
            sha256, md5 = hashlib.file_digest(file, "sha256").hexdigest(), None
            size = file.seek(0, 2)
            file.seek(0)
            if file.read(len(hdf5.SIGNATURE)) == hdf5.SIGNATURE:
                file.seek(0)
                md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            return Fingerprint(_printable(path.name), size, sha256, md5)
    except OSError as error:
        raise file_bytes.with_path(path, error) from None


def _printable(name: str) -> str:
    """A file's name as text that every weight file may state."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def readable_file(path: Path) -> Path:
    """Find the file that stands for a checkpoint; one that is larger than any is refused before all of it is read."""
    path = main_file(path)
    try:
        with opening.open_file(path) as file:
            head, size = file.read(HEAD), file.seek(0, 2)
    except OSError as error:
        raise file_bytes.with_path(path, error) from None
    if not tar.is_archive(head):  # of which only parts are read
        file_bytes.check_size(path, size)
    return path


def main_file(path: Path) -> Path:
    """Find the file that stands for a checkpoint: itself, or the index of one in several files."""
    try:
        saved = saved_model.index_of(path)
        if saved is not None or path.is_dir():
            return saved or _index_in(path)
        if path.exists():
            if not path.is_file():
                raise CheckpointError(f"{path} is not a file")
            return _index_of_shard(path)
        index = path.with_name(path.name + tensor_bundle.INDEX)
        if index.is_file():
            return index
        raise CheckpointNotFoundError(f"{path} does not exist", filename=path)
    except (OSError, CheckpointError) as error:
        raise file_bytes.with_path(path, error) from None


def _index_of_shard(path: Path) -> Path:
    """The index, given one of the files that hold a checkpoint's numbers; any other file itself."""
    prefix = tensor_bundle.prefix_of_shard(path.name)
    if prefix is None:
        return path
    index = path.with_name(prefix + tensor_bundle.INDEX)
    if not index.is_file():
        raise CheckpointError(f"a checkpoint's numbers alone: {index.name}, which says whose they are, must lie beside")
    return index


def _index_in(folder: Path) -> Path:
    inside = {path.name: path for path in folder.iterdir()}
    indexes = sorted(name for name in inside if name.endswith(tensor_bundle.INDEX))
    if len(indexes) == 1:
        return inside[indexes[0]]
    if (weights := card_folder.weights_in(folder)) is not None:
        return weights
    raise CheckpointError(
        f"a folder with one {tensor_bundle.INDEX} file is wanted, found {indexes!r:.300}{_which(folder, indexes)}"
    )


def _which(folder: Path, indexes: list[str]) -> str:
    """The way out where there are several."""
    return f"; name one, such as {folder / indexes[-1].removesuffix(tensor_bundle.INDEX)}" if indexes else ""


def _read(path: Path, stated: Stated) -> tuple[str, Checkpoint]:
    with opening.open_file(path) as file:
        head = file.read(HEAD)
    for start, what in IMPOSTORS.items():
        if head.lower().startswith(start):
            raise CheckpointError(what)
    for name, recognise, reader in FORMATS:
        if recognise(path, head):
            return name, reader(path, stated)
    known = ", ".join(name for name, _, _ in FORMATS)
    raise CheckpointError(f"in no format that is known here ({known}); it begins with {head[:8]!r}")


def is_recognised(path: Path) -> bool:
    """Whether a file is in a format that is known here, or is what people have instead of one."""
    with opening.open_file(path) as file:
        head = file.read(HEAD)
    return head.lower().startswith(tuple(IMPOSTORS)) or any(recognise(path, head) for _, recognise, _ in FORMATS)


def _torch(path: Path, stated: Stated) -> Checkpoint:
    content = torch_file.read(path)
    if what := no_network(content):
        raise CheckpointError(what)
    card = training.from_content(content)
    card = card if card is not NO_CARD else card_folder.card_beside(path)
    return Checkpoint(find_state_dict(content, stated.key), card=card)


def _safetensors(path: Path, stated: Stated) -> Checkpoint:
    tensors, metadata = safetensors_file.read_all(path)
    card = card_folder.card_beside(path)
    if card is NO_CARD:
        card = training.from_metadata(metadata)
    return Checkpoint(find_state_dict(tensors, stated.key), card=card)


def _npz(path: Path, stated: Stated) -> Checkpoint:
    return Checkpoint(find_state_dict(npz_file.read(path), stated.key))


def _onnx(path: Path, stated: Stated) -> Checkpoint:
    model = onnx_file.read(path)
    if own_export.is_own(model):
        state = find_state_dict(model.tensors)
        return Checkpoint(replace(state, dropped=state.dropped + model.dropped), exported=own_export.restore(model))
    told = [f"values from {name[:80]!r} beside it, SHA-256 {digest}" for name, digest in model.beside.items()]
    narrow = [name for name, array in model.constants.items() if array.dtype in (np.float16, BFLOAT16)]
    if narrow:
        told.append(f"{len(narrow)} tensors of 16-bit floats, such as {narrow[0][:80]!r}, are widened, which is exact")
    return Checkpoint(StateDict({}), program=Program(from_onnx.graph_of(model), None, tuple(told)))


def _keras(path: Path, stated: Stated) -> Checkpoint:
    return _of_keras(keras_file.read(path), stated)


def _of_keras(content: Content, stated: Stated) -> Checkpoint:
    if content.model is not None:
        return Checkpoint(StateDict(content.tensors), program=from_keras(content))
    state = keras_weights.find_network(content.tensors, stated)
    return Checkpoint(state, keras_normalisation.normalisation_of(state.tensors))


def _tensorflow(path: Path, stated: Stated) -> Checkpoint:
    """Only the tensors that are taken are read."""
    tf_objects.check_program(path)
    with tensor_bundle.opened(path) as bundle:
        if tf_objects.is_of_objects(bundle):
            return _of_objects(tf_objects.read(path, bundle), stated)
        choice = tf_variables.choose_variables(bundle.entries)
        stored = bundle.read(choice.stored_as.values())
    tensors = {name: stored[there] for name, there in choice.stored_as.items()}
    return Checkpoint(StateDict(tensors, averaging=choice.averaging, dropped=choice.dropped))


def _tflite(path: Path, stated: Stated) -> Checkpoint:
    model = tflite_file.read(path)
    if is_integers(model):
        return Checkpoint(StateDict({}), integers=model)
    return Checkpoint(StateDict({}), program=from_tflite(model, is_stated=stated.publisher is not None))


def _of_objects(found: tf_objects.Found, stated: Stated) -> Checkpoint:
    read = _of_keras(found.content, stated)
    program = read.program and replace(read.program, told=(*read.program.told, *found.told))
    return replace(read, state=replace(read.state, dropped=read.state.dropped + found.dropped), program=program)


def _is_keras(path: Path, _: bytes) -> bool:
    with opening.open_file(path) as file:
        return keras_file.is_keras_file(file)


Recognise = Callable[[Path, bytes], bool]
# The first that recognises a file reads it. Safetensors goes first: it begins with a length, which may be any bytes.
FORMATS: tuple[tuple[str, Recognise, Callable[[Path, Stated], Checkpoint]], ...] = (
    ("safetensors", lambda _, head: head[8:9] == b"{", _safetensors),
    ("TensorFlow Lite", lambda _, head: tflite_file.is_tflite(head), _tflite),
    ("Keras", _is_keras, _keras),
    ("NumPy", lambda path, _: npz_file.is_npz_file(path), _npz),
    ("PyTorch", lambda _, head: head.startswith((zip_archive.SIGNATURE, PICKLE)), _torch),
    ("TensorFlow", lambda path, head: path.suffix == tensor_bundle.INDEX or tar.is_archive(head), _tensorflow),
    ("ONNX", lambda path, _: path.suffix == ".onnx", _onnx),
)
