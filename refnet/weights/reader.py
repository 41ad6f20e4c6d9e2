"""A file to weights, believing nothing it says until it is checked; found by a name, it must hold what that says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from refnet.architecture.plan import make_plan
from refnet.errors import WeightsError, WeightsNotFoundError
from refnet.files import hdf5
from refnet.memory import lack
from refnet.reference.digest import tensors_digest
from refnet.weights import paths, quantised_schema, releases, strict_hdf5
from refnet.weights.quantised import QuantisedWeights, outline, to_tensors
from refnet.weights.releases import Release
from refnet.weights.schema import ATTRIBUTES, SCHEMA_VERSION, TABLES, Metadata, from_metadata, parse_architecture
from refnet.weights.strict_hdf5 import TensorType
from refnet.weights.weight_file import WeightFile, file_of, remember
from refnet.weights.weights import Weights, check_tensors


def read(path: str | Path) -> Weights:
    """Read a weight file and verify it: tensors come in the plan's order, f32[...], C-contiguous, every one finite.

    It may come from anywhere: whatever is not exactly as the schema says is refused.

    Raises
    ------
    WeightsNotFoundError
        If there is no such file.
    WeightsError
        If it is not a weight file, is damaged, or departs from the schema.

    Examples
    --------
    >>> from refnet.weights.paths import find
    >>> weights = read(find("lite0"))
    >>> weights.architecture.name, weights.padding, weights.bn_eps
    ('lite0', 'same', 0.001)
    >>> weights.tensors["stem/kernel"].shape
    (3, 3, 3, 32)
    """
    weights = read_any(path)
    if isinstance(weights, QuantisedWeights):
        raise WeightsError(
            f"{path}: holds {weights.architecture.name} in integers, where real numbers are wanted; want the weights "
            "that it was made of",
            filename=Path(path),
        )
    return weights


def read_any(path: str | Path) -> Weights | QuantisedWeights:
    """Read a weight file of either schema and verify it; as ``read``.

    Examples
    --------
    >>> from refnet.weights.paths import find
    >>> type(read_any(find("lite0"))).__name__
    'Weights'
    """
    path = Path(path)
    _check_it_is_there(path)
    try:
        # Files are replaced, never changed in place, so no lock is needed; a read-only disk has none to give.
        with h5py.File(path, "r", locking=False) as file:
            return _read(file, path)
    except (WeightsError, hdf5.RefusedError) as error:
        raise WeightsError(f"{path}: {error}; {paths.how_to_mend(path)}") from error
    except hdf5.DAMAGE as error:
        raise WeightsError(f"{path}: cannot be read as HDF5: {error}; {paths.how_to_mend(path)}") from error


def read_again(file: WeightFile) -> Weights | QuantisedWeights:
    """Read the file that a network was sent as, and refuse it if it is not there or holds something else by now.

    Examples
    --------
    >>> read_again(WeightFile(paths.find("lite0"), "of others", "of others"))
    Traceback (most recent call last):
        ...
    refnet.errors.WeightsError: ...lite0.h5 holds other weights than the network that was sent here as its path; ...
    """
    if file.path is None:
        raise WeightsNotFoundError(f"a network that is in no file; {_SENT}")
    try:
        weights = read_any(file.path)
    except WeightsNotFoundError as error:
        raise error.saying(f"{file.path} does not exist; {_SENT}") from None
    if file_of(weights) != file:
        raise WeightsError(
            f"{file.path} holds other weights than the network that was sent here as its path; {_SENT}",
            filename=file.path,
        )
    return weights


_SENT = (
    "a network from a file is sent to another process as the file's path and digest, so the same file must lie there; "
    "refnet.Network(network.weights) is sent with all its weights"
)


def is_weight_file(path: Path) -> bool:
    """Whether an HDF5 file was meant to be a weight file of refnet's; a damaged one may have been.

    Examples
    --------
    >>> is_weight_file(paths.find("lite0"))
    True
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            return "schema" in strict_hdf5.attribute_names(file)
    except (WeightsError, *hdf5.DAMAGE):
        return True


def _check_it_is_there(path: Path) -> None:
    try:
        if path.is_file():
            return
        what = "is not a file" if path.exists() else "does not exist"
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    raise WeightsNotFoundError(f"{path} {what}; {paths.how_to_mend(path)}", filename=path)


def _read(file: h5py.File, path: Path) -> Weights | QuantisedWeights:
    attributes = _attributes(file)
    of_integers = attributes["schema"] == quantised_schema.SCHEMA_VERSION
    wanted = _quantised_tensors(attributes) if of_integers else _tensors(attributes)
    present = strict_hdf5.find_datasets(file, set(wanted), set(TABLES))
    tables = [table for table in TABLES if table in present]
    regions = hdf5.Regions(file.id.get_filesize())
    texts = {table: strict_hdf5.open_table(file, table, regions) for table in tables}
    datasets = {key: strict_hdf5.open_tensor(file, key, kind, regions) for key, kind in wanted.items()}
    regions.check()
    if missing := lack(sum(kind.size for kind in wanted.values())):
        raise WeightsError(f"a network of that size needs {missing}")
    metadata = Metadata(attributes, {table: strict_hdf5.read_texts(table, dataset) for table, dataset in texts.items()})
    if metadata.digest() != attributes["metadata_digest"]:
        raise WeightsError("metadata_digest disagrees: an attribute or a table was changed or is damaged")
    tensors = {key: hdf5.read_array(dataset) for key, dataset in datasets.items()}
    if tensors_digest(tensors) != attributes["tensors_digest"]:
        raise WeightsError("tensors_digest disagrees: a weight was changed or is damaged")
    weights: Weights | QuantisedWeights
    if of_integers:
        weights = quantised_schema.from_metadata(metadata, tensors)
    else:
        weights = from_metadata(metadata, tensors)
        check_tensors(weights)
    remember(weights, path, attributes["tensors_digest"], attributes["metadata_digest"])
    return weights


def _tensors(attributes: dict[str, Any]) -> dict[str, TensorType]:
    plan = make_plan(parse_architecture(attributes["architecture"]))
    return {weight.key: TensorType(weight.shape) for weight in plan.weights}


def _quantised_tensors(attributes: dict[str, Any]) -> dict[str, TensorType]:
    plan, forms, engine = quantised_schema.parse_plan(attributes)
    tensors = to_tensors(outline(plan, forms), engine)
    return {key: TensorType(tensor.shape, tensor.dtype.name) for key, tensor in tensors.items()}


def _attributes(file: h5py.File) -> dict[str, Any]:
    names = strict_hdf5.attribute_names(file)
    if "schema" not in names:
        raise WeightsError("no attribute `schema`: this HDF5 file is not a weight file of refnet")
    version = strict_hdf5.read_attribute(file, "schema", int)
    if version not in _SCHEMAS:
        newer = "a newer refnet reads it" if version > max(_SCHEMAS) else "there never was one"
        raise WeightsError(f"schema version {version}, where {' and '.join(map(str, _SCHEMAS))} are read here: {newer}")
    attributes = _SCHEMAS[version]
    wrong = [f"{name} is missing" for name in attributes if name not in names]
    wrong += [f"{name!r} is unknown" for name in sorted(names - set(attributes))]
    if wrong:
        raise WeightsError(f"attributes of the root: {strict_hdf5.listed(wrong)}")
    return {name: strict_hdf5.read_attribute(file, name, kind) for name, kind in attributes.items()}


_SCHEMAS = {SCHEMA_VERSION: ATTRIBUTES, quantised_schema.SCHEMA_VERSION: quantised_schema.ATTRIBUTES}


def read_named(name: str, path: Path) -> Weights:
    """Read the weight file that was found under a name, and refuse it if it holds something else.

    What is found as ``b1.h5`` may be anybody's B1, of any number of classes. What is found under the name of a release
    is of that publisher and set, with the classes of that release.

    Examples
    --------
    >>> read_named("lite0", paths.find("lite0")).provenance.publisher
    'lite'
    >>> read_named("b1", paths.find("lite0"))
    Traceback (most recent call last):
        ...
    refnet.errors.WeightsError: ...lite0.h5 holds lite0 of lite with 1000 classes, but was found as b1; ...
    """
    weights = read(path)
    held = weights.architecture.name
    if "@" in name or "@" in path.stem:
        release = releases.find(name)
        wanted = f"{release.name} with {release.classes} classes"
        fits = (held, weights.provenance.publisher, weights.architecture.classes) == (
            release.model,
            release.publisher,
            release.classes,
        )
        if fits and not _may_be_of(weights.provenance.source_sha256, release):
            raise WeightsError(
                f"{path} was made of {weights.provenance.source or 'no file'}, "
                f"which has not the hash of {release.name}; {_remedy(name, path)}"
            )
    else:
        wanted = name
        fits = held == name
    if fits:
        return weights
    content = f"{held} of {weights.provenance.publisher or 'nobody known'} with {weights.architecture.classes} classes"
    raise WeightsError(f"{path} holds {content}, but was found as {wanted}; {_remedy(name, path)}")


def _may_be_of(sha256: str, release: Release) -> bool:
    """Whether a file of this hash may be the published one, as far as its hash is published."""
    known = (release.sha256, release.member_sha256, *release.hub_sha256)
    return not any(known) or any(each and sha256.startswith(each) for each in known)


def _remedy(name: str, path: Path) -> str:
    if paths.is_cached(path):
        return paths.how_to_mend(path)
    return f"load it by its path instead, and move it away so that `refnet fetch {name}` can bring {name}"
