"""What lies in the folder of a SavedModel: which files, and the configuration that Keras 2 noted beside the program.

====================================  =================================================================
file                                  what
====================================  =================================================================
``saved_model.pb``                    the program, as graphs of functions
``keras_metadata.pb``                 Keras 2 alone: the configuration of each layer, in JSON
``variables/variables.index``, ….     the numbers, as a checkpoint
====================================  =================================================================
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from refnet.checkpoints.readers import file_bytes, protobuf
from refnet.checkpoints.readers.keras import keras_content
from refnet.checkpoints.readers.tensorflow.object_graph import Path as Names
from refnet.checkpoints.readers.tensorflow.tensor_bundle import PROGRAM
from refnet.errors import CheckpointError

METADATA = "keras_metadata.pb"
INDEX = Path("variables", "variables.index")
ROOT = "root"
# Of SavedMetadata and SavedObject, in Keras 2's saved_metadata.proto.
_NODES, _PATH, _IDENTIFIER, _METADATA = 1, 3, 4, 5
_MODELS = ("_tf_keras_network", "_tf_keras_sequential", "_tf_keras_model")


def as_lite(folder: Path | None = None) -> str:
    """The way out for a program that is not read: TensorFlow makes a file of it that is.

    Examples
    --------
    >>> as_lite(Path("net"))[:15], "from_saved_model('net')" in as_lite(Path("net"))
    ('in TensorFlow, ', True)
    """
    plain = folder is not None and re.fullmatch(r"[\w./ -]+", str(folder))
    return (
        "in TensorFlow, python -c \"import tensorflow as tf; open('x.tflite', 'wb').write("
        f"tf.lite.TFLiteConverter.from_saved_model('{folder if plain else 'FOLDER'}').convert())\", "
        "and then refnet convert x.tflite"
    )


def folder_of(index: Path) -> Path | None:
    """The SavedModel that an index of variables is part of; None if it is of none.

    Examples
    --------
    >>> folder_of(Path("tests/data/saved_model/keras2/variables/variables.index")).name
    'keras2'
    """
    if (index.parent.name, index.name) != INDEX.parts:
        return None
    folder = index.parent.parent
    return folder if (folder / PROGRAM).is_file() else None


def index_of(path: Path) -> Path | None:
    """The index of variables of a SavedModel, given its folder, or its program or metadata alone."""
    folder = path if path.is_dir() else path.parent
    if not (folder / PROGRAM).is_file() or (path != folder and path.name not in (PROGRAM, METADATA)):
        return None
    if not (folder / INDEX).is_file():
        raise CheckpointError(
            f"a SavedModel without its numbers: {INDEX} and the files beside it are missing; bring the whole folder"
        )
    return folder / INDEX


def read_metadata(path: Path) -> tuple[keras_content.Layer, str, dict[Names, str]]:
    """Read Keras's configuration: the model, the version, and the name of the layer at each place in the objects."""
    return file_bytes.parse_file(path, parse_metadata)


def parse_metadata(data: bytes) -> tuple[keras_content.Layer, str, dict[Names, str]]:
    """Read the bytes of Keras's configuration."""
    nodes = [protobuf.parse(node) for node in protobuf.messages(protobuf.parse(data), _NODES)]
    stated = {tuple(protobuf.text(node, _PATH).split(".")): node for node in nodes}
    if (ROOT,) not in stated or protobuf.text(stated[ROOT,], _IDENTIFIER) not in _MODELS:
        raise CheckpointError(f"a SavedModel that is no model of Keras; {as_lite()}")
    names = {}
    for path, node in stated.items():
        if path[0] == ROOT and "keras_api" not in path:
            names[path[1:]] = _name(_json(node))
    root = _json(stated[ROOT,])
    version = root.get("keras_version")
    return _model(root), version if isinstance(version, str) else "", names


def _json(node: protobuf.Message) -> dict[str, Any]:
    found = _plain(keras_content.parse_json(protobuf.text(node, _METADATA), "keras_metadata.pb"))
    return found if isinstance(found, dict) else {}


def _plain(stated: Any) -> Any:
    """Tuples, which are noted as objects, as Keras's other files have them."""
    match stated:
        case {"class_name": "__tuple__", "items": items}:
            return _plain(items)
        case dict():
            return {name: _plain(value) for name, value in stated.items()}
        case list():
            return [_plain(value) for value in stated]
    return stated


def _name(stated: dict[str, Any]) -> str:
    name = stated.get("name")
    return name if isinstance(name, str) else ""


def _model(root: dict[str, Any]) -> keras_content.Layer:
    """The model; Keras notes a model of a class of its own without saying what it computes."""
    stated = root.get("model_config")
    config = stated.get("config") if isinstance(stated, dict) else None
    if not isinstance(config, dict) or "layers" not in config:
        raise CheckpointError(
            f"a model of its author's own class {root.get('class_name')!r:.80}, of which {METADATA} does not say what "
            f"it computes; {as_lite()}"
        )
    return keras_content.parse_model(json.dumps(stated))
