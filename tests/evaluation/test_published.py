"""What publishers say of their weights, and when that can be compared."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.quantised_weights import make_quantised
from helpers.small_weights import make_weights, make_weights_of

import refnet
from refnet.evaluation import Answers, DataSet, Evaluation, Published
from refnet.evaluation.matching import Truth
from refnet.evaluation.published import is_validation, published
from refnet.network import Network
from refnet.network.quantised import QuantisedNetwork
from refnet.weights.labels import imagenet_labels, labels_for
from refnet.weights.weights import Provenance

VALIDATION = np.repeat(np.arange(1000, dtype=np.int32), 50)


def test_by_the_sha_256_of_the_source():
    assert published(refnet.load("lite0")) == (
        "lite0@lite", 75.1, None, "README of EfficientNet-Lite in tensorflow/tpu", ()
    )  # fmt: skip
    assert published(Network(make_weights(), threads=1)) is None
    assert published(refnet.load("lite0@synthetic")) is None


@pytest.mark.parametrize(
    ("publisher", "source", "sha256", "release"),
    [
        ("timm-tf:aa", "tf_efficientnet_b1_aa-ea7a6ee0.pth", "ea7a6ee0" + "0" * 56, "b1@timm-tf:aa"),
        ("keras", "efficientnetb1.h5", "0" * 64, "b1@keras"),
        ("somebody", "efficientnetb1.h5", "0" * 64, None),  # a file that is only called so
        ("keras", "efficientnetb2.h5", "0" * 64, None),  # of another model
        ("keras", "efficientnetb1.h5", "", None),  # made of no file
    ],
)
def test_where_the_whole_sha_256_is_not_known(publisher, source, sha256, release):
    weights = replace(make_weights_of("b1", publisher, 10), provenance=Provenance(publisher, source, sha256))
    found = published(Network(weights, threads=1))
    assert (found and found.release) == release


def test_what_is_run_otherwise():
    assert published(refnet.load("lite0", recipe="timm")).otherwise == ("recipe timm",)
    network = refnet.load("lite0")
    other = Network(network.weights, size=(224, 240), threads=1)
    assert published(other).otherwise == ("224x240 pixels, not 224",)


def test_integers_are_run_otherwise():
    origin = refnet.load("lite0").weights.provenance
    weights = make_quantised(provenance=origin)
    plan = weights.network.plan
    named = replace(weights.network, plan=replace(plan, architecture=replace(plan.architecture, name="lite0")))
    found = published(QuantisedNetwork(replace(weights, network=named), size=224))
    assert (found.top1, found.otherwise) == (75.1, ("arithmetic int8, tflm",))


@pytest.mark.parametrize(
    ("truth", "labels", "whole"),
    [
        (VALIDATION, imagenet_labels(), True),
        (VALIDATION[::-1], imagenet_labels(), True),
        (VALIDATION + 1, labels_for(imagenet_labels(), 1001), True),
        (VALIDATION[:-1], imagenet_labels(), False),
        (np.append(VALIDATION[:-1], np.int32(0)), imagenet_labels(), False),
        (VALIDATION, None, False),
    ],
)
def test_the_validation_set(truth, labels, whole):
    assert is_validation(truth, labels) == whole


def of_validation(wrong, failed=0, **changes):
    """An evaluation of the validation set with so many wrong answers."""
    files = tuple(f"{number}.JPEG" for number in range(50_000))
    data = DataSet("val", files, ("",) * 50_000, ("",), "folders")
    classes = np.zeros((50_000, 5), np.int32) + VALIDATION[:, None]
    classes[:wrong, 0] = (VALIDATION[:wrong] + 1) % 1000
    classes[50_000 - failed :] = -1
    answers = Answers(classes, np.full(classes.shape, 0.5), dict.fromkeys(range(50_000 - failed, 50_000), "damaged"))
    truth = Truth(VALIDATION, "", imagenet_labels())
    says = Published("b0@tf:ckpts", 75.1, 99.0, "README", **changes)
    return Evaluation("b0", "tf", data, truth, answers, 1000, published=says)


def test_on_the_validation_set_the_difference_counts():
    assert of_validation(12_350).against_published == (
        "top-1 is 0.20 points above the publisher's 75.1%, which its interval, 74.92 to 75.68%, holds",
        "top-5 is 1.00 points above the publisher's 99%, which its interval, 99.99 to 100.00%, does not hold",
    )
    assert "does not hold" in of_validation(14_000).against_published[0]


def test_with_pictures_missing_it_is_another_set():
    said = of_validation(12_350, failed=1).against_published
    assert all(sentence.endswith("and these are others") for sentence in said)


def test_what_is_otherwise_is_said():
    said = of_validation(12_350, otherwise=("recipe timm",)).against_published
    assert said[-1] == "the publisher measured otherwise: here recipe timm"
