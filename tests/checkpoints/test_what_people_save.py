"""What people save of a network in PyTorch, by the software of its publisher: the same answers, or the question.

Whole networks, head included, in float64.
"""

import argparse
import datetime
import json
import pathlib
import shlex
import warnings

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers.torch_networks import FEATURES, LIMIT, PICTURE, distance, narrow_b0, network, new, ours, run, train  # noqa: F401
from torch import nn

from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.inversion import invert
from refnet.checkpoints.stated import Stated
from refnet.cli import main
from refnet.errors import CheckpointError
from refnet.weights import reader

pytestmark = pytest.mark.usefixtures("narrow_b0")

PUBLISHER = {
    "lukemelas": {"publisher": "lukemelas:baseline"},
    "torchvision": {},
    "timm": {"publisher": "timm:ra"},
    "timm-tf": {"publisher": "timm-tf:in1k"},
}


@pytest.fixture
def agrees(tmp_path):
    """Convert what was saved, and compare its numbers with those of the network that was saved."""

    def agrees(content, theirs, *, name="mine.pth", told=(), **stated):
        if name.endswith(".pth"):
            torch.save(content, tmp_path / name)
        else:
            safetensors.torch.save_file(content, tmp_path / name)
        found, mine = ours(tmp_path / name, tmp_path / "a.h5", **stated)
        assert distance(mine, run(theirs) if isinstance(theirs, nn.Module) else theirs) < LIMIT
        conversion = json.loads(certificate.beside(tmp_path / "a.h5").read_text())["conversion"]
        for words in told:
            assert any(words in each for each in conversion["told"]), conversion["told"]
        return found, conversion

    return agrees


@pytest.fixture
def asked(tmp_path):
    """Convert what was saved: refused for this reason, in few lines, with a command that works."""

    def asked(content, message, works=True, **stated):
        torch.save(content, tmp_path / "mine.pth")
        with pytest.raises(CheckpointError, match=message) as caught:
            convert(tmp_path / "mine.pth", Stated(**stated), out=tmp_path / "a.h5")
        assert len(str(caught.value)) < 800
        for option in caught.value.options if works else ():
            out = tmp_path / "b.h5"
            given = [f"--{name}={value}" for name, value in stated.items()]
            assert main(["convert", str(tmp_path / "mine.pth"), "-o", str(out), *given, *shlex.split(option)]) == 0
        return caught.value

    return asked


def state(publisher="torchvision", classes=3, prefix=""):
    return {prefix + name: tensor for name, tensor in network(publisher, classes).state_dict().items()}


def halved(tensors):
    return {name: tensor / 2 if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("publisher", PUBLISHER)
def test_the_state_dict_alone(publisher, agrees):
    agrees(state(publisher), network(publisher), **PUBLISHER[publisher])


@pytest.mark.parametrize("key", ["net", "module", "weights", "network", "model_state", "generator", "best model"])
def test_under_any_name(key, agrees):
    _, conversion = agrees({key: state(), "acc": 0.9, "epoch": 7}, network("torchvision"))
    assert (conversion["state_dict"], conversion["prefix"]) == (key, "")


def test_a_training_of_deepspeed(agrees):
    """The layout of its mp_rank_00_model_states.pt."""
    content = {
        "module": state("timm", prefix="module."),
        "buffer_names": ["bn1.running_mean"],
        "optimizer": None,
        "param_shapes": [{"conv_stem.weight": torch.Size([32, 3, 3, 3])}],
        "frozen_param_shapes": None,
        "lr_scheduler": {"last_batch_iteration": 3},
        "data_sampler": None,
        "random_ltd": None,
        "sparse_tensor_module_names": set(),
        "skipped_steps": 0,
        "global_steps": 9,
        "dp_world_size": 1,
        "ds_config": {"train_batch_size": 8},
        "ds_version": "0.15.0",
    }
    agrees(content, network("timm"), publisher="timm:ra")


def test_several_networks_of_which_one_is_asked_for(asked, agrees):
    both = {"state_dict": state(), "model": halved(state())}
    error = asked(both, "2 networks, and no telling which is meant: 'state_dict', 'model'; name one with --key")
    assert error.options == ("--key state_dict", "--key model")
    agrees(both, network("torchvision"), key="state_dict")
    asked(both, "no network under 'nobody'; there is 'state_dict', 'model'", key="nobody")


def test_two_copies_that_are_the_same(agrees):
    agrees({"state_dict": state(), "model": state()}, network("torchvision"))


@pytest.mark.parametrize("average", ["model_ema", "ema", "state_dict_ema", "ema_state_dict", "swa_model"])
def test_a_moving_average_goes_first(average, agrees):
    found, _ = agrees({"model": halved(state()), average: state()}, network("torchvision"))
    assert found.weights.provenance.averaging == "ema"
    assert any("of the copy 'model' of the network" in reason for _, reason in found.weights.provenance.dropped)
    with_key, _ = agrees({"model": state(), average: halved(state())}, network("torchvision"), key="model")
    assert with_key.weights.provenance.averaging == "unknown"


def test_the_average_of_another_network(asked):
    asked({"student": state(), "teacher_ema": state(classes=5)}, "2 networks, and no telling")


def test_ema_pytorch(agrees):
    """The layout of lucidrains' EMA: both networks, a flag and a counter."""
    content = {
        "initted": torch.tensor([True]),
        "step": torch.tensor([100]),
        **halved(state("timm", prefix="online_model.")),
        **state("timm", prefix="ema_model."),
    }
    found, _ = agrees({"model": state("timm"), "ema": content}, network("timm"), publisher="timm:ra")
    assert found.weights.provenance.averaging == "ema"
    found, _ = agrees(content, network("timm"), publisher="timm:ra")
    assert dict(found.weights.provenance.dropped)["step"].startswith("counts training steps")


def test_a_list(agrees):
    agrees([3, state(), {"lr": 0.1}], network("torchvision"))


def test_no_tensors(asked):
    asked({"epoch": 3, "best": {}}, "no tensors by name, but epoch", works=False)


# Prefixes -------------------------------------------------------------------------------------------------------------

PREFIXES = [
    "module.",
    "_orig_mod.",
    "efficientnet.",
    "encoder.",
    "features.",
    "0.",
    "base_model.",
    "a.b.0.c.",
    "ema.",
    "x/y.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix(prefix, agrees):
    _, conversion = agrees(state(prefix=prefix), network("torchvision"))
    assert conversion["prefix"] == prefix


def test_wrapped_inside(agrees):
    """Fully sharded networks and checkpointed blocks have wrappers between the parts of a name."""
    block = "blocks.0._fsdp_wrapped_module._checkpoint_wrapped_module."
    content = {
        f"_fsdp_wrapped_module.{name.replace('blocks.0.', block)}": tensor for name, tensor in state("timm").items()
    }
    agrees(content, network("timm"), publisher="timm:ra")


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize(
    "name", ["criterion.pos_weight", "loss.weight", "train_acc.total", "loss_fn.margin", "class_weights"]
)
def test_losses_and_metrics_beside(prefix, name, agrees):
    content = {"state_dict": {**state(prefix=prefix), name: torch.ones(3)}}
    found, _ = agrees(content, network("torchvision"))
    assert (
        dict(found.weights.provenance.dropped)[f"state_dict.{name}"]
        == "of a loss or a metric, by its name; inference does not use it"
    )


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("name", ["temperature", "mean", "logit_scale", "adapter.weight", "proj"])
def test_what_may_change_an_answer_is_asked(prefix, name, asked):
    error = asked({**state(prefix=prefix), name: torch.ones(1)}, rf"may change its answers: {name} \[1\]")
    assert error.options == (f"--key {prefix.rstrip('.') or '.'}",)


def test_beside_the_state_dict_too(asked):
    asked({"state_dict": state(), "mean": torch.ones(3)}, r"may change its answers: mean \[3\]")


def test_in_the_networks_own_names(asked):
    asked({**state("timm"), "blocks.0.0.scale": torch.ones(1)}, "'blocks.0.0.scale' is unknown", works=False)
    asked({**state(), "features.1.x": 3}, "more than tensors among the network's own: features.1.x", works=False)


# Beside the tensors ---------------------------------------------------------------------------------------------------


def test_what_lightning_and_others_leave(agrees):
    network_ = network("timm")
    content = {
        "epoch": 3,
        "state_dict": {**state("timm", prefix="model."), "loss.weight": torch.ones(3)},
        "optimizer_states": [torch.optim.AdamW(network_.parameters()).state_dict()],
        "lr_schedulers": [{"_step_count": 3}],
        "hyper_parameters": {"data": pathlib.Path("a"), "when": datetime.date(2026, 1, 2), "w": np.float64(1)},
        "callbacks": {("a", 1): {"best": torch.tensor(0.5)}} and {("a", 1): {"steps": {1, 2}}},
        "args": argparse.Namespace(device=torch.device("cpu")),
        "rng": torch.get_rng_state(),
        "empty": torch.ones(0),
    }
    found, conversion = agrees(content, network_, publisher="timm:ra")
    dropped = dict(found.weights.provenance.dropped)
    assert dropped["hyper_parameters.data"].startswith("an object of 'pathlib")
    assert dropped["optimizer_states.0"] == "the optimiser's; inference does not use it"
    assert conversion["prefix"] == "model."


# Heads ----------------------------------------------------------------------------------------------------------------


def with_head(publisher, head, **parts):
    """A network whose classifier somebody replaced."""
    model = new(publisher)
    setattr(model, {"timm": "classifier", "torchvision": "classifier", "lukemelas": "_fc"}[publisher], head)
    for name, part in parts.items():
        setattr(model, name, part)
    return train(model)


@pytest.mark.parametrize("publisher", ["timm", "torchvision", "lukemelas"])
def test_one_linear_where_the_classifier_was(publisher, agrees):
    model = with_head(publisher, nn.Linear(FEATURES, 4))
    agrees(model.state_dict(), model, **PUBLISHER[publisher])
    model = with_head(publisher, nn.Sequential(nn.Dropout(), nn.Linear(FEATURES, 4, bias=False)))
    agrees(model.state_dict(), model, told=["has no bias; it is 0"], **PUBLISHER[publisher])


class Behind(nn.Module):
    """A network without its classifier, and something behind it."""

    def __init__(self, name: str, head: nn.Module, classes: int = 0) -> None:
        super().__init__()
        self.backbone = new("timm", classes)
        self.name = name
        setattr(self, name, head)
        train(self)

    def forward(self, x):
        return getattr(self, self.name)(self.backbone(x))


@pytest.mark.parametrize("name", ["head", "fc", "classifier", "linear_probe"])
def test_one_linear_behind_it(name, agrees):
    model = Behind(name, nn.Linear(FEATURES, 4))
    _, conversion = agrees(
        model.state_dict(), model, publisher="timm:ra", told=[f"'{name}' is the classifier"] * (name != "classifier")
    )
    assert conversion["prefix"] == "backbone."


def test_in_its_own_part_of_the_file(agrees):
    model = Behind("head", nn.Linear(FEATURES, 4))
    agrees({"encoder": model.backbone.state_dict(), "head": model.head.state_dict()}, model, publisher="timm:ra")


HIDDEN = nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 4))


def test_a_hidden_layer(agrees, asked):
    model = Behind("head", HIDDEN)
    error = asked(model.state_dict(), "does not tell the activation behind 'head.0'; say it, one of .*relu")
    assert error.options == (
        "--activation relu --publisher timm-tf:aa",
        "--head none --publisher timm-tf:aa",
    )
    agrees(model.state_dict(), model, publisher="timm:ra", activation="relu")
    features = run(model.backbone)
    found, _ = agrees(model.state_dict(), features, publisher="timm:ra", head="none")
    assert dict(found.weights.provenance.dropped)["head.0.weight"] == "of the head; the features alone were asked for"


@pytest.mark.parametrize(
    ("function", "module"),
    [("tanh", nn.Tanh()), ("swish", nn.SiLU()), ("sigmoid", nn.Sigmoid()), ("none", nn.Identity())],
)
def test_other_activations(function, module, agrees):
    model = with_head("torchvision", nn.Sequential(nn.Linear(FEATURES, 16), module, nn.Linear(16, 4)))
    agrees(model.state_dict(), model, activation=function)


def test_a_classifier_that_is_no_longer_the_last(agrees):
    model = train(nn.Sequential(new("timm", 8), nn.ReLU(), nn.Linear(8, 4)))
    agrees(model.state_dict(), model, publisher="timm:ra", activation="relu")


@pytest.mark.parametrize(
    "layers",
    [
        [nn.BatchNorm1d(FEATURES), nn.Dropout(), nn.Linear(FEATURES, 4)],
        [nn.BatchNorm1d(FEATURES), nn.Linear(FEATURES, 4, bias=False)],
        [nn.Linear(FEATURES, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)],
        [nn.Linear(FEATURES, 8), nn.Linear(8, 4)],
    ],
)
def test_a_batch_norm(layers, agrees):
    """Numbers that follow each other may be those of a list of layers: between dense ones it is asked."""
    model = Behind("head", nn.Sequential(*layers))
    asks = isinstance(layers[0], nn.Linear) or any(isinstance(layer, nn.Dropout) for layer in layers)
    stated = {"activation": "none"} if asks else {}
    told = ["adds 1e-05 to the variance"] if any(isinstance(layer, nn.BatchNorm1d) for layer in layers) else []
    agrees(model.state_dict(), model, publisher="timm:ra", told=told, **stated)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(FEATURES, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 4)],
        [nn.Linear(FEATURES, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4)],
        [nn.BatchNorm1d(FEATURES), nn.Linear(FEATURES, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4)],
    ],
)
def test_an_activation_beside_a_batch_norm(layers, agrees, asked):
    """The numbers in the sequence tell where there is room for it."""
    model = Behind("head", nn.Sequential(*layers))
    asked(model.state_dict(), "does not tell the activation behind")
    agrees(model.state_dict(), model, publisher="timm:ra", activation="relu")


def test_where_an_activation_may_be_in_two_places(asked):
    layers = [nn.Linear(FEATURES, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 4)]
    content = Behind("head", nn.Sequential(*layers)).state_dict()
    asked(
        content,
        "does not tell which of 'head.0' or 'head.2' the activation is behind",
        activation="relu",
        publisher="timm:ra",
        works=False,
    )


def test_layers_in_no_clear_order(asked):
    model = Behind("head", nn.Linear(FEATURES, 4))
    model.other = nn.Linear(FEATURES, 4)
    asked(model.state_dict(), "do not follow each other in one way from its 160 features to a classifier")
    model = Behind("head", nn.Linear(80, 4))
    asked(model.state_dict(), "do not follow each other in one way")
    model = Behind("head", nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4)))
    asked(model.state_dict(), "do not follow each other in one way")


def test_layers_that_no_head_here_has(asked):
    model = Behind("head", nn.Sequential(nn.LayerNorm(FEATURES), nn.Linear(FEATURES, 4)))
    error = asked(model.state_dict(), r"may change its answers: head.0.weight \[160\]")
    assert error.options[0].startswith("--head none")


@pytest.mark.parametrize("name", ["arcface", "cosine_head", "prototypes"])
def test_layers_that_compare_directions(name, asked):
    """They divide by lengths, which no tensor shows."""
    model = Behind(name, nn.Linear(FEATURES, 4, bias=False))
    asked(model.state_dict(), rf"may change its answers: {name}.weight \[4, 160\]", works=False)


class Gem(nn.Module):
    """The generalised mean as ReID networks have it."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), 3.25))

    def forward(self, x):
        return x.clamp(min=1e-6).pow(self.p).mean((2, 3)).pow(1 / self.p)


def test_a_generalised_mean(agrees):
    model = new("timm", 4)
    model.global_pool = Gem()
    agrees(train(model).state_dict(), model, publisher="timm:ra", told=["the exponent of a generalised mean"])
    agrees(
        model.state_dict(),
        run(lambda x: model.global_pool(model.forward_features(x))),
        publisher="timm:ra",
        head="none",
    )


@pytest.mark.parametrize(("pooling", "timms"), [("max", "max"), ("mean+max", "avgmax"), ("mean", "avg")])
def test_a_pooling_that_the_caller_says(pooling, timms, agrees):
    model = train(new("timm", global_pool=timms))
    agrees(model.state_dict(), model, publisher="timm:ra", pooling=pooling)


def test_mean_and_maximum_side_by_side(agrees, asked):
    """Timm's catavgmax: its classifier is twice as wide. In fastai's the maximum comes first, so others are asked."""
    model = train(new("timm", global_pool="catavgmax"))
    agrees(model.state_dict(), model, publisher="timm:ra")
    content = {
        ("head" + name[10:] if name.startswith("classifier") else name): t for name, t in model.state_dict().items()
    }
    asked(content, "takes 320 numbers, twice the network's features")
    agrees(content, model, publisher="timm:ra", pooling="concatenated")


def test_no_classifier(agrees):
    model = network("timm", 0)
    found, _ = agrees(model.state_dict(), model, publisher="timm:ra")
    assert found.weights.architecture.classes == 0


@pytest.mark.parametrize("publisher", ["timm", "torchvision"])
def test_one_class(publisher, asked, agrees):
    model = network(publisher, 1)
    error = asked(model.state_dict(), "ends in one number, and the file does not tell what it means")
    assert [option.split()[1] for option in error.options] == ["sigmoid", "none"]
    found, _ = agrees(model.state_dict(), model, output="sigmoid", **PUBLISHER[publisher])
    assert distance(found.answer(PICTURE), torch.sigmoid(torch.from_numpy(run(model))).numpy()) < LIMIT
    found, _ = agrees(model.state_dict(), model, output="none", **PUBLISHER[publisher])
    assert distance(found.answer(PICTURE), run(model)) < LIMIT


def test_several_labels_at_once(agrees):
    model = network("torchvision")
    found, _ = agrees(model.state_dict(), model, output="sigmoid")
    assert distance(found.answer(PICTURE), torch.sigmoid(torch.from_numpy(run(model))).numpy()) < LIMIT


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_other_channels(channels, tmp_path):
    model = train(new("timm", in_chans=channels))
    torch.save(model.state_dict(), tmp_path / "x.pth")
    picture = PICTURE[..., [0] * channels].copy()
    _, mine = ours(tmp_path / "x.pth", tmp_path / "a.h5", picture, publisher="timm:ra")
    assert distance(mine, run(model, picture)) < LIMIT


# Other formats --------------------------------------------------------------------------------------------------------


def test_safetensors(agrees):
    agrees(state("timm", prefix="model."), network("timm"), name="m.safetensors", publisher="timm:ra")


def test_what_invert_wrote_comes_back(tmp_path):
    torch.save(state("timm"), tmp_path / "x.pth")
    first = convert(tmp_path / "x.pth", Stated(publisher="timm:ra"), out=tmp_path / "a.h5")
    for suffix in (".npz", ".safetensors"):
        again = convert(invert(first, tmp_path / f"x{suffix}"), Stated(publisher="timm:ra"), out=tmp_path / "b.h5")
        assert reader.read(again).digest() == reader.read(first).digest()


def test_a_program(asked, agrees, tmp_path):
    """TorchScript: its tensors, for one who says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = torch.jit.trace(network("torchvision"), torch.ones(1, 3, 32, 32))
        torch.jit.save(made, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="TorchScript archive: its program is not read") as caught:
        convert(tmp_path / "x.pt", out=tmp_path / "a.h5")
    assert caught.value.options == ("--key TorchScript",)
    _, mine = ours(tmp_path / "x.pt", tmp_path / "a.h5", key="TorchScript")
    assert distance(mine, run(network("torchvision"))) < LIMIT
