"""Weight files that somebody changed, and how reading them must fail."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from refnet.errors import WeightsError
from refnet.reference.digest import tensors_digest
from refnet.weights import reader
from refnet.weights.schema import TABLES, Metadata

KEY = "stem/kernel"
SHAPE = (3, 3, 3, 8)


def refused(path: Path, message: str, read: Callable[[Path], object] = reader.read) -> None:
    """Reading fails for this reason, and takes no memory worth speaking of."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=message) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("copy it from its source again, or convert it anew")


def refused_any(path: Path, message: str) -> None:
    """As ``refused``, of files of integers."""
    refused(path, message, reader.read_any)


def replace_dataset(file: h5py.File, key: str = KEY, **how: object) -> None:
    """Put another dataset in the place of one."""
    values = how.pop("data", None)
    del file[key]
    file.create_dataset(key, data=values, **{"shape": SHAPE, "dtype": "<f4", "track_times": False, **how})


def reseal(file: h5py.File) -> None:
    """Make both digests agree with what the file now holds."""
    tensors = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and name not in TABLES:
            tensors[name] = item[()]

    file.visititems(visit)
    attributes = {n: v.decode() if isinstance(v, bytes) else np.asarray(v).item() for n, v in file.attrs.items()}
    tables = {t: tuple(row.decode() for row in file[t][()].tolist()) for t in TABLES if t in file}
    state(file, tensors_digest=tensors_digest(tensors), metadata_digest=Metadata(attributes, tables).digest())


def state(file: h5py.File, **attributes: object) -> None:
    """Set attributes of the root as the schema types them."""
    for name, value in attributes.items():
        if isinstance(value, str):
            file.attrs.create(name, value.encode(), dtype=h5py.string_dtype("utf-8", max(1, len(value.encode()))))
        else:
            file.attrs.create(name, value, dtype={int: "<i8", float: "<f8"}[type(value)])
