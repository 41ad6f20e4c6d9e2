from __future__ import annotations

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.engine.packed import PackedWeights, lay_out
from refnet.weights import synthetic


@pytest.mark.parametrize("name", ["b0", "lite0"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_tensor_comes_back(name: str, dtype: str) -> None:
    plan = make_plan(variant(name), 32)
    tensors = synthetic.tensors(plan.architecture)
    packed = PackedWeights(plan.steps, dict(tensors).pop, 1e-3, dtype)
    assert packed.flat.dtype == dtype
    assert list(packed) == [weight.key for weight in plan.weights]
    assert len(packed) == len(tensors)
    for key, tensor in tensors.items():
        assert packed[key].dtype == np.float32
        assert packed[key].shape == tensor.shape
        assert packed[key].tobytes() == tensor.tobytes(), key
    with pytest.raises(KeyError):
        packed["stem/no_kernel"]


def test_no_two_weights_share_a_place_and_all_of_it_is_written() -> None:
    plan = make_plan(variant("b0"), 32)
    layout = lay_out(plan.steps)
    begins = sorted(
        {layout.size, layout.identity.scale, layout.identity.shift}
        | {begin for o in layout.offsets.values() for begin in (o.kernel, o.scale, o.shift)}
    )
    assert begins[0] == 0
    assert all(begin % 16 == 0 for begin in begins)
    packed = PackedWeights(plan.steps, synthetic.tensors(plan.architecture).pop, 1e-3, "float32")
    again = PackedWeights(plan.steps, dict(packed).pop, 1e-3, "float32")
    assert packed.flat.tobytes() == again.flat.tobytes()
    assert np.isfinite(packed.flat).all()
