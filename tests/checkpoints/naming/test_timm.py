"""What is easy to get wrong in timm's names; ``test_torch_layout.py`` compares all of them with the package."""

from refnet.architecture.variants import variant
from refnet.checkpoints.naming import timm


def test_the_pitfall_of_the_first_stage():
    """B1 has two blocks without expansion; what conv_pw, bn1 and bn2 are differs from the second stage on."""
    modules = timm.modules(variant("b1"))
    assert modules["block1b.depthwise"] == ("blocks.0.1.conv_dw", "blocks.0.1.bn1")
    assert modules["block1b.project"] == ("blocks.0.1.conv_pw", "blocks.0.1.bn2")
    assert modules["block2a.expand"] == ("blocks.1.0.conv_pw", "blocks.1.0.bn1")
    assert modules["block2a.depthwise"] == ("blocks.1.0.conv_dw", "blocks.1.0.bn2")
    assert modules["block2a.project"] == ("blocks.1.0.conv_pwl", "blocks.1.0.bn3")
    assert (modules["stem"].norm, modules["head"].norm) == ("bn1", "bn2")
