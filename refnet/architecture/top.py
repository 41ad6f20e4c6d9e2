"""Top: what follows the last convolution, as data: pooling, layers, the classifier, and what its numbers mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from refnet.architecture.activations import Activation
from refnet.errors import InputError

Pooling = Literal["mean", "max", "gem", "mean+max", "concatenated"]
Output = Literal["softmax", "log_softmax", "sigmoid", "relu", "tanh", "none"]
Meaning = Literal["probability", "score", "log_probability", "value"]
LayerKind = Literal["dense", "batch_norm", "activation"]

MAX_LAYERS = 32
MAX_UNITS = 1 << 20


@dataclass(frozen=True)
class TopLayer:
    """One layer between the pooled features and the classifier.

    Attributes
    ----------
    kind
        ``dense``, ``batch_norm``, or ``activation`` alone.
    units
        Outputs of a dense layer; 0 for the others, which keep their input's.
    activation
        What is applied last; an ``activation`` layer does nothing else.
    eps
        What a batch norm adds to the variance; 0 for the others.

    Raises
    ------
    InputError
        If these do not go together.

    Examples
    --------
    >>> TopLayer("dense", units=256, activation="relu")
    TopLayer(kind='dense', units=256, activation='relu', eps=0.0)
    """

    kind: LayerKind
    units: int = 0
    activation: Activation = "none"
    eps: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(LayerKind) or self.activation not in get_args(Activation):
            raise InputError(f"layer {self.kind!r} with activation {self.activation!r}: not a layer of a top")
        if (self.kind == "dense") != (1 <= self.units <= MAX_UNITS) or (self.kind != "dense" and self.units):
            raise InputError(f"layer {self.kind!r} of {self.units} units: a dense layer has 1 to {MAX_UNITS}, others 0")
        if not 0 <= self.eps < 1 or (self.kind != "batch_norm" and self.eps):
            raise InputError(f"layer {self.kind!r} with eps={self.eps}: want 0 to below 1, for batch norms alone")
        if self.kind == "activation" and self.activation == "none":
            raise InputError("a layer 'activation' needs one")


@dataclass(frozen=True)
class Top:
    """What follows the last convolution.

    Attributes
    ----------
    pooling
        How a picture becomes a vector: the ``mean`` or the ``max`` of each channel; ``gem``, the generalised mean
        (mean of x**p)**(1/p) with a trained p; ``mean+max``, half their sum; ``concatenated``, both, the mean first.
    layers
        Between the pooled features and the classifier; behind the features, where there is none.
    temperature
        What the classifier's numbers are divided by before ``output``.
    output
        What turns the classifier's numbers into the answer: ``softmax`` (probabilities that add up to 1), ``sigmoid``
        (a score for each class by itself), ``none`` (they are the answer: a regression), ….

    Raises
    ------
    InputError
        If one of them is unknown or out of range.

    Examples
    --------
    >>> Top().pooling, Top().output
    ('mean', 'softmax')
    """

    pooling: Pooling = "mean"
    layers: tuple[TopLayer, ...] = ()
    temperature: float = 1.0
    output: Output = "softmax"

    def __post_init__(self) -> None:
        if self.pooling not in get_args(Pooling):
            raise InputError(f"unknown pooling {self.pooling!r}; one of {', '.join(get_args(Pooling))}")
        if self.output not in get_args(Output):
            raise InputError(f"unknown output {self.output!r}; one of {', '.join(get_args(Output))}")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InputError(f"temperature={self.temperature}: want a finite number above 0")
        if len(self.layers) > MAX_LAYERS:
            raise InputError(f"{len(self.layers)} layers in the top; want at most {MAX_LAYERS}")

    def chain(self, classes: int) -> tuple[str, ...]:
        """What follows the last convolution, in words, in order.

        Examples
        --------
        >>> Top(layers=(TopLayer("dense", 256, "relu"),), output="sigmoid").chain(10)
        ('mean', 'dense 256 relu', 'dense 10', 'sigmoid')
        """
        layers = [
            " ".join(str(word) for word in (layer.kind, layer.units, layer.activation) if word and word != "none")
            for layer in self.layers
        ]
        if not classes:
            return (self.pooling, *layers)
        scaled = [] if self.temperature == 1 else [f"/ {self.temperature:g}"]
        output = [] if self.output == "none" else [self.output]
        return (self.pooling, *layers, f"dense {classes}", *scaled, *output)

    @property
    def meaning(self) -> Meaning:
        """What each number of the answer is: a score is a probability of its own, whatever the others are.

        Examples
        --------
        >>> Top().meaning, Top(output="sigmoid").meaning, Top(output="none").meaning
        ('probability', 'score', 'value')
        """
        return _MEANINGS.get(self.output, "value")


_MEANINGS: dict[str, Meaning] = {"softmax": "probability", "sigmoid": "score", "log_softmax": "log_probability"}

PUBLISHED_TOP = Top()  # of every published network: mean, one dense layer, softmax
