"""Models by name: a variant, generated weights, or a file."""

from __future__ import annotations

import os
from pathlib import Path

from refnet import synthetic
from refnet.architecture import variant
from refnet.errors import UnknownModelError
from refnet.recipe import LITE, TENSORFLOW
from refnet.scaling import TABLE
from refnet.store import Provenance, Weights, find, read

SYNTHETIC = "@synthetic"
BN_EPS = 1e-3  # of the TensorFlow originals


def find_weights(model: str | os.PathLike[str]) -> Weights:
    """Get the weights of a model: a name (``b1``), ``NAME@synthetic``, or the path of an ``.h5`` file.

    Raises
    ------
    UnknownModelError
        If it is none of these.
    WeightsNotFoundError
        If there is no weight file of that name, or at that path.
    WeightsError
        If the file is not what it should be.
    """
    if isinstance(model, os.PathLike) or (isinstance(model, str) and model.endswith(".h5")):
        return read(Path(model))
    if not isinstance(model, str):
        raise UnknownModelError(f"a model cannot be {type(model).__name__}; want a name or the path of an .h5 file")
    name = model.removesuffix(SYNTHETIC)
    if name not in TABLE:
        raise UnknownModelError(
            f"unknown model {model!r}; want one of {', '.join(TABLE)}, one of these with {SYNTHETIC}, "
            "or the path of an .h5 file"
        )
    return synthetic_weights(name) if model.endswith(SYNTHETIC) else read(find(name))


def synthetic_weights(name: str) -> Weights:
    """Generate weights for a variant; see :mod:`refnet.synthetic`."""
    architecture = variant(name)
    return Weights(
        architecture=architecture,
        padding="same",
        bn_eps=BN_EPS,
        recipe=LITE if architecture.coefficients.lite else TENSORFLOW,
        tensors=synthetic.tensors(architecture),
        labels=None,
        provenance=Provenance(publisher="synthetic"),
    )
