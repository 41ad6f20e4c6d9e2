"""A weight file's tensors as the publisher has them, to the bit."""

import numpy as np
import pytest
import safetensors.numpy

from refnet.checkpoints.conversion import convert
from refnet.checkpoints.inversion import invert
from refnet.errors import InputError, WeightsError
from refnet.hub.models import synthetic_weights
from refnet.weights import writer
from refnet.weights.weights import Provenance, Weights


class TestInvert:
    @pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
    def test_the_sources_bits(self, torchvision_file, tmp_path, suffix):
        written = convert(torchvision_file, out=tmp_path / "a.h5")
        again = invert(written, tmp_path / f"again{suffix}")
        source = safetensors.numpy.load_file(torchvision_file)
        found = np.load(again) if suffix == ".npz" else safetensors.numpy.load_file(again)
        assert set(found) == set(source)
        for name, array in source.items():
            assert (found[name].shape, found[name].tobytes()) == (array.shape, array.tobytes())

    def test_of_moving_averages(self, tmp_path):
        """They get their own names back."""
        weights = synthetic_weights("lite0")
        origin = Provenance("tf:lite", averaging="ema")
        writer.write(tmp_path / "a.h5", Weights(**{**vars(weights), "provenance": origin}))
        with np.load(invert(tmp_path / "a.h5", tmp_path / "a.npz")) as found:
            assert "efficientnet-lite0/stem/conv2d/kernel/ExponentialMovingAverage" in found

    def test_what_is_left_of_folded_batch_norms_has_no_names(self, tmp_path):
        weights = synthetic_weights("lite0")
        writer.write(tmp_path / "a.h5", Weights(**{**vars(weights), "provenance": Provenance("tf"), "bn_eps": 0.0}))
        with pytest.raises(InputError, match="its batch norms came folded, and tf has no names for what is left"):
            invert(tmp_path / "a.h5", tmp_path / "a.npz")

    def test_wrong_inputs(self, torchvision_file, tmp_path):
        written = convert(torchvision_file, out=tmp_path / "a.h5")
        with pytest.raises(InputError, match=r"want a name that ends in \.npz or \.safetensors"):
            invert(written, tmp_path / "a.pth")
        with pytest.raises(InputError, match="not written"):
            invert(written, tmp_path / "nowhere" / "a.npz")
        with pytest.raises(WeightsError):
            invert(torchvision_file, tmp_path / "a.npz")
