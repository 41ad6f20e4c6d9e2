"""Cases of planted mistakes: which one, in which model, in which step, drawn by a seed."""

from __future__ import annotations

import random
from functools import cache
from typing import NamedTuple

import numpy as np
from helpers import torch_port
from helpers.planted_mistakes import PLANTS, Plant

from refnet.architecture.names import INPUT
from refnet.architecture.plan import Plan, make_plan
from refnet.arrays import Array
from refnet.hub.models import find_weights

SIZE = (64, 80)
MODELS = ("b0@synthetic", "lite0")


class Model(NamedTuple):
    plan: Plan
    tensors: dict[str, Array]
    raw: dict[str, Array]  # as before averaging
    eps: float


@cache
def model(name) -> Model:
    weights = find_weights(name)
    plan = make_plan(weights.architecture, SIZE, padding=weights.padding)
    tensors = {weight.key: weights.tensors[weight.key] for weight in plan.weights}
    rng = np.random.default_rng(0)
    raw = {key: (a * rng.uniform(0.99, 1.01, a.shape)).astype(np.float32) for key, a in tensors.items()}
    return Model(plan, tensors, raw, weights.bn_eps)


def picture(seed):
    """Waves across the picture, of no symmetry, and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = np.stack([np.sin(x / 7 + y / 13), np.cos(y / 5 - x / 17), (2 * x + y) / 112 - 1], -1)
    return (waves + 0.3 * rng.standard_normal((*SIZE, 3)))[None].astype(np.float32)


def port(net: Model, x, plant: Plant | None = None, at: str = "") -> dict[str, Array]:
    """All tensors of the port, as far as the planted mistake."""
    values = {INPUT: x}
    for name, tensor in torch_port.run(net.plan, net.tensors, net.eps, x, plant and (plant.spoil, at)):
        values[name] = tensor
        if name == at:
            break
    return values


class Case(NamedTuple):
    model: str
    plant: str
    step: str


def plants(net: Model) -> dict[str, Plant]:
    def take_raw(layer):
        layer.weights = torch_port.leaves(layer.step, net.raw)

    return PLANTS | {"raw weights": Plant(("other-weights",), lambda step: bool(step.weights), take_raw)}


def cases(seed: str, names=None) -> list[Case]:
    """Each mistake in a layer of one of the models, both drawn among those where it makes a difference."""
    draw = random.Random(seed)
    drawn = []
    for name in names or plants(model(MODELS[0])):
        sites = [Case(m, name, s.name) for m in MODELS for s in model(m).plan if plants(model(m))[name].applies(s)]
        draw.shuffle(sites)
        drawn.append(next(filter(makes_a_difference, sites)))
    return drawn


@cache
def right_values(name) -> dict[str, Array]:
    return port(model(name), picture(0))


def makes_a_difference(case: Case) -> bool:
    net, values = model(case.model), right_values(case.model)
    step, right = net.plan[case.step], values[case.step]
    layer = torch_port.layer(step, [torch_port.given(values[i]) for i in step.inputs], net.tensors, net.eps)
    with torch_port.torch.no_grad():
        plants(net)[case.plant].spoil(layer)
        spoilt = torch_port.captured(layer.run())
    return spoilt.shape != right.shape or np.abs(spoilt - right).max() > 1e-5 * np.abs(right).max()
