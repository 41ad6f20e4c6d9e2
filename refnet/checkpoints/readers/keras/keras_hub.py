"""KerasHub's networks, whose configuration has numbers where Keras's has layers, spelled out as Keras would.

``keras_hub.models.EfficientNetBackbone`` and ``EfficientNetImageClassifier`` build their layers by code from lists of
one number for each stage. What follows makes the same layers of the same lists, under the same names:
keras-hub 0.18 to 0.32, src/models/efficientnet/efficientnet_backbone.py, src/models/image_classifier.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

BACKBONE = "EfficientNetBackbone"
CLASSIFIERS = ("EfficientNetImageClassifier", "ImageClassifier")
PACKAGE = "keras_hub"
PREPROCESSOR = "preprocessor"
RESIZE = "resize"  # how pictures of another size are made one of the network's
MAX_BLOCKS = 1 << 9  # L2 has 88
MAX_NUMBER = 1 << 14
INPUT = "input"

Json = dict[str, Any]


def as_functional(stated: Any, *, outermost: bool = False) -> Any:
    """Spell a network of KerasHub out as layers; whatever else it is comes back as it is.

    A classifier prepares pictures where it predicts, so if it is the ``outermost`` model.
    """
    match stated:
        case {"class_name": str(kind), "config": {"name": str()}} if _is_of_package(stated):
            make = _backbone if kind == BACKBONE else _classifier if kind in CLASSIFIERS else None
            try:
                if make is None:
                    return stated
                pixels = stated["config"].get(PREPROCESSOR) if outermost and make is _classifier else None
                return stated | {"config": make(stated["config"] | {PREPROCESSOR: pixels})}
            except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError):
                return stated
    return stated


def is_network(kind: str) -> bool:
    """Whether a class is one of these networks.

    Examples
    --------
    >>> is_network("EfficientNetImageClassifier"), is_network("Dense")
    (True, False)
    """
    return kind == BACKBONE or kind in CLASSIFIERS


def _is_of_package(stated: Mapping[str, Any]) -> bool:
    registered, module = stated.get("registered_name"), stated.get("module")
    return str(registered).startswith(f"{PACKAGE}>") and str(module).partition(".")[0] == PACKAGE


def _classifier(config: Json) -> Json:
    layers = _Layers(config["backbone"]["config"]["input_shape"])
    resize = _prepare(layers, config[PREPROCESSOR]) if config[PREPROCESSOR] else ""
    backbone = as_functional(config["backbone"])
    layers.append(BACKBONE, backbone["config"]["name"], whole=backbone)
    pooling = {"avg": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}[config["pooling"]]
    layers.append(pooling, "pooler", keepdims=False)
    layers.append("Dropout", "output_dropout")
    layers.append(
        "Dense", "predictions", units=config["num_classes"], use_bias=True, activation=config.get("activation")
    )
    return layers.model(config["name"]) | {RESIZE: resize}


def _prepare(layers: _Layers, preprocessor: Json) -> str:
    """What a classifier does to pictures before they are its input: those of any size are made one, then scaled."""
    converter = preprocessor["config"]["image_converter"]
    if not (_is_of_package(preprocessor) and _is_of_package(converter)):
        raise ValueError("classes of their author")
    stated = converter["config"]
    height, width = stated["image_size"] or (None, None)
    shape = layers.found[0]["config"]["batch_shape"]
    layers.found[0]["config"]["batch_shape"] = [None, shape[1] or height, shape[2] or width, shape[3]]
    absent = {"scale": 1.0, "offset": 0.0}
    scale, offset = (absent[key] if stated.get(key) is None else stated[key] for key in absent)
    layers.append("Rescaling", "image_converter", scale=scale, offset=offset)
    return str(stated["interpolation"])[:20] if stated["image_size"] else ""


def _backbone(config: Json) -> Json:
    """The layers of a backbone, whose lists have a number for each stage."""
    if set(config["stackwise_block_types"]) != {"v1"}:
        raise ValueError("blocks of EfficientNetV2")
    lists = [value for key, value in config.items() if key.startswith("stackwise_") and key != "stackwise_block_types"]
    lists.append([config[key] for key in ("width_coefficient", "depth_coefficient") if key in config])
    if not all(type(number) in (int, float, bool) and 0 <= number <= MAX_NUMBER for each in lists for number in each):
        raise ValueError("no numbers that a network has")
    widths, depths = (_of_each_stage(config, f"{what}_coefficient") for what in ("width", "depth"))
    forced = config.get("stackwise_force_input_filters") or [0] * len(widths)

    def filters(number: float, stage: int) -> int:
        return _round_filters(number * widths[stage], config)

    net = _Network(config)
    if config["include_stem_padding"]:
        net.pad("stem_conv_pad", 1)
    net.convolution("stem_conv", "stem_bn", filters(config["stackwise_input_filters"][0], 0), 3, 2,
                    padding=config["stem_conv_padding"])  # fmt: skip
    net.activation("stem_activation")
    for stage, repeats in enumerate(config["stackwise_num_repeats"]):
        inside = filters(config["stackwise_input_filters"][stage], stage)
        outside = filters(config["stackwise_output_filters"][stage], stage)
        for repeat in range(math.ceil(depths[stage] * repeats)):
            if forced[stage] > 0:
                inside = filters(forced[stage], stage)
            name = f"block{stage + 1}{chr(repeat + 97)}_"
            net.block(name, stage, inside, outside, config["stackwise_strides"][stage] if repeat == 0 else 1)
            inside = outside
    net.convolution("top_conv", "top_bn", filters(config.get("num_features", 1280), -1), 1, 1, padding="same")
    net.activation("top_activation")
    return net.layers.model(config["name"])


def _of_each_stage(config: Json, key: str) -> list[float]:
    """One number for each stage; older versions have one for all of them."""
    stated = config.get(f"stackwise_{key}s")
    return list(stated) if stated is not None else [config[key]] * len(config["stackwise_kernel_sizes"])


class _Layers:
    """Layers in a row, as a configuration of Keras 3."""

    def __init__(self, shape: Any) -> None:
        self.found: list[Json] = []
        self.last = ""
        self.append("InputLayer", INPUT, batch_shape=[None, *shape])

    def append(
        self, kind: str, name: str, inputs: tuple[str, ...] = (), whole: Json | None = None, **settings: Any
    ) -> str:
        if len(self.found) > MAX_BLOCKS * 20:
            raise ValueError("more layers than any network")
        tensors = [_tensor(each) for each in inputs or (self.last,) if each]
        args = [tensors] if len(tensors) > 1 else tensors
        layer = whole or {"class_name": kind, "module": "keras.layers", "config": {"name": name, **settings}}
        self.found.append(layer | {"name": name, "inbound_nodes": [{"args": args, "kwargs": {}}] if args else []})
        self.last = name
        return name

    def model(self, name: str) -> Json:
        return {
            "name": name,
            "layers": self.found,
            "input_layers": [[INPUT, 0, 0]],
            "output_layers": [[self.last, 0, 0]],
        }


class _Network:
    """Layers of a backbone, with the numbers that all of them share."""

    def __init__(self, config: Json) -> None:
        self.config = config
        self.layers = _Layers(config["input_shape"])

    def pad(self, name: str, pixels: int) -> None:
        self.layers.append("ZeroPadding2D", name, padding=[[pixels, pixels], [pixels, pixels]])

    def activation(self, name: str) -> None:
        self.layers.append("Activation", name, activation=self.config["activation"])

    def convolution(self, name: str, norm: str, filters: int, kernel: int, stride: int, padding: str) -> None:
        self.layers.append(
            "Conv2D", name, filters=filters, kernel_size=[kernel] * 2, strides=[stride] * 2, padding=padding,
            use_bias=False,
        )  # fmt: skip
        self.norm(norm)

    def norm(self, name: str) -> None:
        eps = self.config["batch_norm_epsilon"]
        self.layers.append("BatchNormalization", name, axis=-1, epsilon=eps, center=True, scale=True)

    def block(self, name: str, stage: int, filters_in: int, filters_out: int, stride: int) -> None:
        config, layers = self.config, self.layers
        entry = layers.last
        expansion = config["stackwise_expansion_ratios"][stage]
        kernel = config["stackwise_kernel_sizes"][stage]
        filters = filters_in * expansion
        if expansion != 1:
            self.convolution(name + "expand_conv", name + "expand_bn", filters, 1, 1, padding="same")
            self.activation(name + "expand_activation")
        self.pad(name + "dwconv_pad", kernel // 2)
        layers.append(
            "DepthwiseConv2D", name + "dwconv", kernel_size=[kernel] * 2, strides=[stride] * 2, padding="valid",
            depth_multiplier=1, use_bias=False,
        )  # fmt: skip
        self.norm(name + "dwconv_bn")
        self.activation(name + "dwconv_activation")
        ratio = config["stackwise_squeeze_and_excite_ratios"][stage]
        if 0 < ratio <= 1:
            self._excite(name, filters, max(1, int(filters_in * ratio)))
        self.convolution(name + "project", name + "project_bn", filters_out, 1, 1, padding="same")
        if config.get("projection_activation"):
            layers.append("Activation", name + "projection_activation", activation=config["projection_activation"])
        if stride == 1 and filters_in == filters_out:
            layers.append("Add", name + "add", (layers.last, entry))

    def _excite(self, name: str, filters: int, squeezed: int) -> None:
        layers, excited = self.layers, self.layers.last
        layers.append("GlobalAveragePooling2D", name + "se_squeeze", keepdims=False)
        layers.append("Reshape", name + "se_reshape", target_shape=[1, 1, filters])
        for part, units, activation in (
            ("se_reduce", squeezed, self.config["activation"]),
            ("se_expand", filters, "sigmoid"),
        ):
            layers.append(
                "Conv2D", name + part, filters=units, kernel_size=[1, 1], strides=[1, 1], padding="same",
                use_bias=True, activation=activation,
            )  # fmt: skip
        layers.append("Multiply", name + "se_excite", (excited, layers.last))


def _tensor(name: str) -> Json:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}


def _round_filters(scaled: float, config: Json) -> int:
    divisor = config["depth_divisor"]
    least = divisor if config["use_depth_divisor_as_min_depth"] else config["min_depth"]
    rounded = max(least, int(scaled + divisor / 2) // divisor * divisor)
    if config["cap_round_filter_decrease"] and rounded < 0.9 * scaled:
        rounded += divisor
    return int(rounded)
