"""ONNX files as people export them convert whole: what PyTorch computes in float64 comes out, whatever the exporter.

Files of tests/data/onnx were written by tools/make_onnx_fixtures.py; the older exporter of PyTorch runs here.
"""

import numpy as np
import onnx
import pytest
import torch
from efficientnet_pytorch import EfficientNet
from efficientnet_pytorch.utils import efficientnet as lukemelas_parameters
from helpers.onnx_networks import (
    CLASSES,
    DEPTH,
    SIZE,
    WIDTH,
    answer,
    exported,
    find,
    interpreted,
    picture,
    timm_network,
    trained,
)
from helpers.places import DATA
from torchvision.models import efficientnet as torchvision_models

from refnet.architecture.top import Top
from refnet.checkpoints.graph.match import FOLDED
from refnet.errors import CheckpointError

FOLDER = DATA / "onnx"
PLAIN = {"do_constant_folding": False}
ANY_SIZE = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch", 2: "height", 3: "width"}}}


def torchvision_network() -> torch.nn.Module:
    stages, head = torchvision_models._efficientnet_conf("efficientnet_b0", width_mult=WIDTH, depth_mult=DEPTH)
    model = torchvision_models._efficientnet(stages, 0.2, head, None, progress=False, num_classes=CLASSES)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-5
    return trained(model)


def lukemelas_network(image_size: int | None = 224) -> torch.nn.Module:
    """Its pads are those of one size, unless it is built without any."""
    blocks, rest = lukemelas_parameters(WIDTH, DEPTH, image_size=image_size, num_classes=CLASSES)
    model = EfficientNet([block._replace(stride=block.stride[0]) for block in blocks], rest)
    model.set_swish(memory_efficient=False)  # its own function is one that ONNX does not have
    return trained(model)


NETWORKS = {
    "timm": (timm_network, "symmetric", 1e-5),
    "timm-tf": (lambda: timm_network(same=True, eps=1e-3), "same", 1e-3),
    "timm-tf-lite": (lambda: timm_network(lite=True, same=True, eps=1e-3), "same", 1e-3),
    "torchvision": (torchvision_network, "symmetric", 1e-5),
    "lukemelas": (lukemelas_network, "same@224", 1e-3),
}


def by_torch(model: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.double()(torch.from_numpy(x)).numpy()


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / max(np.sqrt(np.mean(np.square(theirs))), 1e-3))


@pytest.mark.parametrize("name", NETWORKS)
def test_unfolded(name):
    make, padding, eps = NETWORKS[name]
    model = make()
    found = find(exported(model, **PLAIN))
    assert (found.padding, found.bn_eps, found.told) == (padding, eps, ())
    assert (found.architecture.top, found.architecture.classes) == (Top(output="none"), CLASSES)
    assert found.architecture.resolution == SIZE
    assert distance(answer(found, picture()), by_torch(model, picture())) < 1e-12


@pytest.mark.parametrize("name", NETWORKS)
def test_folded(name):
    """The exporter multiplies batch norms into kernels and rounds; from there on no number changes."""
    make, padding, _ = NETWORKS[name]
    model = make()
    data = exported(model)
    found = find(data)
    assert (found.padding, found.bn_eps, found.told) == (padding, 0.0, (FOLDED,))
    ours = answer(found, picture())
    assert distance(ours, interpreted(data, picture())) < 1e-12
    assert distance(ours, by_torch(model, picture())) < 1e-5


@pytest.mark.parametrize("name", ["timm", "torchvision", "lukemelas"])
@pytest.mark.parametrize("size", [40, 51])
def test_any_size(name, size):
    """At a size that the exporter did not see, pads that were counted for another one stay what they are."""
    make, padding, _ = NETWORKS[name]
    model = make()
    found = find(exported(model, **PLAIN, **ANY_SIZE))
    assert (found.padding, found.size) == (padding, None)
    assert distance(answer(found, picture(size)), by_torch(model, picture(size))) < 1e-12


def test_pads_that_the_graph_computes():
    with pytest.raises(CheckpointError, match=r"\(Pad\) .* computes from the size that comes; export it"):
        find(exported(NETWORKS["timm-tf"][0](), **PLAIN, **ANY_SIZE))


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.onnx")))
def test_files_by_the_newer_exporter(name):
    data = (FOLDER / name).read_bytes()
    found = find(data)
    same = "unoptimised" in name
    assert (found.padding, found.bn_eps) == (("same", 1e-3) if same else ("symmetric", 0.0))
    assert (found.size is None) == ("any-size" in name)
    ours = answer(found, picture())
    assert distance(ours, interpreted(data, picture())) < 1e-9
    model = timm_network(same=same, eps=1e-3 if same else 1e-5)
    assert distance(ours, by_torch(model, picture())) < (1e-12 if same else 1e-5)


def test_files_are_there():
    assert len(list(FOLDER.glob("*.onnx"))) == 3


# Tops -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pool", "pooling"),
    [("avg", "mean"), ("max", "max"), ("avgmax", "mean+max"), ("catavgmax", "concatenated"), ("fast", "mean")],
)
def test_poolings_of_timm(pool, pooling):
    model = timm_network(global_pool=pool)
    found = find(exported(model, **PLAIN))
    assert found.architecture.top == Top(pooling, output="none")
    assert distance(answer(found, picture()), by_torch(model, picture())) < 1e-12


def test_features_of_timm():
    model = timm_network(num_classes=0)
    found = find(exported(model, **PLAIN))
    assert found.architecture.classes == 0
    assert distance(answer(found, picture()), by_torch(model, picture())) < 1e-12


@pytest.mark.parametrize(
    ("last", "top"),
    [
        (torch.nn.Sigmoid(), Top(output="sigmoid")),
        (torch.nn.Softmax(dim=-1), Top()),
        (torch.nn.LogSoftmax(dim=1), Top(output="log_softmax")),
        (torch.nn.Tanh(), Top(output="tanh")),
        (torch.nn.ReLU(), Top(output="relu")),
    ],
)
def test_what_follows_the_classifier(last, top):
    model = torch.nn.Sequential(timm_network(), last).eval()
    found = find(exported(model, **PLAIN))
    assert found.architecture.top == top
    assert distance(answer(found, picture()), by_torch(model, picture())) < 1e-12


@pytest.mark.parametrize(
    "last", [torch.nn.GELU(), torch.nn.Softmax(dim=0), torch.nn.Hardsigmoid(), torch.nn.LayerNorm(CLASSES)]
)
def test_what_cannot_follow_the_classifier(last):
    model = torch.nn.Sequential(timm_network(), last).eval()
    with pytest.raises(CheckpointError, match="`--head none` converts the network without what follows its pool"):
        find(exported(model, **PLAIN))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"act_layer": torch.nn.ReLU}, "squeeze-excite is followed by relu; here it is swish"),
        ({"act_layer": torch.nn.Hardswish}, "squeeze-excite is followed by hard_swish; here it is swish"),
        ({"in_chans": 4}, "has 4 channels; here pictures have 3"),
        ({"in_chans": 1}, "has 1 channels; here pictures have 3"),
    ],
)
def test_other_networks_of_timm(how, why):
    model = timm_network(**how)
    channels = how.get("in_chans", 3)
    with pytest.raises(CheckpointError, match=why):
        find(exported(model, channels=channels, **PLAIN))


def test_a_quantised_file():
    """Its first node that is not understood is named, and why."""
    model = onnx.load_from_string(exported(timm_network(), **PLAIN))
    x = model.graph.input[0].name
    scale = onnx.numpy_helper.from_array(np.float32(0.1), "scale")
    model.graph.initializer.append(scale)
    conv = next(node for node in model.graph.node if x in node.input)
    conv.input[list(conv.input).index(x)] = "levels"
    model.graph.node.insert(0, onnx.helper.make_node("DequantizeLinear", [x, "scale"], ["levels"]))
    with pytest.raises(CheckpointError, match=r"node 'levels' \(DequantizeLinear\) .*a quantised network is not"):
        find(model.SerializeToString())


def test_an_input_of_whole_numbers():
    """Whether they are normalised outside would be a guess."""
    model = onnx.load_from_string(exported(timm_network(), **PLAIN))
    x = model.graph.input[0].name
    for node in model.graph.node:
        node.input[:] = ["floats" if name == x else name for name in node.input]
    model.graph.node.insert(0, onnx.helper.make_node("Cast", [x], ["floats"], to=onnx.TensorProto.FLOAT))
    assert find(model.SerializeToString()).told == ()
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    with pytest.raises(CheckpointError, match=r"of whole numbers of 8 bits; .* export it with an input of float32"):
        find(model.SerializeToString())
