"""A file to weights, believing nothing it says until it is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.files import hdf5
from refnet.weights import strict
from refnet.weights.places import mend
from refnet.weights.schema import ATTRIBUTES, SCHEMA_VERSION, TABLES, Record, from_record, parse_architecture
from refnet.weights.weights import Weights, check_tensors, expected


def read(path: str | Path) -> Weights:
    """Read a weight file and verify it.

    Parameters
    ----------
    path
        A file as ``refnet.weights.write`` makes them. It may come from anywhere: whatever is not exactly as
        the schema says is refused.

    Returns
    -------
    Weights
        With tensors in the plan's order, f32[...], C-contiguous, every one finite.

    Raises
    ------
    WeightsNotFoundError
        If there is no such file.
    WeightsError
        If it is not a weight file, is damaged, or departs from the schema.

    Examples
    --------
    >>> from refnet.weights.places import find
    >>> weights = read(find("lite0"))
    >>> weights.architecture.name, weights.padding, weights.bn_eps
    ('lite0', 'same', 0.001)
    >>> weights.tensors["stem/kernel"].shape
    (3, 3, 3, 32)
    """
    path = Path(path)
    _check_it_is_there(path)
    try:
        # Files are replaced, never changed in place, so no lock is needed; a read-only disk has none to give.
        with h5py.File(path, "r", locking=False) as file:
            return _read(file)
    except (WeightsError, hdf5.RefusedError) as error:
        raise WeightsError(f"{path}: {error}; {mend(path)}") from error
    except hdf5.DAMAGE as error:
        raise WeightsError(f"{path}: cannot be read as HDF5: {error}; {mend(path)}") from error


def _check_it_is_there(path: Path) -> None:
    try:
        if path.is_file():
            return
        what = "is not a file" if path.exists() else "does not exist"
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    raise WeightsNotFoundError(f"{path} {what}; {mend(path)}")


def _read(file: h5py.File) -> Weights:
    attributes = _attributes(file)
    wanted = {weight.key: weight.shape for weight in expected(parse_architecture(attributes["architecture"]))}
    present = strict.find_datasets(file, set(wanted), set(TABLES))
    tables = [table for table in TABLES if table in present]
    regions = hdf5.Regions(file.id.get_filesize())
    texts = {table: strict.open_table(file, table, regions) for table in tables}
    datasets = {key: strict.open_tensor(file, key, shape, regions) for key, shape in wanted.items()}
    regions.check()
    record = Record(attributes, {table: strict.read_texts(table, dataset) for table, dataset in texts.items()})
    if record.digest() != attributes["metadata_digest"]:
        raise WeightsError("metadata_digest disagrees: an attribute or a table was changed or is damaged")
    weights = from_record(record, {key: hdf5.read_array(dataset) for key, dataset in datasets.items()})
    if weights.digest() != attributes["tensors_digest"]:
        raise WeightsError("tensors_digest disagrees: a weight was changed or is damaged")
    check_tensors(weights)
    return weights


def _attributes(file: h5py.File) -> dict[str, Any]:
    names = strict.attribute_names(file)
    if "schema" not in names:
        raise WeightsError("no attribute `schema`: this HDF5 file is not a weight file of refnet")
    version = strict.read_attribute(file, "schema", int)
    if version != SCHEMA_VERSION:
        newer = "a newer refnet reads it" if version > SCHEMA_VERSION else "there never was one"
        raise WeightsError(f"schema version {version}, where {SCHEMA_VERSION} is read here: {newer}")
    wrong = [f"{name} is missing" for name in ATTRIBUTES if name not in names]
    wrong += [f"{name!r} is unknown" for name in sorted(names - set(ATTRIBUTES))]
    if wrong:
        raise WeightsError(f"attributes of the root: {strict.listed(wrong)}")
    return {name: strict.read_attribute(file, name, kind) for name, kind in ATTRIBUTES.items()}
