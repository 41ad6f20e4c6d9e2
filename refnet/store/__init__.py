"""Weight files: one canonical HDF5 form, written byte-stable, read safely, found by name.

The form is stated in :mod:`refnet.store.schema`.
"""

from refnet.store.named import read_named
from refnet.store.places import find
from refnet.store.reader import read
from refnet.store.weights import Provenance, Weights
from refnet.store.writer import write

__all__ = ["Provenance", "Weights", "find", "read", "read_named", "write"]
