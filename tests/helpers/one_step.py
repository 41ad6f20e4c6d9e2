"""One step of a network with inputs of its own, for mistakes that are planted in it by plain NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.weights import synthetic

SIZE = (32, 46)
PLAN = {name: make_plan(variant(name), SIZE) for name in ("b0", "lite0")}
TENSORS = {name: synthetic.tensors(plan.architecture) for name, plan in PLAN.items()}
EPS = 1e-3
DEPTHWISE, EXPAND, PROJECT = "block2b.depthwise", "block3b.expand", "block3b.project"


class Step:
    """One step of a network, and what it reads and should make."""

    def __init__(self, name, model="b0"):
        self.step, self.tensors = PLAN[model][name], TENSORS[model]
        shapes = [self.step.in_shape] * len(self.step.inputs)
        if self.step.op == "excite":
            shapes[1] = self.step.in_shape[-1:]
        self.inputs = [synthetic.uniform(f"{name} {i}", (2, *shape)) * np.float32(2) for i, shape in enumerate(shapes)]
        if self.step.op == "excite":
            self.inputs[1] = np.abs(self.inputs[1]) / 2
        self.right = computation_of(self.step, self.tensors, EPS, self.inputs)

    def made(self, **changes):
        return evaluate(replace(self.right, **changes), np.float32)

    def asked(self, y, **others):
        return diagnose(self.step, tensors=self.tensors, eps=EPS, inputs=self.inputs, actual=y, **others)

    def said(self, y, **others):
        found = self.asked(y, **others)
        assert found.mistake is not None, found
        assert found.residual <= 0.1 * found.before, found
        return found.sentence


def kernel_of(one, change):
    kernel = np.array(one.right.kernel)
    change(kernel)
    return one.made(kernel=kernel)


def norm_of(one, **changes):
    (norm,) = one.right.norms
    return one.made(norms=(norm._replace(**changes),))


def moved_taps(k):
    k[0, 0], k[2, 1] = np.array(k[2, 1]), np.array(k[0, 0])
