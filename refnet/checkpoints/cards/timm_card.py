"""What timm says of a network: the configuration on its hub, or the options of its own training (``args``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from refnet.architecture.scaling import TABLE
from refnet.architecture.top import Pooling
from refnet.checkpoints.cards.card import OUTPUTS, Card, Facts, Pictures, square
from refnet.preprocessing.normalise import NORMALISATIONS, Normalisation
from refnet.weights.labels import Labels

_NAME = re.compile(r"(tf_)?efficientnet_(b[0-8]|l2|lite[0-4])(_ap|_ns|_aa)?(\.\w+)?")
_POOLINGS: dict[str, Pooling] = {
    "avg": "mean", "fast": "mean", "fastavg": "mean", "max": "max", "fastmax": "max", "avgmax": "mean+max",
    "fastavgmax": "mean+max", "catavgmax": "concatenated", "fastcatavgmax": "concatenated",
}  # fmt: skip
_RESIZES = {"bicubic": "pil-bicubic", "bilinear": "pil-bilinear", "nearest": "pil-nearest"}
_NAMED = {"imagenet": "torch-imagenet"}
TENSORFLOW_EPS = 1e-3  # of batch norms, what the older option bn_tf asks for
# What changes a network and is no argument of these here.
_ARGUMENTS = (
    "num_classes",
    "in_chans",
    "global_pool",
    "drop_rate",
    "drop_path_rate",
    "bn_eps",
    "bn_tf",
    "bn_momentum",
    "pad_type",
)


def from_options(options: Mapping[str, Any], source: str) -> Card | None:
    """Read the options of timm's own training script; None if they are not that."""
    if not (isinstance(options.get("model"), str) and {"gp", "crop_pct", "img_size"} <= options.keys()):
        return None
    facts = Facts(source, options)
    arguments = dict(facts.get("model_kwargs", dict, {}))
    arguments |= {name: options.get(name) for name in ("num_classes", "in_chans", "bn_eps", "bn_tf")}
    return _card(facts, options["model"], arguments | {"global_pool": options.get("gp")}, options)


def from_configuration(configuration: Mapping[str, Any], source: str, labels: Labels | None) -> Card:
    """Read the configuration of a network on the hub, ``config.json``."""
    facts = Facts(source, configuration)
    described = facts.get("pretrained_cfg", dict, {})
    arguments = dict(facts.get("model_args", dict, {}))
    arguments.setdefault("global_pool", configuration.get("global_pool"))
    name = facts.get("architecture", str) or described.get("architecture") or ""
    task = facts.get("problem_type", str)
    if task is not None and task not in OUTPUTS:
        raise facts.wrong("problem_type", f"want one of {', '.join(OUTPUTS)}")
    return replace(_card(facts, name, arguments, described, labels), output=None if task is None else OUTPUTS[task])


def publisher_of(name: str) -> str | None:
    """Whose a network of this name is, if timm has it and refnet too.

    Examples
    --------
    >>> publisher_of("tf_efficientnet_b0.ns_jft_in1k"), publisher_of("efficientnet_b0"), publisher_of("resnet50")
    ('timm-tf', 'timm', None)
    """
    matched = _NAME.fullmatch(name)
    return None if matched is None else "timm-tf" if matched[1] else "timm"


def _card(
    facts: Facts, name: str, arguments: Mapping[str, Any], said: Mapping[str, Any], labels: Labels | None = None
) -> Card:
    matched = _NAME.fullmatch(name)
    if matched is None:
        facts = Facts(facts.source, {"model": name})
        raise facts.wrong("model", f"refnet has timm's efficientnet_ and tf_efficientnet_ of {', '.join(TABLE)}")
    argued = Facts(facts.source, arguments)
    unknown = [key for key, value in arguments.items() if key not in _ARGUMENTS and value is not None]
    if unknown:
        raise argued.wrong(unknown[0], "an argument of the network that is not known here")
    pooling = argued.get("global_pool", str) or "avg"
    if pooling not in _POOLINGS:
        raise argued.wrong("global_pool", f"want one of {', '.join(_POOLINGS)}")
    pads = argued.get("pad_type", str, "")
    if pads not in ("", "same"):
        raise argued.wrong("pad_type", "want same, or nothing")
    tensorflow = matched[1] is not None
    return Card(
        facts.source,
        publisher="timm-tf" if tensorflow else "timm",
        model=matched[2],
        padding="same" if pads == "same" else None,
        bn_eps=argued.get("bn_eps", float, TENSORFLOW_EPS if argued.get("bn_tf", bool, False) else None),
        channels=argued.get("in_chans", int),
        pooling=_POOLINGS[pooling],
        pictures=_pictures(Facts(facts.source, said), advprop=(tensorflow and ".ap_" in name) or matched[3] == "_ap"),
        labels=labels,
    )


def _pictures(said: Facts, *, advprop: bool) -> Pictures:
    """How timm's own transforms make pictures, as far as it is said."""
    if said.get("crop_mode", str) not in (None, "", "center"):
        raise said.wrong("crop_mode", "want center")
    interpolation = said.get("interpolation", str) or None
    if interpolation is not None and interpolation not in _RESIZES:
        raise said.wrong("interpolation", f"want one of {', '.join(_RESIZES)}")
    fraction = said.get("crop_pct", (float, int))
    if fraction is not None and not 0.1 <= fraction <= 1:
        raise said.wrong("crop_pct", "want a number from 0.1 to 1")
    input_size = said.values.get("input_size")
    size = square(said, "input_size", input_size) or square(said, "img_size", said.values.get("img_size"))
    return Pictures(
        size,
        None if fraction is None else ("shorter-fraction", float(fraction)),
        None if interpolation is None else _RESIZES[interpolation],
        _normalise(said, NORMALISATIONS["torch-half" if advprop else "torch-imagenet"]),
    )


def _normalise(said: Facts, default: Normalisation) -> Normalisation:
    """ToTensor, then Normalize: what is not said is the network's own."""
    divide, mean, std = default
    return (
        divide,
        ("subtract", said.triple("mean") or mean[1]),
        ("divide", said.triple("std") or std[1]),
    )
