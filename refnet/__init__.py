"""EfficientNet defined to the bit: B0-B7 and Lite in array code, without a framework.

>>> import refnet
>>> refnet.predict("tests/data/chelsea.png", top=1)[0].label
'tiger cat'
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from refnet.errors import (
    CheckpointError,
    ImageError,
    InputError,
    RefnetError,
    UnknownModelError,
    WeightsError,
    WeightsNotFoundError,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from refnet.network import Network

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "ImageError",
    "InputError",
    "RefnetError",
    "UnknownModelError",
    "WeightsError",
    "WeightsNotFoundError",
    "load",
    "predict",
]


def load(model: str | os.PathLike[str], *, dtype: npt.DTypeLike = "float32", threads: int | None = None) -> Network:
    """Load a network.

    Parameters
    ----------
    model
        ``b0`` … ``b7``, ``lite0`` … ``lite4`` (trained weights that are on this machine), a name with ``@synthetic``
        (generated weights), or the path of an ``.h5`` file.
    dtype
        ``float32`` or ``float64``.
    threads
        How many threads share the work; by default one for each core.

    Raises
    ------
    RefnetError
        Of the family in :mod:`refnet.errors`: an unknown name, weights that are missing or damaged.

    Examples
    --------
    >>> net = load("b0@synthetic")
    >>> sum(step.params for step in net.plan)
    5288548
    """
    from refnet.models import find_weights
    from refnet.network import Network

    return Network(find_weights(model), dtype=dtype, threads=threads)


def predict(image: Any, model: str | os.PathLike[str] = "lite0", *, top: int = 5) -> Any:
    """Classify a picture, or a list of pictures.

    Parameters
    ----------
    image
        A path, the bytes of a file, a PIL image, an array u8[H, W, 3], or a list of these.
    model
        See :func:`load`. It is kept for the next call, so a file that changes meanwhile is not read again.
    top
        How many predictions, most probable first.

    Returns
    -------
    list
        Of :class:`refnet.network.Prediction` (index, wnid, label, probability); a list of lists for a list of pictures.

    Raises
    ------
    RefnetError
        Of the family in :mod:`refnet.errors`.

    Examples
    --------
    >>> [prediction.label for prediction in predict("tests/data/chelsea.png", top=2)]
    ['tiger cat', 'Egyptian cat']
    """
    network = _loaded(os.fspath(model)) if isinstance(model, str | os.PathLike) else load(model)
    return network.predict(image, top)


@lru_cache(2)
def _loaded(model: str) -> Network:
    return load(model)
