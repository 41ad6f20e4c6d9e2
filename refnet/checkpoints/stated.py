"""What a caller states of a checkpoint where the file cannot tell; it may neither contradict the file nor be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from refnet.architecture.activations import Activation
from refnet.architecture.padding import size_of
from refnet.architecture.scaling import TABLE
from refnet.architecture.top import Output, Pooling
from refnet.architecture.variants import Architecture, variant_name
from refnet.errors import CheckpointError, InputError, UnknownModelError
from refnet.reference.integers.engine import ENGINES
from refnet.weights import releases
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weights import Weights

Head = Literal["none"]
_MAX_KEY = 1 << 10
_CHOICES: dict[str, Sequence[str]] = {
    "head": get_args(Head),
    "output": get_args(Output),
    "pooling": get_args(Pooling),
    "activation": get_args(Activation),
    "engine": tuple(ENGINES),
}


@dataclass(frozen=True)
class Stated:
    """What a caller states; None where the file is left to tell it.

    Attributes
    ----------
    model
        The variant, under any of its spellings: kept as refnet calls it.
    publisher
        With a set or without.
    key
        Which part of the file is the network: ``model_ema``.
    head
        ``none``: the network ends with its pooled features.
    output
        What turns the classifier's numbers into the answer.
    pooling
        How a picture becomes a vector.
    activation
        Between dense layers.
    padding
        ``same``, ``symmetric``, or ``same@224``.
    engine
        Whose roundings an integer network is computed with.

    Raises
    ------
    InputError
        If there is no such thing.

    Examples
    --------
    >>> Stated(model="EfficientNet-B1", output="sigmoid").given
    {'model': 'b1', 'output': 'sigmoid'}
    >>> Stated(pooling="median")
    Traceback (most recent call last):
        ...
    refnet.errors.InputError: unknown pooling 'median'; want one of mean, max, gem, mean+max, concatenated
    """

    model: str | None = None
    publisher: str | None = None
    key: str | None = None
    head: Head | None = None
    output: Output | None = None
    pooling: Pooling | None = None
    activation: Activation | None = None
    padding: str | None = None
    engine: str | None = None

    def __post_init__(self) -> None:
        if self.model is not None:
            object.__setattr__(self, "model", _variant(self.model))
        if self.publisher is not None:
            releases.check_publisher(self.publisher)
        if self.key is not None and not (isinstance(self.key, str) and 0 < len(self.key) <= _MAX_KEY):
            raise InputError(f"a key cannot be {self.key!r:.80}; want the name of a part of the checkpoint")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise InputError(f"unknown {name} {value!r:.80}; want one of {', '.join(choices)}")
        if self.padding is not None:
            size_of(self.padding)
        if self.head == "none" and (self.output or self.activation):
            raise InputError("without a head there is neither an output nor an activation; leave them out")

    @property
    def given(self) -> dict[str, Any]:
        """What was stated, by name, in order."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def check_honoured(self, weights: Weights | QuantisedWeights, found_under: str) -> None:
        """Refuse a conversion in which something that was stated is not so: the file says otherwise, or has no place.

        ``found_under`` is the name of the part that was taken. Whoever maps a file to weights honours what is stated;
        this proves it of the result.
        """
        found = _facts(weights, found_under)
        for name, value in self.given.items():
            fact = found[name]
            if fact is None:
                raise CheckpointError(f"nothing to apply {option(name, value)} to; convert without it")
            if value not in (fact, _without_set(name, fact)):
                raise CheckpointError(
                    f"you state {option(name, value)}, but it is {fact} here; convert without that option"
                )


NOTHING = Stated()


def option(name: str, value: object) -> str:
    """An option as people write it in a command.

    Examples
    --------
    >>> option("output", "none")
    '--output none'
    """
    return f"--{name} {value}"


def _variant(model: object) -> str:
    name = variant_name(model) if isinstance(model, str) else None
    if name is None:
        raise UnknownModelError(f"unknown model {model!r:.80}; known models: {', '.join(TABLE)}")
    return name


def _facts(weights: Weights | QuantisedWeights, found_under: str) -> dict[str, str | None]:
    """What a network is, in the words of ``Stated``; None where it has no such thing."""
    architecture, top = weights.architecture, weights.architecture.top
    return {
        "model": architecture.name,
        "publisher": weights.provenance.publisher or None,
        "key": found_under or None,
        "head": None if architecture.classes else "none",
        "output": top.output if architecture.classes else None,
        "pooling": top.pooling,
        "activation": _activation(architecture),
        "padding": weights.padding,
        "engine": weights.engine.name if isinstance(weights, QuantisedWeights) else None,
    }


def _activation(architecture: Architecture) -> str | None:
    """Of the layers before the classifier; several where they differ."""
    layers = architecture.top.layers
    functions = dict.fromkeys(layer.activation for layer in layers if layer.activation != "none")
    return ", ".join(functions) or ("none" if layers else None)


def _without_set(name: str, found: str) -> str:
    """A publisher may be stated without its set."""
    return releases.publisher_without_set(found) if name == "publisher" else found
