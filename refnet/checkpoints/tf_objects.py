"""TensorFlow 2's checkpoints of Keras models, as what a file of Keras holds.

Tensors lie under the places of objects there, not under names: ``layer_with_weights-1/kernel``. The object graph beside
them says what each variable was called; a SavedModel of Keras 2 also says which layer is where, and what the model is.
What optimisers, metrics and counters left behind is told from the network by its place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from refnet.arrays import Array
from refnet.checkpoints.readers.file_bytes import MAX_BYTES
from refnet.checkpoints.readers.keras.keras_content import Content
from refnet.checkpoints.readers.keras.placement import LEAVES
from refnet.checkpoints.readers.tensorflow import object_graph, saved_model
from refnet.checkpoints.readers.tensorflow.bundle_index import IndexEntry
from refnet.checkpoints.readers.tensorflow.object_graph import Object, Place
from refnet.checkpoints.readers.tensorflow.tensor_bundle import Bundle
from refnet.errors import CheckpointError
from refnet.files import opening

OPTIMISER = "the optimiser's, by its place in the object graph; inference does not use it"
AVERAGE = "a moving average that the optimiser kept, and that the model itself does not compute with"
METRIC = "a metric's or a loss's, by its place in the object graph; inference does not use it"
STEP = "a whole number beside the model, by its place in the object graph, such as a count of steps"
COUNTER = "counts how often it was saved; inference does not use it"
_OPTIMISERS = frozenset({"optimizer", "opt", "_optimizer"})
_OF_OPTIMISERS = frozenset({"_iterations", "iterations", "iter", "_learning_rate", "_momentums"})
_METRICS = frozenset({"keras_api", "_metrics", "metrics", "_loss_tracker", "_compile_metrics", "_compile_loss"})
_AVERAGES = "moving_average"
_SAVED = "save_counter"
_LISTS = frozenset({"variables", "trainable_variables", "non_trainable_variables"})  # of what is elsewhere too
WHOLE = 'save the whole model where it is built: model.save("x.keras")'

PROGRAM = "a SavedModel whose program is there as graphs of functions alone, which are not read"


@dataclass(frozen=True)
class Found:
    """A Keras model in a checkpoint of TensorFlow 2.

    Attributes
    ----------
    content
        As of a file of Keras.
    dropped
        Name and reason for each tensor that was left out.
    configuration
        SHA-256 of the file beside it that says what the model is, if one does.
    """

    content: Content
    dropped: tuple[tuple[str, str], ...] = field(repr=False)
    configuration: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """What is worth telling, one line each."""
        counts = Counter(reason for _, reason in self.dropped)
        beside = f"what it computes is from {saved_model.METADATA}, SHA-256 {self.configuration}"
        left_out = (f"{count} tensors left out: {reason}" for reason, count in counts.items())
        return (*([beside] if self.configuration else []), *left_out)


def is_of_objects(bundle: Bundle) -> bool:
    """Whether a checkpoint has an object graph."""
    return object_graph.KEY in bundle.entries


def check_program(path: Path) -> None:
    """Refuse the numbers of a SavedModel whose program cannot be read: names alone do not say what it computes."""
    folder = saved_model.folder_of(path)
    if folder is not None and not (folder / saved_model.METADATA).is_file():
        raise CheckpointError(f"{PROGRAM}; {saved_model.as_lite(folder)}")


def read(path: Path, bundle: Bundle) -> Found:
    """Read a checkpoint that has an object graph; ``path`` is its index."""
    folder = saved_model.folder_of(path)
    objects = object_graph.parse(bundle.text(object_graph.KEY))
    network, left_out = parted(objects)
    network = [place for place in network if place.variable.key in bundle.entries]
    steps = {place.variable.key for place in network if _is_step(place, bundle.entries[place.variable.key])}
    left_out |= dict.fromkeys(steps, STEP)
    network = [place for place in network if place.variable.key not in steps]
    if not network:
        raise CheckpointError("its object graph has no variables of a model")
    keys = {place.variable.key for place in network}
    others = sorted(bundle.entries.keys() - keys - {object_graph.KEY})
    lost = [key for key in others if key not in left_out]
    if lost:
        raise CheckpointError(f"its object graph does not say whose {lost[0][:200]!r} is; {WHOLE}")
    arrays = bundle.read(keys)
    dropped = tuple((key, left_out[key]) for key in others)
    if folder is None:
        return Found(Content(_by_names(network, arrays)), dropped)
    configuration = hashlib.sha256(opening.read_bytes(folder / saved_model.METADATA, MAX_BYTES)).hexdigest()
    return Found(_placed(folder, network, arrays), dropped, configuration)


def parted(objects: tuple[Object, ...]) -> tuple[list[Place], dict[str, str]]:
    """The network's variables, and why others are none: by where they are."""
    slots = {number for each in objects for number in each.slots}
    reasons: dict[int, str] = dict.fromkeys(slots, OPTIMISER)

    def enter(path: object_graph.Path, number: int) -> bool:
        reason = _reason(path, objects[number])
        if reason:
            reasons.setdefault(number, reason)
        return number not in reasons and path[-1] not in _LISTS

    network = list(object_graph.places(objects, 0, enter))
    left_out: dict[str, str] = {}
    for number, reason in reasons.items():
        for place in object_graph.places(objects, number):
            averages = any(_AVERAGES in part for part in place.path)
            left_out.setdefault(place.variable.key, AVERAGE if averages else reason)
    return network, left_out


def _is_step(place: Place, entry: IndexEntry) -> bool:
    """Whether it is one whole number of the very object that was saved, whose parts are the model, an optimiser, ….

    Keras has such a number in a normalization layer, which counts pixels, but that is a part of a model.
    """
    return len(place.path) == 1 and entry.shape == () and "int" in entry.dtype


def _reason(path: object_graph.Path, part: Object) -> str:
    """Why a part is none of the network's; empty if it may be."""
    if path[-1] in _OPTIMISERS or not _OF_OPTIMISERS.isdisjoint(part.parts):
        return OPTIMISER
    if path[-1] in _METRICS:
        return METRIC
    return COUNTER if path == (_SAVED,) else ""


def _by_names(network: list[Place], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Tensors by what the program called them: the layer's own name and the variable's."""
    found: dict[str, Array] = {}
    for place in network:
        name = "/".join(place.variable.name.split("/")[-2:])
        if name in found:
            raise CheckpointError(
                f"two variables are called {name!r}, and the checkpoint does not say which layer is where; {WHOLE}"
            )
        found[name] = arrays[place.variable.key]
    return found


def _placed(folder: Path, network: list[Place], arrays: Mapping[str, Array]) -> Content:
    """Tensors by the layers that Keras noted."""
    model, version, names = saved_model.read_metadata(folder / saved_model.METADATA)
    tensors: dict[str, Array] = {}
    placed: dict[str, dict[str, Array]] = {}
    for place in network:
        *above, leaf = place.path
        layers = [names.get(tuple(above[: depth + 1]), "") for depth in range(len(above))]
        array = arrays[place.variable.key]
        name = f"{layers[-1]}/{leaf}" if layers and all(layers) else place.variable.key
        tensors[name if name not in tensors else place.variable.key] = array
        if layers and all(layers):
            placed.setdefault("/".join(layers), {})[LEAVES.get(leaf, leaf)] = array
    return Content(tensors, model, version, placed)
