"""A small golden with squeeze-excite and unequal sides, and a port of it to spoil."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers import recorded_runs

from refnet.golden.axes import TensorLayout, axes_of, to_layout
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.weights import synthetic

STEPS = [
    "stem", "block1a.depthwise", "block1a.squeeze", "block1a.reduce", "block1a.gate", "block1a.excite",
    "block1a.project", "block2a.expand", "block2a.depthwise", "block2a.squeeze", "logits",
]  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """A golden, and its tensors by name in refnet's axes."""

    path: Path
    net: Network
    x: np.ndarray
    tensors: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def b0():
    return Network(synthetic_weights("b0"))


@pytest.fixture(scope="session")
def recorded(b0, tmp_path_factory):
    x = synthetic.picture_tensor(40, 56)
    path = tmp_path_factory.mktemp("compare") / "golden"
    recorded_runs.write_golden(path, b0, x, "b0@synthetic", STEPS)
    return Recorded(path, b0, x, {"input": x} | dict(b0.trace(x, STEPS)))


@pytest.fixture
def port(recorded, tmp_path):
    """Write the golden's tensors, changed as a test says, as a port that has channels first would."""

    def port(changed=None, only=None, order="NCHW"):
        tensors = recorded.tensors if only is None else {name: recorded.tensors[name] for name in only}
        laid = {name: to_layout(tensor, axes_of(tensor.shape), TensorLayout(order)) for name, tensor in tensors.items()}
        return recorded_runs.save(tmp_path / "port", laid | (changed or {}))

    return port
