"""Keras's files of any kind, told apart by what is in them, whatever they are called."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.readers.keras import hdf5_tree, keras2, keras3
from refnet.checkpoints.readers.keras.hdf5_tree import Tree
from refnet.checkpoints.readers.keras.keras_content import Content
from refnet.files import hdf5, zip_archive
from refnet.files.hdf5 import RefusedError

OURS = "schema"  # the attribute that every weight file of refnet begins with


def read(path: str | Path) -> Content:
    """Read a ``.h5``, ``.weights.h5`` or ``.keras`` file.

    Examples
    --------
    >>> content = read("tests/data/keras/weights.h5")
    >>> content.tensors["stem_conv/kernel"].shape, content.version
    ((3, 3, 3, 8), '2.21.0')
    """
    return file_bytes.parse_file(path, load)


def load(data: bytes) -> Content:
    """Read the bytes of a ``.h5``, ``.weights.h5`` or ``.keras`` file."""
    if data.startswith(zip_archive.SIGNATURE):
        return keras3.load_archive(data)
    return hdf5_tree.parse(data, _read)


def is_keras_file(file: IO[bytes]) -> bool:
    """Whether an open file begins like HDF5, or is a zip archive as Keras makes them, not PyTorch."""
    head = file.read(len(hdf5.SIGNATURE))
    if head.startswith(zip_archive.SIGNATURE):
        return keras3.is_archive(zip_archive.names(file))
    return head == hdf5.SIGNATURE


def _read(tree: Tree) -> Content:
    if tree.has_attribute(OURS):
        raise RefusedError("a weight file of refnet already; it needs no conversion")
    if keras2.has_layout(tree):
        return keras2.read(tree)
    if keras3.has_layout(tree):
        return keras3.read(tree)
    raise RefusedError("an HDF5 file, but not of Keras: it has neither layer_names nor a group of layers")
