"""Small networks with the tops that people give them: all that a plan can have behind the last convolution."""

from __future__ import annotations

from dataclasses import replace

from refnet.architecture.scaling import Coefficients
from refnet.architecture.top import PUBLISHED_TOP, Top, TopLayer
from refnet.architecture.variants import Architecture, efficientnet
from refnet.preprocessing.recipe import LITE
from refnet.weights import synthetic
from refnet.weights.weights import Provenance, Weights

_LAYERS = (
    TopLayer("batch_norm", eps=1e-4),
    TopLayer("dense", units=37, activation="relu"),
    TopLayer("batch_norm", activation="swish", eps=1e-5),
    TopLayer("dense", units=20, activation="tanh"),
    TopLayer("activation", activation="relu6"),
)

TOPS: dict[str, Top] = {
    "scores of the largest": Top("max", output="sigmoid"),
    "values of a generalised mean": Top("gem", output="none"),
    "logarithms, tempered": Top("mean+max", temperature=1.7, output="log_softmax"),
    "layers behind two pools": Top("concatenated", _LAYERS),
    "bounded values": Top(layers=(TopLayer("dense", units=16, activation="swish"),), temperature=0.5, output="tanh"),
    "values above 0": Top(output="relu"),
}


def architecture_with(top: Top = PUBLISHED_TOP, *, folded: bool = False, classes: int = 5) -> Architecture:
    """A narrow, shallow network."""
    return replace(efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=classes), top=top, folded=folded)


def weights_with(top: Top = PUBLISHED_TOP, *, folded: bool = False, classes: int = 5, padding: str = "same") -> Weights:
    """Generated weights of such a network."""
    architecture = architecture_with(top, folded=folded, classes=classes)
    tensors = synthetic.tensors(architecture)
    return Weights(architecture, padding, 1e-3, LITE, tensors, None, Provenance(publisher="a test"))
