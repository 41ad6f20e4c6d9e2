"""A checkpoint file of any format: recognised by its first bytes, read, and its network's tensors picked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from refnet import hdf5
from refnet.checkpoints import own_export, tf_variables
from refnet.checkpoints.naming import keras, keras_input
from refnet.checkpoints.readers import (
    files,
    keras_file,
    onnx_file,
    safetensors_file,
    tar,
    tf_bundle,
    torch_file,
    zip_archive,
)
from refnet.checkpoints.state_dict import StateDict, pick
from refnet.errors import CheckpointError
from refnet.normalise import Operations
from refnet.store import Weights

HEAD = 512  # bytes that tell the format
PICKLE = b"\x80"
# What people have instead of the file, and what it begins with.
IMPOSTORS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; `git lfs pull` brings it",
    b"<!doctype html": "a web page; download the file itself",
    b"<html": "a web page; download the file itself",
}


@dataclass(frozen=True)
class Source:
    """What a checkpoint holds.

    Attributes
    ----------
    state
        The network's tensors: of a moving average if the file has one.
    normalise
        What a model of Keras does to pixels by itself, where the file says so.
    exported
        All of it in our terms, if refnet exported the file.
    """

    state: StateDict
    normalise: Operations | None = None
    exported: Weights | None = None


@dataclass(frozen=True)
class Fingerprint:
    """What tells one file from all others.

    Attributes
    ----------
    name
        Of the file, without its folder.
    bytes
        Its size.
    sha256, md5
        In lower-case hexadecimal.
    """

    name: str
    bytes: int
    sha256: str
    md5: str


def read(path: Path) -> tuple[str, Source]:
    """Read a checkpoint, whatever its format.

    Parameters
    ----------
    path
        A file, or TensorFlow's prefix of several, or a folder that holds one such prefix.

    Returns
    -------
    tuple
        The format's name, and what the file holds.

    Raises
    ------
    CheckpointError
        If it is in no known format, or its reader refuses it.
    """
    path = main_file(path)
    head = _head(path)
    for start, what in IMPOSTORS.items():
        if head.lower().startswith(start):
            raise CheckpointError(f"{path}: {what}")
    for name, recognise, reader in FORMATS:
        if recognise(path, head):
            try:
                return name, reader(path)
            except CheckpointError as error:
                text = str(error)
                raise CheckpointError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    known = ", ".join(dict.fromkeys(name for name, _, _ in FORMATS))
    raise CheckpointError(f"{path}: in no format that is known here ({known}); it begins with {head[:8]!r}")


def fingerprint(path: Path) -> Fingerprint:
    """Hash a file.

    Of a TensorFlow checkpoint in several files it is the index, which holds a checksum of every tensor.

    Raises
    ------
    CheckpointError
        If it cannot be read.
    """
    path = main_file(path)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            return Fingerprint(path.name, file.tell(), sha256, md5)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None


def main_file(path: Path) -> Path:
    """Find the file that stands for a checkpoint: itself, or the index of one in several files.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    if path.is_dir():
        indexes = sorted(path.glob(f"*{tf_bundle.INDEX}"))
        if len(indexes) != 1:
            found = [index.name for index in indexes]
            raise CheckpointError(f"{path}: a folder with one {tf_bundle.INDEX} file is wanted, found {found}")
        return indexes[0]
    index = path.with_name(path.name + tf_bundle.INDEX)
    if not path.exists() and index.is_file():
        return index
    if not path.is_file():
        raise CheckpointError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    return path


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None


def _torch(path: Path) -> Source:
    return Source(pick(torch_file.read(path)))


def _safetensors(path: Path) -> Source:
    return Source(pick(safetensors_file.read(path)))


def _onnx(path: Path) -> Source:
    model = onnx_file.read(path)
    state = pick(model.tensors)
    exported = own_export.weights(model) if own_export.is_own(model) else None
    return Source(replace(state, dropped=state.dropped + model.dropped), exported=exported)


def _keras(path: Path) -> Source:
    content = keras_file.read(path)
    tensors = keras.rename(content.tensors)
    return Source(pick(tensors), keras_input.normalisation_of(tensors, content.model))


def _tensorflow(path: Path) -> Source:
    """Only the tensors that are taken are read."""
    with tf_bundle.opened(path) as bundle:
        choice = tf_variables.choose(bundle.entries)
        stored = bundle.read(choice.taken.values())
    tensors = {name: stored[there] for name, there in choice.taken.items()}
    return Source(StateDict(tensors, averaging=choice.averaging, dropped=choice.dropped))


def _is_keras(path: Path, head: bytes) -> bool:
    return head.startswith(hdf5.SIGNATURE) or (
        head.startswith(zip_archive.SIGNATURE) and files.read(path, keras_file.is_one)
    )


Recognise = Callable[[Path, bytes], bool]
FORMATS: tuple[tuple[str, Recognise, Callable[[Path], Source]], ...] = (
    ("Keras", _is_keras, _keras),
    ("PyTorch", lambda _, head: head.startswith((zip_archive.SIGNATURE, PICKLE)), _torch),
    ("TensorFlow", lambda path, head: path.suffix == tf_bundle.INDEX or tar.is_archive(head), _tensorflow),
    ("safetensors", lambda _, head: head[8:9] == b"{", _safetensors),
    ("ONNX", lambda path, _: path.suffix == ".onnx", _onnx),
)
