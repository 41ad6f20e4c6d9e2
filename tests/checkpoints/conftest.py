from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from helpers import any_torchvision  # noqa: F401
from helpers.generated_checkpoints import state


@pytest.fixture
def save(tmp_path):
    """Write a checkpoint as safetensors."""

    def save(name: str, content: dict[str, np.ndarray]) -> Path:
        path = tmp_path / name
        safetensors.numpy.save_file({key: np.ascontiguousarray(array) for key, array in content.items()}, path)
        return path

    return save


@pytest.fixture
def torchvision_file(save):
    return save("efficientnet_b0_rwightman-0.safetensors", state("torchvision"))
