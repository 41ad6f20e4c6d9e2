"""What is easy to get wrong in lukemelas's names; ``test_torch_layout.py`` compares all of them with the package."""

from refnet.architecture.variants import variant
from refnet.checkpoints.naming import lukemelas


def test_the_pitfall_of_batch_norm_names():
    """At the root _bn0 and _bn1 are stem and head; inside a block they are expansion and depthwise."""
    modules = lukemelas.modules(variant("b0"))
    assert (modules["stem"].norm, modules["head"].norm) == ("_bn0", "_bn1")
    assert modules["block1a.depthwise"].norm == "_blocks.0._bn1"
    assert modules["block2a.expand"].norm == "_blocks.1._bn0"
    assert modules["block2a.project"].norm == "_blocks.1._bn2"
