"""EfficientNet defined to the bit: B0-B8, L2 and Lite in array code, without a framework.

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
    from refnet.recipe import Recipe
    from refnet.releases import Release
    from refnet.warming import Warm

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
    "published",
    "warmup",
]


def load(
    model: str | os.PathLike[str],
    *,
    dtype: npt.DTypeLike = "float32",
    threads: int | None = None,
    recipe: str | Recipe | None = None,
) -> Network:
    """Load a network.

    Parameters
    ----------
    model
        ``b0`` … ``b8``, ``l2``, ``lite0`` … ``lite4`` (trained weights that are on this machine), a name with
        ``@synthetic`` (generated weights), or the path of an ``.h5`` file.
    dtype
        ``float32`` or ``float64``.
    threads
        How many threads share the work; by default one for each core.
    recipe
        How pictures become the network's input: a name in ``refnet.recipe.RECIPES`` or a
        :class:`refnet.recipe.Recipe`; by default as the weights were trained.

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

    return Network.taking(find_weights(model), dtype=dtype, threads=threads, recipe=recipe)


def predict(
    image: Any, model: str | os.PathLike[str] = "lite0", *, top: int = 5, recipe: str | Recipe | None = None
) -> Any:
    """Classify a picture, or a list of pictures.

    Parameters
    ----------
    image
        A path, the bytes of a file, a PIL image, an array u8[H, W, 3], or a list of these.
    model
        See :func:`load`. It is kept for the next call, so a file that changes meanwhile is not read again.
    top
        How many predictions, most probable first.
    recipe
        See :func:`load`.

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
    from refnet.recipe import find_recipe

    recipe = None if recipe is None else find_recipe(recipe)
    keep = isinstance(model, str | os.PathLike)
    network = _loaded(os.fspath(model), recipe) if keep else load(model, recipe=recipe)
    return network.predict(image, top)


@lru_cache(2)
def _loaded(model: str, recipe: Recipe | None) -> Network:
    return load(model, recipe=recipe)


def published() -> tuple[Release, ...]:
    """List every published file of EfficientNet: address, hash, accuracy, and how its weights want to be used.

    Returns
    -------
    tuple
        Of :class:`refnet.releases.Release`, each named as ``b1@timm-tf:aa``: variant, publisher, set of weights.

    Raises
    ------
    InputError
        If the list, ``published.toml``, is not there or damaged.

    Examples
    --------
    >>> best = max((release for release in published() if release.model == "b4"), key=lambda release: release.top1 or 0)
    >>> best.name, best.top1, best.file
    ('b4@tf:noisystudent', 85.3, 'noisy_student_efficientnet-b4.tar.gz')
    """
    from refnet import releases

    return releases.published()


def warmup(
    *models: str | os.PathLike[str], dtype: npt.DTypeLike | None = None, cache: str | os.PathLike[str] | None = None
) -> list[Warm]:
    """Compile the kernels ahead and keep them on disk; read each model, check it and run it once.

    All models share the kernels. They are found again by the same refnet, Numba and Python in the same place, on the
    same kind of CPU; what does not find them compiles again.

    Parameters
    ----------
    models
        Each as :func:`load` takes it. One that is wrong is an error before anything is compiled.
    dtype
        ``float32`` or ``float64``; by default both.
    cache
        A directory for the compiled kernels, made where there is none. A process finds them there if the environment
        variable NUMBA_CACHE_DIR named it when Numba was imported, even if it may not write there. By default they are
        kept where this process looks for them.

    Returns
    -------
    list
        Of :class:`refnet.warming.Warm` (dtype, seconds or None, directory), one for each dtype.

    Raises
    ------
    RefnetError
        Of the family in :mod:`refnet.errors`: a model that is not here or damaged, a wrong dtype, a directory that is
        none or cannot be written.

    Examples
    --------
    >>> [kernels.dtype for kernels in warmup("lite0", dtype="float32")]
    ['float32']
    """
    from refnet.warming import warm_up

    return warm_up(models, dtype, cache)
