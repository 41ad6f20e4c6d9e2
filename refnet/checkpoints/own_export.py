"""refnet's own ONNX files, back to the weights they were exported from.

The file states all that a weight file states but the labels and what was dropped, so nothing has to be guessed.
"""

from __future__ import annotations

from refnet.checkpoints.naming import pairing, refnet_onnx
from refnet.checkpoints.readers.onnx_file import Model
from refnet.errors import CheckpointError, WeightsError
from refnet.weights import schema
from refnet.weights.weights import Weights, check_tensors

MARK = "refnet_version"
DIGEST = "weights_digest"


def is_own(model: Model) -> bool:
    """Whether refnet exported it."""
    return MARK in model.metadata


def restore(model: Model) -> Weights:
    """Undo ``refnet.export.onnx.export_onnx``, but for labels and the list of dropped tensors.

    Examples
    --------
    >>> import tempfile, refnet
    >>> from refnet.checkpoints.readers import onnx_file
    >>> from refnet.export.onnx import export_onnx
    >>> ours = refnet.load("lite0").weights
    >>> with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
    ...     export_onnx(ours, file.name)
    ...     again = restore(onnx_file.read(file.name))
    >>> again.digest() == ours.digest(), again.padding, again.bn_eps
    (True, 'same', 0.001)
    """
    stated = model.metadata
    wanted = [name for name in schema.ATTRIBUTES if name != "schema" and not name.endswith("_digest")]
    missing = [name for name in (*wanted, DIGEST) if name not in stated]
    if missing:
        raise CheckpointError(f"the file's metadata do not state {', '.join(missing)}; export it with this refnet")
    try:
        attributes = {name: stated[name] for name in wanted} | {"bn_eps": float(stated["bn_eps"])}
        architecture = schema.parse_architecture(stated["architecture"])
        tensors = pairing.to_ours(model.tensors, refnet_onnx.pairs(architecture), (), architecture.name)
        found = schema.from_metadata(schema.Metadata(attributes, {}), tensors)
        check_tensors(found)
    except (WeightsError, ValueError) as error:
        raise CheckpointError(f"not a file as refnet exports them: {error}") from None
    if found.digest() != stated[DIGEST]:
        raise CheckpointError("the tensors do not have the digest that the file states; it was changed after export")
    return found
