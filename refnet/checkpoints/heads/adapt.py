"""A network with somebody's own head in the publisher's names, and its top: known, or asked for.

What a state dict shows for certain is taken: one dense layer under any name, with a bias or without, a batch norm
behind the pool, a generalised mean. What it cannot show (activations, the meaning of one number) is a question, whose
answer is an option of ``refnet convert``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.top import Output, Pooling, Top, TopLayer
from refnet.architecture.variants import variant
from refnet.arrays import Array
from refnet.checkpoints.heads.activations import FEATURES_ONLY, Activations
from refnet.checkpoints.heads.layers import Layer, in_order, layers_of
from refnet.checkpoints.naming.torch_layout import COUNTER, COUNTER_DROPPED
from refnet.checkpoints.publishers import Publisher
from refnet.checkpoints.state_dict import StateDict
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.errors import CheckpointError, first_few

BN_EPS = 1e-5  # of PyTorch's batch norms unless told otherwise
HEAD_LEFT_OUT = "of the head; the features alone were asked for"


def adapt(state: StateDict, publisher: Publisher, stated: Stated = NOTHING) -> tuple[StateDict, Top]:
    """Bring a head into the publisher's names and say what follows the last convolution.

    Raises
    ------
    CheckpointError
        If something in the file cannot be part of such a network, or has to be asked.
    """
    own = _OwnNames(publisher)
    if not own.of_torch:
        return state, _plain_top(stated, 0 if stated.head == "none" else own.classes(state))
    inside = {name: array for name, array in state.tensors.items() if own.is_of_head(name)}
    found = layers_of({**inside, **state.beside})
    width = own.features(state)
    if not found or width is None:
        _refuse_strange(found, state)
        return state, _plain_top(stated)
    head = _Head(state, own, found, width, stated)
    return head.left_out() if stated.head == "none" else head.adapted()


class _OwnNames:
    """Names that the publisher itself has for a head."""

    def __init__(self, publisher: Publisher) -> None:
        pairs = {pair.ours: pair for pair in publisher.pairs(variant(publisher.variants[0]))}
        self.kernel = pairs[names.weight_key(names.LOGITS, "kernel")].theirs
        self.bias = pairs[names.weight_key(names.LOGITS, "bias")].theirs
        self.last = pairs[names.weight_key(names.HEAD, "kernel")]
        self.root = self.kernel.partition(".")[0]
        self.of_torch = "/" not in self.kernel

    @property
    def module(self) -> str:
        """What the classifier is called."""
        return self.kernel.rpartition(".")[0]

    def is_of_head(self, name: str) -> bool:
        """Whether a tensor of the network is one of its head by its name."""
        return name.partition(".")[0] == self.root

    def classes(self, state: StateDict) -> int:
        """How many numbers the classifier makes, by its bias; 0 without one."""
        return len(state.tensors.get(self.bias, ()))

    def features(self, state: StateDict) -> int | None:
        """How many channels the last convolution makes, if it is there."""
        shape = state.tensors.get(self.last.theirs, np.empty(0)).shape
        return int(shape[self.last.axes[3]]) if len(shape) == 4 else None


class _Head:
    """Puts a head together."""

    def __init__(self, state: StateDict, own: _OwnNames, layers: list[Layer], width: int, stated: Stated) -> None:
        self.state, self.own, self.stated, self.width = state, own, stated, width
        self.gems = [layer for layer in layers if layer.kind == "gem"]
        self.head = [layer for layer in layers if layer.kind in ("dense", "batch_norm")]
        self.strange = [layer for layer in layers if layer.kind == "strange"]
        self.told: list[str] = []

    def adapted(self) -> tuple[StateDict, Top]:
        """The network with its head."""
        _refuse_strange(self.strange, self.state, head=any(map(self.is_beside_head, self.strange)))
        pooling = self.pooling()
        if not self.head:
            return self.renamed([], pooling), Top(pooling=pooling)
        ordered = in_order(self.head, self.width * (1 + (pooling == "concatenated")))
        if ordered is None or ordered[-1].kind != "dense":
            raise _question(
                f"layers behind the network, {_named(self.head)}, that do not follow each other in one way from its "
                f"{self.width} features to a classifier",
                [FEATURES_ONLY, *([f"--key {self.state.key}"] if self.own.kernel in self.state.tensors else [])],
            )
        if ordered[0].slot[1] and ordered[0].name != self.own.module:
            self.told.append(f"what comes before {ordered[0].name!r} in its sequence is taken for dropout or reshaping")
        functions = Activations(ordered, self.stated.activation).found()
        layers = tuple(self.layer(layer, function) for layer, function in zip(ordered, functions, strict=False))
        output = self.output(ordered[-1].width[1])
        return self.renamed(ordered, pooling), Top(pooling=pooling, layers=layers, output=output)

    def left_out(self) -> tuple[StateDict, Top]:
        """The network without its head."""
        _refuse_strange([layer for layer in self.strange if not self.is_beside_head(layer)], self.state)
        layers = [*self.head, *self.strange]
        rows = [(f"{layer.name}.{leaf}", HEAD_LEFT_OUT) for layer in layers for leaf in layer.tensors]
        pooling = self.pooling()
        self.head = layers
        state = self.renamed([], pooling)
        return replace(state, dropped=(*state.dropped, *rows)), Top(pooling=pooling)

    def is_beside_head(self, layer: Layer) -> bool:
        """Whether a layer stands in one module with layers of the head, or where the publisher has its classifier."""
        parents = {other.name.rpartition(".")[0] for other in self.head} - {""}
        return layer.name.rpartition(".")[0] in parents or layer.name.partition(".")[0] == self.own.root

    def pooling(self) -> Pooling:
        """How a picture becomes a vector."""
        asked = self.stated.pooling
        if len(self.gems) > 1:
            raise _question(f"several generalised means: {_named(self.gems)}", [])
        if self.gems:
            self.told.append(f"{self.gems[0].name!r} is the exponent of a generalised mean")
            return "gem"
        first = [layer.width[0] for layer in self.head if layer.width[0] in (self.width, 2 * self.width)]
        if self.head and self.width not in first and 2 * self.width in first:
            by_publisher = any(layer.name == self.own.module for layer in self.head)
            if asked is None and not by_publisher:
                raise _question(
                    f"{_named(self.head)} takes {2 * self.width} numbers, twice the network's features: the mean and "
                    "the maximum of each, if the mean comes first (in fastai it comes second)",
                    ["--pooling concatenated", f"{FEATURES_ONLY} --pooling mean"],
                )
            return asked or "concatenated"
        return asked or "mean"

    def layer(self, layer: Layer, activation: Activation) -> TopLayer:
        """A layer in our terms."""
        if layer.kind == "dense":
            return TopLayer("dense", units=layer.width[1], activation=activation)
        self.told.append(f"batch norm {layer.name!r} adds {BN_EPS:g} to the variance, as PyTorch's do")
        return TopLayer("batch_norm", eps=BN_EPS, activation=activation)

    def output(self, classes: int) -> Output:
        """What is made of the classifier's numbers."""
        return _output(self.stated, classes)

    def renamed(self, ordered: list[Layer], pooling: Pooling) -> StateDict:
        """The tensors under the names that their steps have here, the classifier's under the publisher's."""
        taken = {f"{layer.name}.{leaf}" for layer in (*self.head, *self.gems) for leaf in layer.tensors}
        tensors = {name: array for name, array in self.state.tensors.items() if name not in taken}
        counts = {"dense": 0, "batch_norm": 0}
        parts = {"dense": names.DENSE, "batch_norm": names.NORM}
        dropped: list[tuple[str, str]] = []
        for layer in ordered[:-1]:
            counts[layer.kind] += 1
            step = names.top_name(parts[layer.kind], counts[layer.kind])
            tensors |= self.of_layer(layer, f"{step}.weight", f"{step}.bias")
            tensors |= {f"{step}.{leaf}": layer.tensors[leaf] for leaf in layer.tensors if leaf.startswith("running_")}
            dropped += [(f"{layer.name}.{COUNTER}", COUNTER_DROPPED) for leaf in layer.tensors if leaf == COUNTER]
            self.told.append(f"{layer.name!r} is {step}")
        if ordered:
            tensors |= self.of_layer(ordered[-1], self.own.kernel, self.own.bias)
            if ordered[-1].name != self.own.module:
                self.told.append(f"{ordered[-1].name!r} is the classifier")
        for layer in self.gems:
            tensors[f"{names.POOL}.p"] = layer.tensors["p"]
        told = (*self.state.told, *self.told)
        return replace(self.state, tensors=tensors, beside={}, told=told, dropped=(*self.state.dropped, *dropped))

    def of_layer(self, layer: Layer, kernel: str, bias: str) -> dict[str, Array]:
        """A layer's kernel or scale, and its bias; zeros where it has none."""
        weight = layer.tensors["weight"]
        if "bias" not in layer.tensors:
            self.told.append(f"{layer.name!r} has no bias; it is 0")
        return {kernel: weight, bias: layer.tensors.get("bias", np.zeros(weight.shape[:1], weight.dtype))}


def _plain_top(stated: Stated, classes: int = 0) -> Top:
    """The top of a network with the publisher's head, or with none."""
    return Top(pooling=stated.pooling or "mean", output=_output(stated, classes) if classes else "softmax")


def _output(stated: Stated, classes: int) -> Output:
    """What is made of the classifier's numbers: asked if it is one, whose softmax is 1 whatever it is."""
    if stated.output is not None:
        return stated.output
    if classes > 1:
        return "softmax"
    raise _question(
        "the network ends in one number, and the file does not tell what it means: a probability (sigmoid) or a value "
        "(none)",
        ["--output sigmoid", "--output none"],
    )


def _refuse_strange(strange: list[Layer], state: StateDict, *, head: bool = False) -> None:
    """Refuse tensors whose part in the network nobody can tell."""
    if not strange:
        return
    every = [
        f"{f'{layer.name}.{leaf}'.lstrip('.')} {list(array.shape)}"
        for layer in strange
        for leaf, array in layer.tensors.items()
    ]
    outside = any(f"{layer.name}.{leaf}".lstrip(".") in state.beside for layer in strange for leaf in layer.tensors)
    raise CheckpointError(
        f"tensors beside the network that may change its answers: {first_few(every, by=', ')}; if they do not, take "
        "the network without them",
        details=every,
        options=[FEATURES_ONLY] if head else [f"--key {state.key}"] if outside else [],
    )


def _named(layers: Iterable[Layer]) -> str:
    return first_few([f"{layer.name!r} {list(layer.tensors['weight'].shape)}" for layer in layers], by=", ")


def _question(text: str, options: list[str]) -> CheckpointError:
    return CheckpointError(text, options=options)
