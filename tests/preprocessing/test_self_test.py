from __future__ import annotations

import numpy as np

from refnet.kernels.units import picture_preparer
from refnet.preprocessing import self_test
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import NORMALISATIONS, normalise
from refnet.preprocessing.resize import RESIZES
from refnet.reference.digest import tensor_digest


def test_the_digests_are_those_of_the_definition() -> None:
    picture = self_test.picture()
    found = [
        normalise(CROPS["none"].apply(picture, *self_test.TO, 0, RESIZES[name]), NORMALISATIONS["torch-imagenet"])
        for name in self_test.RESIZES
    ]
    assert tuple(map(tensor_digest, found)) == self_test.DIGESTS


def test_kernels_are_right() -> None:
    assert self_test.is_right(picture_preparer(), np.dtype(np.float32))
