"""Networks that refnet does not have, by the names and shapes of their tensors: so that a refusal can call them so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from refnet.architecture.step import Shape

OURS = "refnet has EfficientNet B0-B8, L2 and Lite0-4"


V2 = "EfficientNetV2"


class Signature:
    """What tells a network: each pattern matches a line ``name 32,3,3,3`` of one of its tensors.

    A name may have a wrapper's prefix, so a pattern begins where a part of a name begins.
    """

    def __init__(self, network: str, why: str, *patterns: str) -> None:
        self.network, self.why, self.patterns = network, why, patterns
        self.beginnings = [_plain_beginning(each) for each in patterns if "|" not in each]

    def fits(self, lines: str) -> bool:
        """Whether all patterns match; most do not even begin anywhere, which is found fast."""
        if not all(beginning in lines for beginning in self.beginnings):
            return False
        return all(re.search(rf"(?:^|(?<=[./]))(?:{each})", lines, re.MULTILINE) for each in self.patterns)


def _plain_beginning(pattern: str) -> str:
    r"""The letters that a pattern begins with; less the last, which may be optional.

    Examples
    --------
    >>> _plain_beginning(r"blocks\.0\.conv")
    'blocks.0.con'
    """
    found = re.match(r"(?:[\w/-]|\\\.)*", pattern)
    return found[0].replace("\\", "")[:-1] if found else ""


WITHOUT_SE = r"\A(?![\s\S]*\.se\.)"  # no squeeze-excite in any block
_FUSED = "its first blocks are fused convolutions"
_AROUND = "there is more around its backbone"
# The first that fits is named, so networks that are built upon others come before these.
SIGNATURES = (
    # An EfficientNet with more around it.
    Signature("EfficientDet", _AROUND, r"(bi)?fpn(_cells)?[./]", r"(box_net|class_net|regressor)[./]"),
    Signature("a U-Net or its like", _AROUND, r"encoder\.", r"decoder\.", r"segmentation_head\."),
    Signature("a detector", _AROUND, r"(backbone|body)\.", r"(rpn|roi_heads|bbox_head|box_head)\."),
    Signature("a network for segmentation", _AROUND, r"backbone\.", r"(decode_head|classifier\.4|aspp)\."),
    Signature("YOLO", _AROUND, r"model\.\d+\.(conv|cv1)\.", r"model\.\d+\.(cv2|m\.0)\."),
    # EfficientNet's kin.
    Signature("MobileNetV4", "", r"conv_stem\.", r"blocks\.\d+\.\d+\.(dw_start|pw_exp)\."),
    Signature(V2, _FUSED, r"conv_stem\.", r"blocks\.0\.0\.conv\.weight \d+,\d+,3,3$", r"blocks\.1\.0\.conv_exp\."),
    Signature(
        V2, _FUSED, r"features\.1\.0\.block\.0\.0\.weight \d+,(?!1,)\d+,3,3$", r"features\.4\.0\.block\.2\.fc1\."
    ),
    Signature(V2, _FUSED, r"block1a_project_conv/kernel 3,3,", r"block2a_expand_conv/kernel 3,3,"),
    Signature(V2, "", r"efficientnetv2-[a-z0-9]+/"),
    Signature("EfficientNet-EdgeTPU", _FUSED, r"conv_stem\.", r"blocks\.0\.0\.conv_exp\."),
    Signature("EfficientNet-EdgeTPU", "", r"efficientnet-edgetpu-\w+/"),
    Signature("EfficientNet-X or -H", "its first block makes depth of space", r"blocks\.0\.0\.conv_s2d\."),
    Signature("EfficientNet-CondConv", "it mixes its kernels anew for each picture", r"blocks\.\d+\.\d+\.routing_fn\."),
    Signature(
        "RangiLyu's EfficientNet-Lite",
        "of names and zeros of its own",
        r"stem\.0\.weight",
        r"blocks\.0\.0\._depthwise_conv\.",
    ),
    Signature(
        "MONAI's EfficientNetBN", "of names and zeros of its own", r"_conv_stem\.", r"_blocks\.0\.0\._depthwise_conv\."
    ),
    Signature("MixNet", "its layers have kernels of several sizes", r"conv_stem\.", r"blocks\.\d+\.\d+\.conv_dw\.1\."),
    Signature("MobileNetV3 or its like", "", r"conv_stem\.", r"conv_head\.bias", r"blocks\.0\.0\.conv_dw\."),
    Signature("MobileNetV3", "", r"features\.1\.block\.0\.0\.", r"features\.1[26]\.0\.weight", r"classifier\.3\."),
    Signature("MobileNetV3", "", r"expanded_conv/(depthwise|squeeze_excite)/"),
    Signature("MobileNetV2", "", r"features\.1\.conv\.0\.0\.", r"features\.2\.conv\.1\.0\."),
    Signature(
        "MobileNetV2",
        "",
        r"block_1_expand/kernel|block_1_depthwise/",
        r"expanded_conv_depthwise/|expanded_conv_project/",
    ),
    Signature(
        "MobileNetV2",
        "its kernels are 3x3 all through",
        r"conv_stem\.",
        *(rf"blocks\.{stage}\.0\.conv_dw\.weight \d+,1,3,3$" for stage in (2, 3, 4, 5)),
    ),
    Signature("MobileNet", "", r"conv_dw_1/", r"conv_pw_1/"),
    Signature("FBNet", "", r"conv_stem\.", r"blocks\.0\.0\.conv_pwl\."),
    Signature(
        "MNASNet or its like", "", r"conv_stem\.", r"blocks\.1\.0\.conv_pw\.weight (48,16|72,24),1,1$", WITHOUT_SE
    ),
    Signature("MNASNet", "", r"layers\.8\.0\.layers\.0\.", r"layers\.14\."),
    Signature("GhostNet", "", r"ghost1\.primary_conv\."),
    Signature("ReXNet", "", r"features\.0\.conv_dw\.conv\.", r"features\.1\.conv_exp\.conv\."),
    # Others.
    Signature("DenseNet", "", r"denseblock1\.denselayer1\.|conv2_block1_0_bn/"),
    Signature("HRNet", "", r"stage2\.0\.branches\.0\."),
    Signature(
        "a network of the ResNet family",
        "",
        r"layer1\.0\.conv1\.|conv2_block1_1_conv/|resnet_v[12]_\d+/|resnet\.encoder\.|stages\.0\.blocks\.0\.conv1\.weight",
    ),
    Signature(
        "Swin Transformer or its like",
        "",
        r"layers\.0\.blocks\.0\.attn\.relative_position_|features\.1\.0\.attn\.relative_position_",
    ),
    Signature(
        "a Vision Transformer or its like",
        "",
        r"cls_token|class_token|pos_embed",
        r"blocks\.0\.(attn|norm1)\.|encoder_layer_0|encoder\.layer",
    ),
    Signature(
        "ConvNeXt or its like",
        "",
        r"stages\.0\.blocks\.0\.(mlp\.fc1|conv_dw)\.|features\.1\.0\.layer_scale|convnext\w*_stage_0_",
    ),
    Signature(
        "a network of the Inception family",
        "",
        r"[Mm]ixed_5b\.|inception3a\.|InceptionV\d/|repeat_1\.0\.branch0\.|mixed0/",
    ),
    Signature("Xception", "", r"block1\.rep\.0\.|block2_sepconv1/"),
    Signature("RegNet", "", r"s1\.b1\.conv1\.conv\.|trunk_output\.block1\."),
    Signature("NFNet", "", r"stages\.0\.0\.conv1\.gain"),
    Signature("RepVGG or its like", "", r"stages\.0\.0\.conv_kxk\.|stage1\.0\.rbr_dense\."),
    Signature("ShuffleNet", "", r"stage2\.0\.branch1\.", r"conv5\.0\."),
    Signature("SqueezeNet", "", r"features\.3\.squeeze\."),
    Signature("AlexNet", "", r"features\.0\.weight 64,3,11,11$"),
    Signature(
        "VGG", "", r"features\.0\.weight 64,3,3,3$", r"features\.[34]\.weight", r"(classifier\.6|pre_logits\.fc2)\."
    ),
    Signature(
        "VGG", "", r"features\.0\.weight 64,3,3,3$", r"features\.2\.weight", r"(classifier\.6|pre_logits\.fc2)\."
    ),
    Signature("VGG", "", r"block1_conv1/kernel 3,3,3,64", r"block5_conv1/"),
    Signature("a language model", "", r"embeddings\.word_embeddings\.|wte\.weight|embed_tokens\."),
)

# Blocks in each stage of EfficientNetV2.
_V2_SIZES = {
    (2, 4, 4, 6, 9, 15): "S",
    (3, 5, 5, 7, 14, 18, 5): "M",
    (4, 7, 7, 10, 19, 25, 7): "L",
    (4, 8, 8, 16, 24, 32, 8): "XL",
    (1, 2, 2, 3, 5, 8): "B0",
    (2, 3, 3, 4, 6, 9): "B1",
    (2, 3, 3, 4, 6, 10): "B2",
    (2, 3, 3, 5, 7, 12): "B3",
}
_NO_NETWORKS = {
    "an optimiser": {"state", "param_groups"},
    "a scheduler of learning rates": {"base_lrs", "last_epoch"},
    "a scaler of gradients": {"scale", "growth_factor"},
    "random number generators": {"python", "numpy", "cpu"},
}
_BLOCK = re.compile(r"(?:blocks\.(\d+)\.(\d+)|features\.(\d+)\.(\d+)\.block|block(\d+)([a-z])_)")
_MOST_NAMES, _LONGEST_NAME = 1 << 12, 1 << 8


def looks_like(shapes: Mapping[str, Shape]) -> str | None:
    """Say which other network this looks like, and why; None for one of ours, and for a stranger.

    Examples
    --------
    >>> looks_like({"layer1.0.conv1.weight": (64, 64, 1, 1)})
    'this looks like a network of the ResNet family; refnet has EfficientNet B0-B8, L2 and Lite0-4'
    >>> looks_like({"conv_stem.weight": (32, 3, 3, 3)})
    """
    names = [name for name in list(shapes)[:_MOST_NAMES] if len(name) <= _LONGEST_NAME]
    lines = "\n".join(f"{name} {','.join(map(str, shapes[name]))}" for name in names if "\n" not in name)
    found = next((each for each in SIGNATURES if each.fits(lines)), None)
    if found is not None:
        size = _V2_SIZES.get(_depths(names), "") if found.network == V2 else ""
        why = f" ({found.why})" if found.why else ""
        return f"this looks like {found.network}{size and '-'}{size}{why}; {OURS}"
    if {"conv_stem.weight", "bn1.weight", "conv_head.weight"} <= set(names) and "running_mean" not in lines:
        return f"this looks like an EfficientNet with another normalisation (it has no running mean); {OURS}"
    return None


def no_network(content: Mapping[Any, object]) -> str | None:
    """Say what a checkpoint is that people have beside that of a network; None for any other.

    Examples
    --------
    >>> no_network({"state": {}, "param_groups": []})
    "the state of an optimiser alone; the network's weights are in another file, as model.state_dict() gives them"
    """
    keys = {key for key in content if isinstance(key, str)}
    what = next((what for what, wanted in _NO_NETWORKS.items() if wanted <= keys), None)
    if what is None or any(isinstance(value, np.ndarray) for value in content.values()):
        return None
    return f"the state of {what} alone; the network's weights are in another file, as model.state_dict() gives them"


def _depths(names: Iterable[str]) -> tuple[int, ...]:
    """How many blocks there are in each stage."""
    blocks = {tuple(filter(None, found.groups())) for name in names if (found := _BLOCK.search(name))}
    stages = [stage for stage, _ in blocks]
    return tuple(stages.count(stage) for stage in sorted(set(stages), key=int))
