"""What is easy to get wrong in torchvision's names; ``test_torch_layout.py`` compares all of them with the package."""

from torchvision import models

from refnet.architecture.variants import variant
from refnet.checkpoints.naming import torchvision
from refnet.checkpoints.publishers import PUBLISHERS


def test_every_variant_is_there():
    variants = PUBLISHERS["torchvision"].variants
    assert variants == ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7")
    assert {f"efficientnet_{name}" for name in variants} == set(models.list_models(include="efficientnet_b*"))


def test_the_pitfall_of_numbered_layers():
    """B1 has two blocks without expansion; their layers have other numbers than those of the others."""
    modules = torchvision.modules(variant("b1"))
    assert modules["block1b.depthwise"] == ("features.1.1.block.0.0", "features.1.1.block.0.1")
    assert modules["block1b.reduce"] == ("features.1.1.block.1.fc1", "")
    assert modules["block2a.expand"] == ("features.2.0.block.0.0", "features.2.0.block.0.1")
    assert modules["block2a.depthwise"] == ("features.2.0.block.1.0", "features.2.0.block.1.1")
    assert modules["block2a.reduce"] == ("features.2.0.block.2.fc1", "")
