"""A folder of Hugging Face's: the file with the tensors, and the configurations beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refnet.checkpoints.cards import timm_card, transformers_card
from refnet.checkpoints.cards.card import NO_CARD, Card
from refnet.errors import CheckpointError, InputError
from refnet.files import opening, strict_json
from refnet.weights.labels import Labels

CONFIGURATION, PROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
MAX_BYTES = 1 << 22  # of a configuration; that of 1,000 classes has 70,000


def weights_in(folder: Path) -> Path | None:
    """Find the tensors of a network in a folder of transformers or timm."""
    if not (folder / CONFIGURATION).is_file():
        return None
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not found:
        parts = ", ".join(sorted(path.name for path in folder.glob("*.index.json"))[:3])
        why = f"in several parts ({parts}); save it as one" if parts else f"want {' or '.join(WEIGHTS)} beside it"
        raise CheckpointError(f"a folder with {CONFIGURATION}, but without tensors: {why}")
    return found[0]


def card_beside(weights: Path) -> Card:
    """Read what lies beside a file of tensors, if it has the name that these folders give it."""
    if weights.name not in WEIGHTS:
        return NO_CARD
    path = weights.with_name(CONFIGURATION)
    if not path.is_file():
        return Card("", told=(f"no {CONFIGURATION} beside it: by its tensors alone",))
    configuration = _read(path)
    labels = _labels(configuration)
    if "pretrained_cfg" in configuration or configuration.get("model_type") == "timm_wrapper":
        return timm_card.from_configuration(configuration, CONFIGURATION, labels)
    kind = configuration.get("model_type")
    if kind == "efficientnet":
        processor = weights.with_name(PROCESSOR)
        if not processor.is_file():
            raise CheckpointError(f"{PROCESSOR} is missing beside it, which says how pictures are made: copy it there")
        return transformers_card.from_configuration(configuration, _read(processor), labels)
    if isinstance(kind, str):
        raise CheckpointError(f"{CONFIGURATION} says that this is {kind[:80]!r}, which is no EfficientNet")
    return Card("", told=(f"{CONFIGURATION} beside it is neither transformers' nor timm's, and was not read",))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content: dict[str, Any] = strict_json.parse(opening.read_bytes(path, MAX_BYTES), lenient=True)
        strict_json.check(content, strict_json.OBJECT)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path.name}: cannot read it as JSON: {reason!s:.200}") from None
    return content


def _labels(configuration: Mapping[str, Any]) -> Labels | None:
    """What the classes are called: ``id2label``, or timm's ``label_names``; numbered ones are no names."""
    names = configuration.get("label_names")
    by_id = configuration.get("id2label")
    if isinstance(by_id, dict):
        names = [by_id.get(str(i)) for i in range(len(by_id))]
    if not isinstance(names, list) or not names or names == [f"LABEL_{i}" for i in range(len(names))]:
        return None
    if not all(isinstance(name, str) for name in names):
        raise CheckpointError(f"{CONFIGURATION}: the names of the classes are not counted from 0")
    try:
        return Labels(tuple(names), tuple(names))
    except InputError as error:
        raise CheckpointError(f"{CONFIGURATION}: {error}") from None
