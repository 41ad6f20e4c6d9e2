"""The HDF5 files of Keras 2, in which Keras Applications publishes its weights; Keras 3 still writes them as ``.h5``.

==========================================  =====================================================================
where                                       what
==========================================  =====================================================================
attribute ``layer_names``                   names of all layers, in the model's order
group LAYER, its attribute ``weight_names``  names of the layer's variables, as paths: ``stem_conv/kernel:0``
dataset LAYER/PATH                          the variable: ``/stem_conv/stem_conv/kernel:0``
group ``model_weights``                     in files of whole models all of the above, and beside it an optimiser
attribute ``model_config``                  in files of whole models the configuration, in JSON
==========================================  =====================================================================

A model that is a layer of another has all its variables in one group, each path with its layer's name:
``/efficientnetb0/stem_conv/kernel:0``.
"""

from __future__ import annotations

from collections.abc import Iterator

from h5py import h5g

from refnet.checkpoints.readers.keras import keras_content, placement
from refnet.checkpoints.readers.keras.hdf5_tree import Tree
from refnet.checkpoints.readers.keras.keras_content import MAX_CONFIG, Content
from refnet.checkpoints.readers.keras.placement import Variable
from refnet.files.hdf5 import RefusedError

WHOLE = "model_weights"
LAYERS, VARIABLES = "layer_names", "weight_names"


def has_layout(tree: Tree) -> bool:
    """Whether an HDF5 file is laid out like this."""
    return tree.has(tree.root, WHOLE) or tree.has_attribute(LAYERS, f"{LAYERS}0")


def read(tree: Tree) -> Content:
    """Read from a file that is open."""
    top = tree.group(tree.root, WHOLE) if tree.has(tree.root, WHOLE) else tree.root
    layers = tree.texts(top, LAYERS)
    if layers is None:
        raise RefusedError(f"attribute {LAYERS} is missing")
    config = tree.text(tree.root, "model_config", MAX_CONFIG)
    model = keras_content.parse_model(config) if config else None
    places = placement.Places(model)
    variables = (variable for layer in layers for variable in _variables(tree, top, layer, places))
    return placement.content(tree, variables, model, tree.text(top, "keras_version"))


def _variables(tree: Tree, top: h5g.GroupID, layer: str, places: placement.Places) -> Iterator[Variable]:
    """Find each variable of a layer, or of all layers of a model."""
    group = tree.group(top, layer)
    paths = tree.texts(group, VARIABLES)
    if paths is None:
        raise RefusedError(f"attribute {VARIABLES} of {layer[:200]!r} is missing")
    parts = [path.split("/") for path in paths]
    is_model = len({tuple(scopes) for *scopes, _ in parts}) > 1
    for path, part in zip(paths, parts, strict=True):
        inner = part[-2] if len(part) > 1 else layer
        where = f"{layer}/{path}"
        place = places.of(layer, inner)
        yield Variable(inner if is_model else layer, part[-1], tree.dataset(group, path, where), place, where)
