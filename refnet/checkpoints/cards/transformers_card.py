"""What transformers says of an EfficientNet: ``config.json``, and ``preprocessor_config.json`` for its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refnet.architecture.padding import MAX_SIDE, Pads
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE, Coefficients
from refnet.architecture.top import Pooling
from refnet.architecture.variants import STAGES, Architecture, efficientnet
from refnet.checkpoints.cards.card import OUTPUTS, Card, Facts, Pictures, square
from refnet.errors import InputError
from refnet.preprocessing.normalise import Normalisation, Triple
from refnet.weights.labels import Labels

PUBLISHER = "huggingface"
MAX_FACTOR = 64
# What every one of them has; what a file leaves out is so.
_FIXED: dict[str, Any] = {
    "num_channels": 3,
    "depth_divisor": 8,
    "kernel_sizes": [stage.kernel for stage in STAGES],
    "in_channels": [32, *(stage.channels for stage in STAGES[:-1])],
    "out_channels": [stage.channels for stage in STAGES],
    "strides": [stage.stride for stage in STAGES],
    "num_block_repeats": [stage.repeats for stage in STAGES],
    "expand_ratios": [stage.expansion for stage in STAGES],
    "squeeze_expansion_ratio": 0.25,
}
_SWISH = ("swish", "silu")
_POOLINGS: dict[str, Pooling] = {"mean": "mean", "max": "max"}
_RESIZES = {0: "pil-nearest", 2: "pil-bilinear", 3: "pil-bicubic"}
_PROCESSORS = ("EfficientNetImageProcessor", "EfficientNetImageProcessorFast", "EfficientNetImageProcessorPil")


def from_configuration(configuration: Mapping[str, Any], processor: Mapping[str, Any], labels: Labels | None) -> Card:
    """Read both; whatever is not as in the published networks is honoured or refused by its name."""
    facts = Facts("config.json", configuration)
    for name, value in _FIXED.items():
        found = configuration.get(name, value)
        if (list(found) if isinstance(found, list | tuple) else found) != value:
            raise facts.wrong(name, f"every EfficientNet here has {value}")
    if facts.get("hidden_act", str, "swish") not in _SWISH:
        raise facts.wrong("hidden_act", "want swish")
    pooling = facts.get("pooling_type", str, "mean")
    if pooling not in _POOLINGS:
        raise facts.wrong("pooling_type", "want mean or max")
    eps = facts.get("batch_norm_eps", float, 1e-3)
    architecture = _architecture(facts)
    task = facts.get("problem_type", str)
    return Card(
        facts.source,
        publisher=PUBLISHER,
        architecture=architecture,
        padding=_padding(facts, architecture),
        bn_eps=eps,
        pooling=_POOLINGS[pooling],
        output=None if task is None else OUTPUTS.get(task),
        pictures=_pictures(Facts("preprocessor_config.json", processor)),
        labels=labels,
    )


def _architecture(facts: Facts) -> Architecture:
    size = square(facts, "image_size", facts.values.get("image_size", 600))
    width = facts.get("width_coefficient", (float, int), 2.0)
    depth = facts.get("depth_coefficient", (float, int), 3.1)
    if not (0 < width <= MAX_FACTOR and 0 < depth <= MAX_FACTOR and size is not None and size <= MAX_SIDE):
        raise facts.wrong("width_coefficient", "not the coefficients of a network")
    dropout = facts.get("dropout_rate", (float, int), 0.5)
    try:
        coefficients = Coefficients(float(width), float(depth), size, float(dropout))
    except InputError as error:
        raise facts.wrong("width_coefficient", str(error)) from None
    same = (name for name, known in TABLE.items() if not known.lite and (known.width, known.depth) == (width, depth))
    network = efficientnet(coefficients, name=next(same, "custom"), classes=0)
    first = [block.name for block in network.blocks if block.adds and block.name.endswith("a")]
    if first:
        raise facts.wrong("width_coefficient", f"{first[0]} adds its input here, and does not in transformers")
    return network


def _padding(facts: Facts, network: Architecture) -> str:
    """The zeros before a stride of 2: on one side, or on both for the blocks that are listed."""
    size = network.coefficients.resolution
    both = facts.get("depthwise_padding", (list, tuple), ())
    if not all(type(number) is int for number in both):
        raise facts.wrong("depthwise_padding", "want numbers of blocks")
    rule = f"same@{size - size % 2}"  # the stem always has its zeros as for an even size
    plan = make_plan(network, size, padding=rule)
    for number, block in enumerate(network.blocks):
        if block.stride == 2:
            half = block.kernel // 2
            wanted = Pads(half, half, half, half) if number in both else Pads(half - 1, half, half - 1, half)
            if plan[f"{block.name}.depthwise"].pads != wanted:
                raise facts.wrong("depthwise_padding", f"those of no picture: not the zeros for {size} pixels")
    return rule


def _pictures(said: Facts) -> Pictures:
    kind = said.get("image_processor_type", str) or said.get("feature_extractor_type", str) or _PROCESSORS[0]
    if kind not in _PROCESSORS:
        raise said.wrong("image_processor_type", f"want one of {', '.join(_PROCESSORS)}")
    if said.get("do_center_crop", bool, False):
        raise said.wrong("do_center_crop", "a crop behind resizing is not known here")
    if not said.get("do_resize", bool, True):
        raise said.wrong("do_resize", "pictures of any size make no input of one size")
    resample = said.get("resample", int, 3)
    if resample not in _RESIZES:
        raise said.wrong("resample", "want 0 (nearest), 2 (bilinear) or 3 (bicubic)")
    size = square(said, "size", said.values.get("size", {"height": 346, "width": 346}))
    return Pictures(size, ("none", 0.0), _RESIZES[resample], _normalise(said))


def _normalise(said: Facts) -> Normalisation:
    """In the order of transformers' own image processor, in float32 as there."""
    scale = said.get("rescale_factor", (float, int), 1 / 255) if said.get("do_rescale", bool, True) else None
    normalises = said.get("do_normalize", bool, True)
    mean = said.triple("image_mean", [0.5, 0.5, 0.5]) or (0.5,) * 3
    std = said.triple("image_std", [0.5, 0.5, 0.5]) or (0.5,) * 3
    offset = said.get("rescale_offset", bool, False)
    found: list[tuple[str, Triple]] = []
    if scale is not None and normalises and not offset:  # one step of two, there
        found = [("subtract", _times(mean, 1.0 / scale)), ("divide", _times(std, 1.0 / scale))]
    else:
        if scale is not None:
            found.append(("multiply", (float(scale),) * 3))
            if offset:
                found.append(("subtract", (1.0,) * 3))
        if normalises:
            found += [("subtract", mean), ("divide", std)]
    if said.get("include_top", bool, True):
        found.append(("divide", std))
    return tuple(found)


def _times(numbers: Triple, factor: float) -> Triple:
    red, green, blue = (float(np.float32(number) * np.float32(factor)) for number in numbers)
    return red, green, blue
