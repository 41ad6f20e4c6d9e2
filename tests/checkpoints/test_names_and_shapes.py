"""Publishers are told apart by names, variants by shapes."""

import pytest

from refnet.architecture.variants import variant
from refnet.checkpoints.names_and_shapes import publishers_by_names, variant_by_shapes
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.errors import CheckpointError

EVERY = [(publisher, name) for publisher in PUBLISHERS.values() for name in publisher.variants]
SAME_NAMES = {"timm-tf": ("timm-tf", "timm"), "timm": ("timm-tf", "timm")}
TIMM = PUBLISHERS["timm"]


def ids(value):
    return getattr(value, "name", value)


def checkpoint(publisher, name, classes=1000):
    """Names and shapes of a whole checkpoint, what may come on top included, in an order of its own."""
    pairs = publisher.pairs(variant(name, classes=classes))
    shapes = {pair.theirs: pair.their_shape for pair in pairs} | dict.fromkeys(publisher.spare(pairs), ())
    return dict(sorted(shapes.items(), key=lambda item: item[0][::-1]))


class TestRecognise:
    @pytest.mark.parametrize(("publisher", "name"), EVERY, ids=ids)
    def test_every_variant_of_every_publisher(self, publisher, name):
        assert publishers_by_names(checkpoint(publisher, name)) == SAME_NAMES.get(publisher.name, (publisher.name,))

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    def test_a_few_tensors_more_or_less_make_no_stranger(self, publisher):
        names = set(list(checkpoint(publisher, publisher.variants[0]))[5:]) | {"head.extra.weight", "ema.decay"}
        assert publishers_by_names(names) == SAME_NAMES.get(publisher.name, (publisher.name,))

    @pytest.mark.parametrize(
        "names",
        [
            [],
            ["conv1.weight", "layer1.0.conv1.weight", "fc.weight"],
            [f"module.{name}" for name in checkpoint(TIMM, "b0")],
            ["num_batches_tracked"] * 300,
            list(checkpoint(TIMM, "b0"))[:100],
        ],
        ids=["nothing", "resnet", "prefixed", "counters", "a third"],
    )
    def test_strangers(self, names):
        assert publishers_by_names(names) == ()


class TestVariantOf:
    @pytest.mark.parametrize(("publisher", "name"), EVERY, ids=ids)
    def test_every_variant_of_every_publisher(self, publisher, name):
        assert variant_by_shapes(checkpoint(publisher, name), publisher) == variant(name)

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    @pytest.mark.parametrize("classes", [1, 11821])
    def test_fine_tuned(self, publisher, classes):
        name = publisher.variants[-1]
        assert variant_by_shapes(checkpoint(publisher, name, classes), publisher) == variant(name, classes=classes)

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    def test_without_a_classifier(self, publisher):
        name = publisher.variants[0]
        assert variant_by_shapes(checkpoint(publisher, name, 0), publisher) == variant(name, classes=0)

    def test_counters_may_be_absent(self):
        assert variant_by_shapes(TIMM.shapes(variant("b2")), TIMM) == variant("b2")

    def test_all_that_is_wrong_is_in_one_error(self):
        """B2 differs from B1 in widths only; one narrow tensor does not make it a B1."""
        theirs = checkpoint(TIMM, "b2", 10)
        del theirs["conv_stem.weight"], theirs["classifier.bias"]
        theirs |= {"bn1.weight": (40,), "extra.weight": (3,), "extra.num_batches_tracked": ()}
        with pytest.raises(CheckpointError) as caught:
            variant_by_shapes(theirs, TIMM)
        assert str(caught.value) == (
            "no variant of timm has these tensors; nearest is b2: 2 are missing: conv_stem.weight, classifier.bias; "
            "1 is different: bn1.weight is [40], not [32]; "
            "2 are unknown: 'extra.weight', 'extra.num_batches_tracked'; --verbose lists all"
        )
        assert caught.value.details == (
            "conv_stem.weight is missing",
            "classifier.bias is missing",
            "bn1.weight is [40], not [32]",
            "'extra.weight' is unknown",
            "'extra.num_batches_tracked' is unknown",
        )

    def test_of_a_publisher_who_has_no_lite(self):
        with pytest.raises(CheckpointError, match=r"nearest is b0: \d+ are missing: .*_se_reduce\.weight"):
            variant_by_shapes(checkpoint(PUBLISHERS["lite"], "lite0"), PUBLISHERS["lukemelas"])

    @pytest.mark.parametrize("shape", [(), (0, 1280), (1000,), (1000, 1280, 1, 1), (1000, 1281), None])
    def test_a_classifier_that_is_none(self, shape):
        theirs = checkpoint(TIMM, "b0")
        del theirs["classifier.weight"]
        theirs |= {} if shape is None else {"classifier.weight": shape}
        wrong = "missing" if shape is None else rf"\[{', '.join(map(str, shape))}\], not \[1000, 1280\]"
        with pytest.raises(CheckpointError, match=rf"nearest is b0: classifier\.weight is {wrong}$"):
            variant_by_shapes(theirs, TIMM)

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    def test_of_nothing(self, publisher):
        with pytest.raises(CheckpointError, match=f"no variant of {publisher.name} has these tensors"):
            variant_by_shapes({}, publisher)
