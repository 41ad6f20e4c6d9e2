"""Keras's files of weights alone, which do not say what the layers behind the network do."""

from __future__ import annotations

from dataclasses import replace

from refnet.arrays import Array
from refnet.checkpoints.naming import keras
from refnet.checkpoints.state_dict import StateDict, find_state_dict
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError, first_few

PUBLISHED_CLASSES = 1000
LEFT_OUT = "behind the pool; the features alone were asked for"


def find_network(tensors: dict[str, Array], stated: Stated) -> StateDict:
    """Pick the network of a file of weights, with the one dense layer that may be its classifier, or without any.

    Examples
    --------
    >>> import numpy as np
    >>> tensors = {"top_bn/gamma": np.ones(8, np.float32), "pred/kernel": np.zeros((8, 2), np.float32)}
    >>> found = find_network(tensors | {"pred/bias": np.zeros(2, np.float32)}, Stated(head="none"))
    >>> list(found.tensors), found.dropped[0]
    (['top_bn/gamma'], ('pred/kernel', 'behind the pool; the features alone were asked for'))
    """
    named = keras.rename(tensors)
    if stated.head == "none":
        behind = [
            name for name in named if _layer(name) not in keras.known_layers() or _layer(name) == keras.CLASSIFIER
        ]
        state = find_state_dict({name: array for name, array in named.items() if name not in behind})
        return replace(state, dropped=(*state.dropped, *((name, LEFT_OUT) for name in behind)))
    found = keras.with_classifier(named)
    foreign = list(dict.fromkeys(_layer(name) for name in found if _layer(name) not in keras.known_layers()))
    if foreign and _has_network(found):
        own = first_few([repr(name) for name in foreign], by=", ")
        raise CheckpointError(
            f"a file of weights does not say in which order layers of its own, {own}, follow the network, nor their "
            "activations. In Keras, save the whole model, model.save('mine.keras'), and convert that; or convert the "
            "features alone",
            details=foreign,
            options=["--head none"],
        )
    state = find_state_dict(found)
    if stated.output is None and (told := _on_classifier(named, found)):
        return replace(state, told=(*state.told, told))
    return state


def _on_classifier(named: dict[str, Array], found: dict[str, Array]) -> str:
    """What there is to say of the classifier; nothing of a published one, or of none."""
    classes = len(found.get(f"{keras.CLASSIFIER}/bias", ()))
    kept = [_layer(name) for name in found]
    own = [_layer(name) for name in named if _layer(name) not in kept] or [keras.CLASSIFIER]
    if classes in (0, PUBLISHED_CLASSES):
        return ""
    return f"the file does not say what follows its classifier {own[0][:80]!r}: softmax, unless --output is given"


def _layer(name: str) -> str:
    return name.rpartition("/")[0]


def _has_network(tensors: dict[str, Array]) -> bool:
    """Whether the layers of a network are there, so that the others are people's own."""
    layers = {_layer(name) for name in tensors}
    return len(layers & keras.known_layers()) > len(layers) / 2
