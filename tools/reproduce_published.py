"""Check the published weights themselves, on a machine with a network: about 6 GB are fetched.

    python tools/reproduce_published.py [b0 lite0 ...]

1. Predictions that publishers print for a photograph of a panda, by the recipe they were made with.
2. Identities between families, by the digest of all tensors: what was converted from one publisher by another is the
   same to the last bit, whatever it was written by.

Nothing about the published weights is claimed in this repository that rests on this program. Its sources: the notebooks
and tests named beside each number. For qubvel's numbers scikit-image must be installed; its versions differ a little.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
import urllib.request
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np

import refnet
from refnet.errors import RefnetError
from refnet.preprocessing.crop import padding_window
from refnet.preprocessing.decode import decode
from refnet.preprocessing.normalise import NORMALISATIONS, normalise
from refnet.preprocessing.recipe import Recipe
from refnet.weights import reader, releases

PANDA = "https://raw.githubusercontent.com/lukemelas/EfficientNet-PyTorch/master/examples/simple/img.jpg"
PANDA_SHA256 = "2389d1990f74682ab3fb7df3e31ef15d7da7cd0368f85c594f74c76a3eebc0ad"
ELEPHANT = "https://storage.googleapis.com/tensorflow/keras-applications/tests/elephant.jpg"
PANDA_CLASS, ELEPHANT_CLASS = 388, 386
MAX_BYTES = 1 << 22

BILINEAR = Recipe("bilinear", "shorter-fraction", 1.0, "pil-bilinear", NORMALISATIONS["torch-imagenet"])

# Top 5 in percent, as printed. The photograph is a JPEG: decoders differ by a level or two in some pixels.
PRINTED: dict[str, tuple[str, str | Recipe, tuple[tuple[str, float], ...]]] = {
    "tensorflow/tpu eval_ckpt_example.ipynb, 2019-07-21": (
        "b0@tf:ckpts",
        "tf",
        (("giant panda", 82.75), ("ice bear", 1.51), ("lesser panda", 0.37), ("American black bear", 0.23),
         ("brown bear", 0.17)),
    ),
    "lukemelas examples/simple/example.ipynb, 2019-06-01": (
        "b0@tf:ckpts",
        BILINEAR,
        (("giant panda", 90.04), ("ice bear", 0.62), ("lesser panda", 0.19), ("soccer ball", 0.14), ("badger", 0.10)),
    ),
}  # fmt: skip
PRINTED_TOLERANCE = 0.15  # percent

# qubvel tests/test_model.py: probability of the panda, with scikit-image's cubic resize.
QUBVEL = {
    "tf:ckptsaug": {
        "b0": 0.7587869, "b1": 0.8373562, "b2": 0.8569102, "b3": 0.8761664,
        "b4": 0.734242, "b5": 0.8810669, "b6": 0.8667784, "b7": 0.8399882,
    },
    "tf:ckpts": {
        "b0": 0.8347934, "b1": 0.8702488, "b2": 0.8227086, "b3": 0.8152614, "b4": 0.7353228, "b5": 0.8103732,
    },
}  # fmt: skip
QUBVEL_TOLERANCE = 2e-3

# Each row is one set of tensors under several names; "{}" is the variant.
SAME = (
    ("{}@tf:ckptsaug", "{}@lukemelas:autoaugment", "{}@timm-tf:aa", "{}@keras"),
    ("{}@tf:ckpts", "{}@timm-tf:in1k"),
    ("{}@tf:advprop", "{}@lukemelas:advprop", "{}@timm-tf:ap"),
    ("{}@tf:noisystudent", "{}@timm-tf:ns"),
    ("{}@tf:noisystudent-475", "{}@timm-tf:ns475"),
    ("{}@tf:randaug", "{}@timm-tf:ra"),
    ("{}@tf:lite", "{}@timm-tf:in1k", "{}@lite"),
)
SAME_IN_TORCHVISION = (
    ("b0@timm:ra", "b0@torchvision:v1"),
    ("b1@timm:ft", "b1@torchvision:v1"),
    ("b2@timm:ra", "b2@torchvision:v1"),
    ("b3@timm:ra2", "b3@torchvision:v1"),
    ("b4@timm:ra2", "b4@torchvision:v1"),
    ("b5@lukemelas:autoaugment", "b5@torchvision:v1"),
    ("b6@lukemelas:autoaugment", "b6@torchvision:v1"),
    ("b7@lukemelas:autoaugment", "b7@torchvision:v1"),
)


class Check(NamedTuple):
    """One line of the result."""

    what: str
    found: str
    wanted: str
    holds: bool


def predictions(panda: bytes, models: Collection[str]) -> Iterator[Check]:
    """Compare what publishers print for the panda."""
    for source, (name, recipe, wanted) in PRINTED.items():
        if name.partition("@")[0] not in models:
            continue
        found = refnet.load(refnet.fetch(name), recipe=recipe).predict(panda, top=len(wanted))
        percents = [(prediction.label.partition(",")[0], 100 * prediction.probability) for prediction in found]
        holds = all(
            label == there and abs(percent - printed) <= PRINTED_TOLERANCE
            for (label, percent), (there, printed) in zip(percents, wanted, strict=True)
        )
        yield Check(f"{name}: {source}", _percents(percents), _percents(wanted), holds)


def probabilities(panda: bytes, models: Collection[str]) -> Iterator[Check]:
    """Compare what qubvel's tests expect of the panda, if scikit-image is here to resize it."""
    if importlib.util.find_spec("skimage") is None:
        print("scikit-image is not installed: qubvel's numbers are not compared", file=sys.stderr)
        return
    for publisher, wanted_of in QUBVEL.items():
        for model, wanted in wanted_of.items():
            if model in models:
                network = refnet.load(refnet.fetch(f"{model}@{publisher}"))
                found = network.probabilities(_qubvel(panda, network.plan.height))[0, PANDA_CLASS]
                holds = bool(abs(found - wanted) <= QUBVEL_TOLERANCE)
                yield Check(f"{model}@{publisher}: qubvel tests/test_model.py", f"{found:.7f}", f"{wanted}", holds)


def elephants(elephant: bytes, models: Collection[str]) -> Iterator[Check]:
    """Check what Keras's own test does: an African elephant is among the first three."""
    for release in releases.published():
        if release.publisher == "keras" and release.model in models:
            best = refnet.load(refnet.fetch(release.name)).predict(elephant, top=3)
            labels = ", ".join(prediction.label for prediction in best)
            holds = ELEPHANT_CLASS in [prediction.index for prediction in best]
            yield Check(f"{release.name}: Keras applications_load_weight_test.py", labels, "African elephant", holds)


def identities(models: Collection[str]) -> Iterator[Check]:
    """Compare the digests of tensors that are said to be the same."""
    known = {release.name: release for release in releases.published() if release.available}
    rows = [tuple(name.format(model) for name in row) for row in SAME for model in models]
    rows += [row for row in SAME_IN_TORCHVISION if row[0].partition("@")[0] in models]
    for row in rows:
        names = [name for name in row if name in known]
        if len(names) < 2:
            continue
        first, *others = ((name, _digest(name)) for name in names)
        for name, digest in others:
            yield Check(f"{first[0]} = {name}", digest[:16], first[1][:16], digest == first[1])


def _digest(name: str) -> str:
    return reader.read(refnet.fetch(name)).digest()


def _qubvel(picture: bytes, side: int) -> np.ndarray:
    """qubvel/efficientnet, preprocessing.py: TensorFlow's crop, scikit-image's resize."""
    from skimage.transform import resize

    pixels = decode(picture, "the panda")
    top, left, height, width = padding_window(*pixels.shape[:2], side, side, 32)
    window = pixels[top : top + height, left : left + width]
    resized = resize(window, (side, side), order=3, preserve_range=True, anti_aliasing=True, mode="reflect")
    return normalise(resized.astype(np.float32), NORMALISATIONS["torch-imagenet"])[None]


def _percents(rows: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{label} {percent:.2f}" for label, percent in rows)


def _download(url: str, sha256: str | None = None) -> bytes:
    print(f"fetching {url}", file=sys.stderr)
    with urllib.request.urlopen(url, timeout=60) as answer:
        data: bytes = answer.read(MAX_BYTES)
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise RefnetError(f"{url} is not the photograph that the numbers are of")
    return data


def main(arguments: list[str] | None = None) -> int:
    """Print a Markdown table of all checks; the exit code is 1 if one does not hold."""
    every = list(dict.fromkeys(release.model for release in releases.published()))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(every)} (default: all)")
    models = parser.parse_args(arguments).models or every
    panda = _download(PANDA, PANDA_SHA256)
    failed = 0
    print("| what | found | published | |\n|---|---|---|---|")
    for checks in (
        predictions(panda, models),
        probabilities(panda, models),
        elephants(_download(ELEPHANT), models),
        identities(models),
    ):
        for check in checks:
            failed += not check.holds
            print(
                f"| {check.what} | {check.found} | {check.wanted} | {'yes' if check.holds else '**no**'} |", flush=True
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
