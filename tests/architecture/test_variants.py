import dataclasses
from itertools import groupby

import pytest

from refnet.architecture.scaling import TABLE, Coefficients
from refnet.architecture.variants import STAGES, Block, efficientnet, variant
from refnet.errors import InputError, UnknownModelError

# stem, head; repeats and widths of the seven stages; blocks. From the published builders (tensorflow/tpu).
PUBLISHED = {
    "b0": (32, 1280, (1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320), 16),
    "b1": (32, 1280, (2, 3, 3, 4, 4, 5, 2), (16, 24, 40, 80, 112, 192, 320), 23),
    "b2": (32, 1408, (2, 3, 3, 4, 4, 5, 2), (16, 24, 48, 88, 120, 208, 352), 23),
    "b3": (40, 1536, (2, 3, 3, 5, 5, 6, 2), (24, 32, 48, 96, 136, 232, 384), 26),
    "b4": (48, 1792, (2, 4, 4, 6, 6, 8, 2), (24, 32, 56, 112, 160, 272, 448), 32),
    "b5": (48, 2048, (3, 5, 5, 7, 7, 9, 3), (24, 40, 64, 128, 176, 304, 512), 39),
    "b6": (56, 2304, (3, 6, 6, 8, 8, 11, 3), (32, 40, 72, 144, 200, 344, 576), 45),
    "b7": (64, 2560, (4, 7, 7, 10, 10, 13, 4), (32, 48, 80, 160, 224, 384, 640), 55),
    "b8": (72, 2816, (4, 8, 8, 11, 11, 15, 4), (32, 56, 88, 176, 248, 424, 704), 61),
    "l2": (136, 5504, (6, 11, 11, 16, 16, 22, 6), (72, 104, 176, 344, 480, 824, 1376), 88),
    "lite0": (32, 1280, (1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320), 16),
    "lite1": (32, 1280, (1, 3, 3, 4, 4, 5, 1), (16, 24, 40, 80, 112, 192, 320), 21),
    "lite2": (32, 1280, (1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352), 21),
    "lite3": (32, 1280, (1, 3, 3, 5, 5, 6, 1), (24, 32, 48, 96, 136, 232, 384), 24),
    "lite4": (32, 1280, (1, 4, 4, 6, 6, 8, 1), (24, 32, 56, 112, 160, 272, 448), 30),
}

# Squeeze widths of each stage: first block, later blocks.
SQUEEZE = {
    "b0": ((8,), (4, 6), (6, 10), (10, 20), (20, 28), (28, 48), (48,)),
    "b1": ((8, 4), (4, 6), (6, 10), (10, 20), (20, 28), (28, 48), (48, 80)),
    "b2": ((8, 4), (4, 6), (6, 12), (12, 22), (22, 30), (30, 52), (52, 88)),
    "b3": ((10, 6), (6, 8), (8, 12), (12, 24), (24, 34), (34, 58), (58, 96)),
    "b4": ((12, 6), (6, 8), (8, 14), (14, 28), (28, 40), (40, 68), (68, 112)),
    "b5": ((12, 6), (6, 10), (10, 16), (16, 32), (32, 44), (44, 76), (76, 128)),
    "b6": ((14, 8), (8, 10), (10, 18), (18, 36), (36, 50), (50, 86), (86, 144)),
    "b7": ((16, 8), (8, 12), (12, 20), (20, 40), (40, 56), (56, 96), (96, 160)),
    "b8": ((18, 8), (8, 14), (14, 22), (22, 44), (44, 62), (62, 106), (106, 176)),
    "l2": ((34, 18), (18, 26), (26, 44), (44, 86), (86, 120), (120, 206), (206, 344)),
}


def stages(net):
    """The blocks of each stage."""
    return [list(blocks) for _, blocks in groupby(net.blocks, lambda block: block.name[: len("block1")])]


def test_stages_of_the_papers_table_1():
    # repeats, kernel, stride, expansion, channels
    assert [dataclasses.astuple(stage) for stage in STAGES] == [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ]


@pytest.mark.parametrize("name", TABLE)
def test_widths_and_repeats(name):
    stem, head, repeats, widths, blocks = PUBLISHED[name]
    net = variant(name)
    assert (net.name, net.coefficients, net.resolution) == (name, TABLE[name], TABLE[name].resolution)
    assert (net.stem_channels, net.head_channels, net.classes) == (stem, head, 1000)
    assert tuple(len(stage) for stage in stages(net)) == repeats
    assert [{block.out_channels for block in stage} for stage in stages(net)] == [{width} for width in widths]
    assert len(net.blocks) == blocks


def test_coefficients_outside_the_table():
    net = efficientnet(Coefficients(1.4, 2.0, 380, 0.4))
    assert (net.name, net.stem_channels, net.head_channels) == ("custom", 48, 1792)
    assert tuple(len(stage) for stage in stages(net)) == (2, 4, 4, 6, 6, 8, 2)
    assert tuple(stage[-1].out_channels for stage in stages(net)) == (24, 32, 56, 112, 160, 272, 448)


@pytest.mark.parametrize("name", TABLE)
def test_a_block_takes_what_the_last_one_gives(name):
    net = variant(name)
    channels = net.stem_channels
    for block in net.blocks:
        assert block.in_channels == channels
        channels = block.out_channels


@pytest.mark.parametrize("name", TABLE)
def test_a_stage_sets_kernel_stride_and_expansion(name):
    for stage, (first, *others) in zip(STAGES, stages(variant(name)), strict=True):
        assert first.stride == stage.stride
        assert not first.adds
        for block in (first, *others):
            assert block.kernel == stage.kernel
            assert block.channels == stage.expansion * block.in_channels
            assert block.expands == (stage.expansion != 1)
        for block in others:
            assert block.stride == 1
            assert block.adds


@pytest.mark.parametrize("name", SQUEEZE)
def test_squeeze_is_a_quarter_of_the_blocks_input(name):
    for stage, (first, *later) in zip(stages(variant(name)), SQUEEZE[name], strict=True):
        assert stage[0].se_channels == first
        assert {block.se_channels for block in stage[1:]} == set(later)


@pytest.mark.parametrize("name", TABLE)
def test_lite_has_no_squeeze_and_relu6(name):
    net = variant(name)
    lite = name.startswith("lite")
    assert net.activation == ("relu6" if lite else "swish")
    assert any(block.se_channels for block in net.blocks) is not lite


def test_strides_make_a_picture_32_times_smaller():
    for name in TABLE:
        strides = [block.stride for block in variant(name).blocks]
        assert (strides.count(2), strides.count(1)) == (4, len(strides) - 4)  # and 2 in the stem


def test_classes():
    assert variant("b0", classes=7).classes == 7
    assert dataclasses.replace(variant("b0", classes=7), classes=1000) == variant("b0")
    assert variant("b0", classes=0).classes == 0
    with pytest.raises(InputError, match="classes=-1: want at least one, or 0 for a network without a classifier"):
        variant("b0", classes=-1)


def test_block_names_are_unique():
    for coefs in TABLE.values():
        names = [block.name for block in efficientnet(coefs).blocks]
        assert len(set(names)) == len(names)


def test_a_block_typed_in():
    assert variant("b7").blocks[-1] == Block(
        "block7d", kernel=3, stride=1, in_channels=640, channels=3840, out_channels=640, se_channels=160
    )


def test_unknown_variant():
    with pytest.raises(UnknownModelError, match="unknown model 'b9'; known models: b0, "):
        variant("b9")


def test_a_variant_is_a_value():
    assert variant("b3") == variant("b3")
    assert hash(variant("b3")) == hash(variant("b3"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        variant("b3").classes = 10
