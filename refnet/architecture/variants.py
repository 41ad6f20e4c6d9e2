"""Architecture: a variant of EfficientNet as data, before any picture size is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.scaling import TABLE, Coefficients, coefficients, round_filters, round_repeats
from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.errors import InputError

CLASSES = 1000
IMAGE_CHANNELS = 3
SE_RATIO = 4  # the squeeze has a quarter of the block's input channels

# The paper and every library spell a variant like this.
_SPELLED_OUT = re.compile(rf"(?:efficientnet[-_ ]?)?({'|'.join(TABLE)})")


@dataclass(frozen=True)
class Stage:
    """One line of the paper's Table 1: a group of blocks of one output width."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# Table 1 of the paper (B0), as in tensorflow/tpu efficientnet_builder.py.
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Block:
    """One mobile inverted bottleneck (MBConv).

    Attributes
    ----------
    name
        ``block`` + stage + letter.
    kernel, stride
        Of the depthwise convolution.
    in_channels, channels, out_channels
        At the block's input, between expansion and projection, and at its output.
    se_channels
        Width of the squeeze; 0 where there is no squeeze-excite.
    """

    name: str
    kernel: int
    stride: int
    in_channels: int
    channels: int
    out_channels: int
    se_channels: int

    @property
    def expands(self) -> bool:
        """Whether the block begins with an expansion."""
        return self.channels != self.in_channels

    @property
    def adds(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.in_channels == self.out_channels


@dataclass(frozen=True)
class Architecture:
    """A whole network: stem, blocks, head, and top; with 0 ``classes`` it ends at the pooled features.

    ``folded`` ones have no batch norm behind a convolution, but a bias: that of a batch norm that somebody multiplied
    into the kernel. ``channels`` are those of the input: 3 but for networks of grey pictures and of more than colours.
    """

    name: str
    coefficients: Coefficients
    stem_channels: int
    blocks: tuple[Block, ...]
    head_channels: int
    classes: int
    activation: Activation
    top: Top = PUBLISHED_TOP
    folded: bool = False
    channels: int = IMAGE_CHANNELS

    @property
    def resolution(self) -> int:
        """Side of the input picture the variant was made for, in pixels."""
        return self.coefficients.resolution


def efficientnet(coefs: Coefficients, *, name: str = "custom", classes: int = CLASSES) -> Architecture:
    """Build the network of any coefficients.

    Raises
    ------
    InputError
        If the number of classes is negative.

    Examples
    --------
    >>> from refnet.architecture.scaling import compound
    >>> net = efficientnet(compound(1))
    >>> len(net.blocks), net.blocks[0].name, net.head_channels
    (23, 'block1a', 1408)
    """
    if classes < 0:
        raise InputError(f"classes={classes}: want at least one, or 0 for a network without a classifier")
    fixed = coefs.lite  # Lite: "fix_head_stem"
    stem = STEM_CHANNELS if fixed else round_filters(STEM_CHANNELS, coefs.width)
    head = HEAD_CHANNELS if fixed else round_filters(HEAD_CHANNELS, coefs.width)
    blocks: list[Block] = []
    in_channels = stem
    for number, stage in enumerate(STAGES, start=1):
        out_channels = round_filters(stage.channels, coefs.width)
        keep_depth = fixed and number in (1, len(STAGES))
        repeats = stage.repeats if keep_depth else round_repeats(stage.repeats, coefs.depth)
        for repeat in range(repeats):
            blocks.append(
                Block(
                    name=names.block_name(number, repeat),
                    kernel=stage.kernel,
                    stride=stage.stride if repeat == 0 else 1,
                    in_channels=in_channels,
                    channels=in_channels * stage.expansion,
                    out_channels=out_channels,
                    se_channels=0 if coefs.lite else max(1, in_channels // SE_RATIO),
                )
            )
            in_channels = out_channels
    return Architecture(
        name=name,
        coefficients=coefs,
        stem_channels=stem,
        blocks=tuple(blocks),
        head_channels=head,
        classes=classes,
        activation="relu6" if coefs.lite else "swish",
    )


def variant(name: str, *, classes: int = CLASSES) -> Architecture:
    """Build a published variant by its name, ``b0`` to ``b8``, ``l2`` or ``lite0`` to ``lite4``.

    Raises
    ------
    UnknownModelError
        If the name is not in the scaling table.

    Examples
    --------
    >>> variant("b0").blocks[1]
    Block(name='block2a', kernel=3, stride=2, in_channels=16, channels=96, out_channels=24, se_channels=4)
    """
    return efficientnet(coefficients(name), name=name, classes=classes)


def variant_name(text: str) -> str | None:
    """Find which variant is meant by any of the ways to write one, ``EfficientNet-B0``; None for another word.

    Examples
    --------
    >>> variant_name("EfficientNet-B1"), variant_name("LITE0"), variant_name("B9")
    ('b1', 'lite0', None)
    """
    known = _SPELLED_OUT.fullmatch(text.lower())
    return None if known is None else known[1]
