from __future__ import annotations

import numpy as np
import pytest

from refnet.engine.layout import (
    pack_activation,
    pack_depthwise,
    pack_kernel,
    packed_size,
    unpack_activation,
    unpack_depthwise,
    unpack_kernel,
)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 40), (2, 3, 16), (3, 2, 17), (4, 5, 40)])
def test_an_activation_comes_back(shape: tuple[int, int, int]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    packed = pack_activation(x)
    assert packed.shape == (-(-shape[2] // 16), shape[0] * shape[1], 16)
    back = np.empty(shape, np.float32)
    unpack_activation(packed, back)
    assert (back == x).all()


def test_an_activation_is_in_blocks_of_16_channels() -> None:
    x = np.arange(2 * 20, dtype=np.float32).reshape(1, 2, 20)
    packed = pack_activation(x)
    assert packed[0, 1].tolist() == list(range(20, 36))
    assert packed[1, 1].tolist() == [36, 37, 38, 39] + [0] * 12


def test_a_kernel_is_in_panels() -> None:
    kernel = np.arange(2 * 40, dtype=np.float32).reshape(2, 40)
    flat = pack_kernel(kernel, 2)
    first, last = flat[: 2 * 32].reshape(2, 32), flat[2 * 32 :].reshape(2, 16)
    assert first.tolist() == kernel[:, :32].tolist()
    assert last[:, :8].tolist() == kernel[:, 32:].tolist()
    assert not last[:, 8:].any()


def test_a_depthwise_kernel_is_in_blocks() -> None:
    kernel = np.arange(3 * 3 * 18, dtype=np.float32).reshape(3, 3, 18)
    flat = pack_depthwise(kernel).reshape(2, 9, 16)
    assert flat[0, 4].tolist() == kernel[1, 1, :16].tolist()
    assert flat[1, 4].tolist() == [*kernel[1, 1, 16:].tolist(), *[0] * 14]


@pytest.mark.parametrize("shape", [(1, 1, 5, 40), (3, 3, 3, 32), (7, 1), (1, 1, 2, 33)])
@pytest.mark.parametrize("panel_blocks", [1, 2])
def test_a_kernel_comes_back(shape: tuple[int, ...], panel_blocks: int) -> None:
    kernel = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    packed = pack_kernel(kernel.reshape(-1, shape[-1]), panel_blocks)
    assert packed.size == packed_size(shape)
    assert (unpack_kernel(packed, shape, panel_blocks) == kernel).all()


@pytest.mark.parametrize("shape", [(3, 3, 18), (5, 5, 16), (3, 3, 1)])
def test_a_depthwise_kernel_comes_back(shape: tuple[int, ...]) -> None:
    kernel = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    packed = pack_depthwise(kernel)
    assert packed.size == packed_size(shape)
    assert (unpack_depthwise(packed, shape) == kernel).all()
