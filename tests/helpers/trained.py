"""Numbers as after training, for a network that nobody trained."""

from __future__ import annotations

import numpy as np


def numbers_of(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers for one of PyTorch's tensors: each kernel keeps the spread, no batch norm is the identity."""
    if len(shape) > 1:
        return rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    if name.endswith(("running_var", "weight")):
        return rng.uniform(0.5, 1.5, shape)
    return rng.uniform(-0.5, 0.5, shape)
