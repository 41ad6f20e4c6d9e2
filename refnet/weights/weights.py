"""Weights in memory: the tensors, and all that is needed to run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.padding import Padding
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import Architecture
from refnet.errors import WeightsError, first_few
from refnet.preprocessing.recipe import Recipe
from refnet.reference.digest import tensors_digest
from refnet.weights.labels import Labels
from refnet.weights.releases.release import Averaging

Tensors = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Provenance:
    """Where weights come from.

    Attributes
    ----------
    publisher
        Who published them.
    source, source_sha256
        Name and SHA-256 of the file they were read from; both empty where there was none.
    averaging
        ``ema`` for the moving average over training steps, ``raw`` for the last step, or ``unknown``.
    licence
        SPDX identifier, empty if none was stated.
    dropped
        Name and reason for every tensor of the source that was left out.
    """

    publisher: str
    source: str = ""
    source_sha256: str = ""
    averaging: Averaging = "unknown"
    licence: str = ""
    dropped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Weights:
    """A network's weights and all that is needed to run them: the content of one weight file.

    Attributes
    ----------
    architecture
        The network they belong to.
    padding, bn_eps
        Padding rule, and what batch norm adds to the variance.
    recipe
        How a picture becomes the network's input.
    tensors
        Key to f32[...] for each weight of the plan: kernels HWIO, depthwise HWC, dense CK, the rest K.
    labels
        What the classes are called, if known.
    provenance
        Where they come from.
    """

    architecture: Architecture
    padding: Padding
    bn_eps: float
    recipe: Recipe
    tensors: Tensors = field(repr=False)
    labels: Labels | None = field(repr=False)
    provenance: Provenance

    def digest(self) -> str:
        """Digest over all tensors, as the file states it."""
        return tensors_digest(self.tensors)


def check_tensors(weights: Weights) -> None:
    """Refuse tensors that a network cannot be run with; all that are missing, unknown or misshapen in one error."""
    plan = make_plan(weights.architecture)
    wanted = {weight.key: weight.shape for weight in plan.weights}
    wrong = [f"{key} is missing" for key in wanted if key not in weights.tensors]
    for key, tensor in weights.tensors.items():
        if key not in wanted:
            wrong.append(f"{key} is unknown")
        elif tensor.dtype.name != "float32" or tensor.shape != wanted[key]:
            wrong.append(f"{key} is {tensor.dtype.name}{list(tensor.shape)}, not float32{list(wanted[key])}")
    if wrong:
        raise WeightsError(f"not the tensors of {weights.architecture.name}: {first_few(wrong)}", details=wrong)
    for key, tensor in weights.tensors.items():
        finite = np.isfinite(tensor)
        if not finite.all():
            index = [int(i) for i in np.argwhere(~finite)[0]]
            raise WeightsError(f"{key}{index} is {tensor[tuple(index)]}; every weight must be finite")
    for step in plan:
        if step.normalized or step.op == "batch_norm":
            _check_batch_norm(weights, names.weight_key(step.name, "bn/"), step.bn_eps(weights.bn_eps))
        if step.op == "gem" and not (power := weights.tensors[step.weights[0].key][0]) > 0:
            raise WeightsError(f"{step.weights[0].key}[0] is {power}; a generalised mean wants a power above 0")


def _check_batch_norm(weights: Weights, prefix: str, eps: float) -> None:
    gamma, beta, mean, variance = (
        weights.tensors[prefix + leaf].astype(np.float64) for leaf in ("gamma", "beta", "mean", "variance")
    )
    if not (variance.min() >= 0 and variance.min() + eps > 0):
        at = int(variance.argmin())
        raise WeightsError(f"{prefix}variance[{at}] is {variance[at]}, which with eps {eps} has no root")
    scale = gamma / np.sqrt(variance + eps)
    largest = float(np.abs([scale, beta - mean * scale]).max())
    if largest > float(np.finfo(np.float32).max):
        raise WeightsError(f"{prefix}*: a scale or shift of {largest:.3g} is beyond float32")
