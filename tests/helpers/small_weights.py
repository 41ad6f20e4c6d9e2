"""Weights for tests of their files: of a small network with every kind of tensor, or of a variant by name."""

import dataclasses

import numpy as np

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet, variant
from refnet.hub.models import synthetic_weights
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights import synthetic
from refnet.weights.labels import Labels
from refnet.weights.weights import Provenance, Weights


def make_weights(coefs: Coefficients | None = None, *, classes: int = 10, **changes: object) -> Weights:
    """Weights of a small network with every kind of tensor."""
    coefs = coefs or Coefficients(width=0.1, depth=0.1, resolution=32)
    architecture = efficientnet(coefs, name="tiny", classes=classes)
    rng = np.random.default_rng(0)
    names = tuple(f"n{i:08}" for i in range(classes)), tuple(f"thing {i}" for i in range(classes))
    weights = Weights(
        architecture=architecture,
        padding="same",
        bn_eps=1e-3,
        recipe=TENSORFLOW,
        tensors={w.key: rng.random(w.shape, np.float32) for w in make_plan(architecture).weights},
        labels=Labels(*names) if classes else None,
        provenance=Provenance(
            publisher="Jörg",
            source="tiny.pth",
            source_sha256="0123456789abcdef" * 4,
            averaging="ema",
            licence="CC0-1.0",
            dropped=(("_bn0.num_batches_tracked", "no use"), ("global_step", "no use either")),
        ),
    )
    return dataclasses.replace(weights, **changes)


def make_weights_of(model: str, publisher: str, classes: int) -> Weights:
    """Generated weights that claim to be somebody's."""
    architecture = variant(model, classes=classes)
    return dataclasses.replace(
        synthetic_weights(model),
        architecture=architecture,
        tensors=synthetic.tensors(architecture),
        provenance=Provenance(publisher),
    )


def assert_same(ours: Weights, theirs: Weights) -> None:
    for field in dataclasses.fields(Weights):
        if field.name != "tensors":
            assert getattr(ours, field.name) == getattr(theirs, field.name)
    assert ours.digest() == theirs.digest()
