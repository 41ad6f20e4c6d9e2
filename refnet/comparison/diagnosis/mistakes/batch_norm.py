"""Mistakes of batch norm: another eps, a tensor dropped or taken for another, skipped, twice, folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation
from refnet.reference.numerics import fold_batch_norm

EPS = (1e-3, 1e-5, 1e-4, 0.0, 1e-6, 1e-2)


def eps(s: Situation) -> Iterator[Mistake]:
    """Another eps: 1e-3 is of TensorFlow, 1e-5 PyTorch's default."""
    c = s.right
    for norm in c.norms:
        for other in EPS:
            if other != norm.eps:
                yield Mistake(
                    f"eps-{other:g}",
                    f"the batch norm's eps is {other:g} instead of {norm.eps:g}",
                    replace(c, norms=(norm._replace(eps=other),)),
                )


def batch_norm(s: Situation) -> Iterator[Mistake]:
    """Skipped, twice, after the activation, with its tensors dropped or mixed up."""
    c = s.right
    for norm in c.norms:
        yield Mistake("norm-skipped", "the batch norm is skipped", replace(c, norms=()))
        one, zero = np.ones_like(norm.gamma), np.zeros_like(norm.gamma)
        std = np.sqrt(norm.variance.astype(np.float64))
        for name, words, changed in (
            ("gamma-missing", "the batch norm has no gamma", norm._replace(gamma=one)),
            ("beta-missing", "the batch norm has no beta", norm._replace(beta=zero)),
            ("mean-missing", "the batch norm does not subtract the mean", norm._replace(mean=zero)),
            ("variance-missing", "the batch norm does not divide by the deviation", norm._replace(variance=one, eps=0)),
            (
                "gamma-beta-swapped",
                "the batch norm's gamma and beta are swapped",
                norm._replace(gamma=norm.beta, beta=norm.gamma),
            ),
            (
                "mean-variance-swapped",
                "the batch norm's mean and variance are swapped",
                norm._replace(mean=norm.variance, variance=norm.mean),
            ),
            (
                "mean-beta-swapped",
                "the batch norm's mean and beta are swapped",
                norm._replace(mean=norm.beta, beta=norm.mean),
            ),
            (
                "variance-as-deviation",
                "the batch norm divides by variance + eps, without the square root",
                norm._replace(variance=(norm.variance.astype(np.float64) + norm.eps) ** 2, eps=0),
            ),
            (
                "eps-outside",
                f"the batch norm's eps of {norm.eps:g} is added to the square root, not under it",
                norm._replace(variance=(std + norm.eps) ** 2, eps=0),
            ),
            (
                "batch-statistics",
                "the batch norm takes mean and variance from this very batch, as in training",
                norm._replace(statistics="batch"),
            ),
        ):
            yield Mistake(name, words, replace(c, norms=(changed,)))
        yield Mistake("norm-twice", "the batch norm is applied twice", replace(c, norms=(norm, norm)))
        if c.activation != "none":
            yield Mistake(
                "activation-first", "the activation comes before the batch norm", replace(c, activation_first=True)
            )


def folded(s: Situation) -> Iterator[Mistake]:
    """Sums that have the batch norm in them already."""
    if s.norm_follows is None:
        return
    (norm,) = s.norm_follows.norms
    yield Mistake(
        "norm-folded",
        "the sums have the batch norm in them already: it is folded into the kernel and a bias",
        s.norm_follows,
    )
    scale, _ = fold_batch_norm(*norm[:5], np.float64)
    only_scale = norm._replace(gamma=scale, mean=0 * scale, beta=0 * scale, variance=0 * scale + 1, eps=0.0)
    yield Mistake(
        "scale-folded",
        "the sums have the batch norm's scale in them already, and not its shift: it is folded into the kernel",
        replace(s.norm_follows, norms=(only_scale,)),
    )
