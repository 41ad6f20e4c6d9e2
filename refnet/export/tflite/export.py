"""Export: an integer network as a file of TensorFlow Lite, for LiteRT, XNNPACK and microcontrollers."""

from __future__ import annotations

import json
import os
from dataclasses import replace

from refnet.architecture.plan import make_plan
from refnet.checkpoints.from_integers import NOTE
from refnet.errors import InputError
from refnet.export.tflite.integers import Numbers, model_of
from refnet.export.tflite.tflite_file import content
from refnet.files.whole import check_file_target, not_written, whole_file
from refnet.reference.integers.layout import on
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.quantised_schema import to_metadata
from refnet.weights.weights import Weights

SUFFIX = ".tflite"


def export_tflite(
    weights: QuantisedWeights | Weights,
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    numbers: Numbers | None = None,
) -> None:
    """Write an integer network as a file of TensorFlow Lite.

    It runs in LiteRT, by its reference kernels and by XNNPACK, and in TensorFlow Lite Micro. Weights, biases, scales
    and zero points are the network's own, tensors have refnet's names. What else the weight file states is in a note
    that engines do not read: ``refnet.convert`` makes the same weight file of it again, but for labels. How numbers are
    rounded is each engine's business: the sets ``tflm``, ``tflite`` and ``xnnpack`` say how. TensorFlow is not needed.
    The same content gives the same bytes. An existing file is replaced once the new one is complete.

    Parameters
    ----------
    weights
        Of integers, as ``Network.weights`` of a network that was loaded from such a weight file.
    path
        Where to, a name that ends in ``.tflite``; its directory must exist.
    size
        Of the picture, in pixels: a side or (height, width); by default the network's own.
    numbers
        What a picture comes as and the answer goes as: ``"int8"``, ``"uint8"`` or ``"float32"``; by default as the
        network takes pictures.

    Raises
    ------
    InputError
        If the network is one of real numbers, or has an operation that TensorFlow Lite has not, such as a swish by one
        table; if the size is not possible, the name ends otherwise, or the file cannot be written.

    Examples
    --------
    >>> import tempfile, refnet
    >>> net = refnet.load("tests/data/integers/lite.h5")
    >>> with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
    ...     export_tflite(net.weights, file.name)
    ...     refnet.load(file.name).weights.digest() == net.weights.digest()
    True
    """
    path = check_file_target(path, SUFFIX)
    if isinstance(weights, Weights):
        raise InputError(
            f"{path} not written: {weights.architecture.name} is of real numbers, and only networks of integers become "
            "files of TensorFlow Lite: `refnet quantise` makes one of it; as .onnx it is written as it is"
        )
    if not isinstance(weights, QuantisedWeights):
        raise InputError(f"cannot export {type(weights).__name__}; want weights, as Network.weights")
    if size is not None:
        plan = make_plan(weights.architecture, size, padding=weights.padding)
        weights = replace(weights, network=on(plan, weights.network))
    model = replace(model_of(weights.network, numbers=numbers), notes={NOTE: _note(weights)})
    written = content(model)
    with not_written(path), whole_file(path) as unfinished:
        unfinished.write_bytes(written)


def _note(weights: QuantisedWeights) -> bytes:
    """What the weight file states, as JSON, but for its tables."""
    metadata = to_metadata(weights)
    attributes = metadata.attributes | {"tensors_digest": weights.digest(), "metadata_digest": metadata.digest()}
    return json.dumps(attributes).encode("ascii")
