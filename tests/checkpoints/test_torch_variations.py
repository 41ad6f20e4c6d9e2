"""One change to a valid file of each family, drawn: the converted network agrees with PyTorch, or conversion refuses.

What a change does to the answer is computed by the publisher's own software. None may be silent.
"""

import argparse
import io
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from helpers.torch_networks import FEATURES, LIMIT, PICTURE, distance, narrow_b0, network, new, ours, run, train  # noqa: F401
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from refnet.errors import CheckpointError, WeightsError

pytestmark = pytest.mark.usefixtures("narrow_b0")
OUTCOMES = Counter()
PUBLISHERS = {
    "timm": "timm:ra",
    "timm-tf": "timm-tf:in1k",
    "torchvision": "torchvision:v1",
    "lukemelas": "lukemelas:baseline",
}


@dataclass
class Variation:
    """What is saved, what PyTorch answers (None: there is no network of it that could be run), and what is stated."""

    content: object
    answer: np.ndarray | None
    stated: dict = field(default_factory=dict)
    save: dict = field(default_factory=dict)
    picture: np.ndarray = field(default_factory=lambda: PICTURE)


def of(publisher, classes=3):
    return dict(network(publisher, classes).state_dict())


def scaled(state, factor):
    return {name: tensor * factor if name.startswith("blocks.0") else tensor for name, tensor in state.items()}


PART = st.sampled_from(
    ["module", "model", "net", "0", "a", "encoder", "ema", "features", "x-y", "classifier2", "_orig_mod"]
)


def prefix(draw, publisher):
    front = ".".join(draw(st.lists(PART, min_size=1, max_size=4))) + "."
    return Variation({front + name: tensor for name, tensor in of(publisher).items()}, run(network(publisher)))


def key(draw, publisher):
    content = of(publisher)
    for name in draw(st.lists(PART, min_size=1, max_size=4)):
        content = draw(st.sampled_from([{name: content, "epoch": 3}, [content, 5], {name: content}]))
    return Variation(content, run(network(publisher)))


def another_tensor(draw, publisher):
    """In a loss it changes nothing; elsewhere what it does is known to its author: the answer is half here."""
    front = draw(st.sampled_from(["", "model."]))
    loss, name = draw(
        st.sampled_from(
            [
                (True, "criterion.weight"), (True, "val_loss.scale"), (True, "pos_weight"), (False, "temperature"),
                (False, "scale"), (False, "head_scale.weight"), (False, "model.scale"), (False, "mean"),
                (False, "blocks.0.gain"), (False, "features.0.gain"), (False, "_blocks.0.gain"), (False, "cal.t"),
            ]
        )
    )  # fmt: skip
    shape = draw(st.sampled_from([(1,), (3,), (3, 1, 1), (1, 3, 1, 1), ()]))
    content = {front + key: tensor for key, tensor in of(publisher).items()} | {name: torch.full(shape, 2.0)}
    return Variation(content, run(network(publisher)) / (1 if loss else 2))


LAYERS = {
    "linear": lambda width: (nn.Linear(width, 16), 16),
    "linear without bias": lambda width: (nn.Linear(width, 16, bias=False), 16),
    "batch norm": lambda width: (nn.BatchNorm1d(width), width),
    "layer norm": lambda width: (nn.LayerNorm(width), width),
    "relu": lambda width: (nn.ReLU(), width),
    "tanh": lambda width: (nn.Tanh(), width),
    "prelu": lambda width: (nn.PReLU(), width),
    "gelu": lambda width: (nn.GELU(), width),
    "dropout": lambda width: (nn.Dropout(), width),
    "identity": lambda width: (nn.Identity(), width),
}


def head(draw, publisher):
    """Any layers in front of a last dense one; their features are computed once."""
    del publisher
    layers, width = [], FEATURES
    # An activation directly behind the pool cannot be seen: it is taken for dropout, which is told.
    names = draw(st.lists(st.sampled_from(list(LAYERS)), max_size=4))
    front = next(
        (at for at, name in enumerate(names) if "linear" in name or "norm" in name or name == "prelu"), len(names)
    )
    names = [name for name in names[:front] if name in ("dropout", "identity")] + names[front:]
    for name in names:
        layer, width = LAYERS[name](width)
        layers.append(layer)
    classes = draw(st.sampled_from([1, 2, 5]))
    made = train(nn.Sequential(*layers, nn.Linear(width, classes, bias=draw(st.booleans()))), seed=len(layers))
    front = draw(st.sampled_from(["head", "classifier", "fc", "model.head", "top.layers"]))
    backbone = draw(st.sampled_from(["backbone.", "model.backbone.", ""]))
    content = {backbone + name: tensor for name, tensor in of("timm", 0).items()}
    content |= {f"{front}.{name}": tensor for name, tensor in made.state_dict().items()}
    with torch.inference_mode():
        answer = made.double()(torch.from_numpy(run(network("timm", 0)))).numpy()
    used = [name for name in names if name in ("relu", "tanh")]
    stated = {"publisher": "timm:ra", "output": "none"}
    if used and draw(st.booleans()):
        stated["activation"] = used[0]
    return Variation(content, answer, stated)


def dtype(draw, publisher):
    kind = draw(st.sampled_from([torch.float16, torch.bfloat16, torch.float64]))
    model = new(publisher)
    model.load_state_dict(of(publisher))
    model.to(kind)
    content = dict(model.state_dict())
    return Variation(content, run(model.eval().float()))


def protocol(draw, publisher):
    save = {"pickle_protocol": draw(st.integers(2, 5)), "_use_new_zipfile_serialization": draw(st.booleans())}
    return Variation({"net": of(publisher), "steps": {1, 2}, ("a", 1): b"x"}, run(network(publisher)), save=save)


def a_tensor_less(draw, publisher):
    content = of(publisher)
    name = draw(st.sampled_from([name for name in content if not name.endswith(("num_batches_tracked", ".bias"))]))
    del content[name]
    return Variation(content, None)


def a_layer_renamed(draw, publisher):
    content = of(publisher)
    names = [name for name in content if not name.endswith("num_batches_tracked")]
    old = draw(st.sampled_from(names)).rpartition(".")[0]
    content = {
        name.replace(f"{old}.", f"{old}_x.") if name.startswith(f"{old}.") else name: tensor
        for name, tensor in content.items()
    }
    last = old in ("classifier", "_fc", "classifier.1")
    return Variation(content, run(network(publisher)) if last else None)


def a_copy(draw, publisher):
    """Of the network after the last step or of another one, beside it."""
    average = draw(st.sampled_from(["model_ema", "ema", "swa_model", "teacher", "model2"]))
    other = {name: tensor * 0.5 if tensor.is_floating_point() else tensor for name, tensor in of(publisher).items()}
    is_average = average not in ("teacher", "model2")
    return Variation({"model": other, average: of(publisher)}, run(network(publisher)) if is_average else None)


def layout_in_memory(draw, publisher):
    """The same numbers as views, transposed or in larger storages."""
    content = {}
    for name, tensor in of(publisher).items():
        if tensor.ndim > 1 and draw(st.integers(0, 9)) == 0:
            wide = torch.zeros(tensor.shape[0], tensor.shape[1] * 2, *tensor.shape[2:])
            wide[:, ::2] = tensor
            content[name] = wide[:, ::2]
        else:
            content[name] = tensor.transpose(0, -1).contiguous().transpose(0, -1) if tensor.ndim > 1 else tensor
    return Variation(content, run(network(publisher)))


def options_of_timm(draw, publisher):
    """What timm's own training says of the network it saved."""
    del publisher
    pooling, eps, channels = draw(
        st.sampled_from(
            [
                ("avg", 1e-5, 3),
                ("max", 1e-5, 3),
                ("avgmax", 1e-5, 3),
                ("catavgmax", 1e-5, 3),
                ("avg", 1e-2, 3),
                ("avg", 1e-5, 4),
            ]
        )
    )
    model = train(new("timm", global_pool=pooling, bn_eps=eps, in_chans=channels))
    args = {
        "model": "efficientnet_b0",
        "gp": pooling,
        "bn_eps": eps,
        "in_chans": channels,
        "img_size": 96,
        "crop_pct": 1.0,
    }
    args |= {"interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3}
    content = {"state_dict": model.state_dict(), "args": argparse.Namespace(**args)}
    picture = PICTURE[..., [0, 1, 2, 0][:channels]].copy()
    return Variation(content, run(model, picture), {"publisher": None}, picture=picture)


OTHERS = [
    prefix, key, dtype, protocol, a_tensor_less, a_layer_renamed, a_copy, layout_in_memory, options_of_timm,
]  # fmt: skip


def drawn(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@drawn(36)
@given(data=st.data())
def test_heads(data, tmp_path):
    check(head(data.draw, "timm"), "head", "timm", tmp_path)


@drawn(24)
@given(data=st.data(), publisher=st.sampled_from(list(PUBLISHERS)))
def test_tensors_beside(data, publisher, tmp_path):
    check(another_tensor(data.draw, publisher), "another_tensor", publisher, tmp_path)


@pytest.mark.parametrize("change", OTHERS)
@drawn(5)
@given(data=st.data(), publisher=st.sampled_from(list(PUBLISHERS)))
def test_others(data, change, publisher, tmp_path):
    check(change(data.draw, publisher), change.__name__, publisher, tmp_path)


def check(variation, name, publisher, tmp_path):
    file = io.BytesIO()
    torch.save(variation.content, file, **variation.save)
    (tmp_path / "mine.pth").write_bytes(file.getvalue())
    stated = {"publisher": PUBLISHERS[publisher]} | variation.stated
    try:
        _, mine = ours(tmp_path / "mine.pth", tmp_path / "a.h5", variation.picture, **stated)
    except (CheckpointError, WeightsError) as error:
        assert len(str(error)) < 1000  # noqa: PT017
        OUTCOMES[name, "refused"] += 1
        return
    OUTCOMES[name, "agrees"] += 1
    assert variation.answer is not None, "converted, though nobody could run it"
    assert distance(mine, variation.answer) < LIMIT


def test_both_outcomes_were_seen():
    """So that a test that refuses everything fails; the numbers are printed for whoever wants them."""
    print(dict(OUTCOMES))
    assert sum(OUTCOMES.values()) >= 100
    agreed = {name for (name, outcome), count in OUTCOMES.items() if outcome == "agrees" and count}
    assert agreed >= {"prefix", "key", "another_tensor", "head", "protocol", "a_copy", "layout_in_memory"}
    assert OUTCOMES["head", "refused"] >= 5
    assert OUTCOMES["another_tensor", "refused"] >= 5
    assert OUTCOMES["a_tensor_less", "agrees"] == 0
