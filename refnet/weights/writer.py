"""Weights to a file: the same content gives the same bytes, and a file is there whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from refnet.architecture.plan import make_plan
from refnet.arrays import Array
from refnet.errors import WeightsError
from refnet.files.whole import whole_file
from refnet.reference.digest import tensors_digest as digest_of
from refnet.weights import quantised_schema
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.schema import Metadata, to_metadata
from refnet.weights.weights import Weights, check_tensors

BLOCK = 1 << 20  # bytes by which the image grows


def write(path: str | Path, weights: Weights | QuantisedWeights) -> None:
    """Write a weight file, of real numbers or of integers.

    The bytes depend on the content only: not on the time, nor on the order or memory layout of the tensors.
    An existing file is replaced in one step once the new one is complete.

    Raises
    ------
    WeightsError
        If the content could not be read back (real numbers are exactly the plan's tensors, float32 and finite), or the
        file cannot be written.
    """
    path = Path(path)
    try:
        content = file_bytes(weights)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(content)
    except WeightsError as error:
        raise WeightsError(f"{path} not written: {error}") from error
    except OSError as error:
        raise WeightsError(f"{path} not written: {error.strerror or error}") from error


def file_bytes(weights: Weights | QuantisedWeights, *, tensors_digest: str = "") -> bytes:
    """All bytes of the file that ``write`` writes; who knows the tensors' digest already may hand it in."""
    metadata = metadata_of(weights)
    if isinstance(weights, QuantisedWeights):
        tensors = weights.tensors
        digest = digest_of(tensors)
    else:
        check_tensors(weights)
        tensors = {weight.key: weights.tensors[weight.key] for weight in make_plan(weights.architecture).weights}
        digest = tensors_digest or weights.digest()
    metadata.attributes.update(tensors_digest=digest, metadata_digest=metadata.digest())
    try:
        return _image(tensors, metadata)
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"cannot be put together as HDF5: {error}") from error


def metadata_of(weights: Weights | QuantisedWeights) -> Metadata:
    """All that a file says beside the tensors and the digests, of real numbers or of integers."""
    return quantised_schema.to_metadata(weights) if isinstance(weights, QuantisedWeights) else to_metadata(weights)


def _image(tensors: Mapping[str, Array], metadata: Metadata) -> bytes:
    """All bytes of the file.

    They are put together in memory, where HDF5 tells files apart by their names: on a full disk, the HDF5 library
    leaves half a file without a word and then takes the process with it.
    """
    # The oldest format: readable by every HDF5 library, and the one without time stamps.
    options = {"libver": ("earliest", "v110"), "driver": "core", "backing_store": False, "block_size": BLOCK}
    name = f"{secrets.token_hex(8)}.h5"  # in memory; nothing of this name is on any disk
    with h5py.File(name, "w", **options) as file:
        _write_metadata(file, metadata)
        for key, tensor in tensors.items():
            stored = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
            file.create_dataset(key, data=stored, track_times=False)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _write_metadata(file: h5py.File, metadata: Metadata) -> None:
    for name, value in metadata.attributes.items():
        if isinstance(value, str):
            text = _fixed_length([value])
            file.attrs.create(name, text[0], dtype=text.dtype)
        else:
            file.attrs.create(name, value, dtype="<i8" if isinstance(value, int) else "<f8")
    for path, rows in metadata.tables.items():
        file.create_dataset(path, data=_fixed_length(rows), track_times=False)


def _fixed_length(texts: Sequence[str]) -> npt.NDArray[np.bytes_]:
    encoded = [text.encode() for text in texts]
    length = max(1, *map(len, encoded))
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", length))
