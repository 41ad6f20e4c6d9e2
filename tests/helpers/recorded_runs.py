"""Recordings for tests: a network's run as a golden, and what a port would write."""

import numpy as np

from refnet.architecture import names
from refnet.golden.axes import TensorLayout, axes_of
from refnet.golden.manifest import Run
from refnet.golden.write import open_writer
from refnet.reference.digest import tensor_digest
from refnet.reference.numerics import NUMERICS_VERSION


def write_golden(path, net, x, model, steps=None, dtype="float32", origin="array x", part=()):
    """Record a run, every step and part or those asked for, or a part of each, as `refnet golden` does."""
    wanted = list(net.plan.shapes) if steps is None else steps
    run = Run(model, net.weights.digest(), x.shape[1:3], net.dtype.name, origin, None, NUMERICS_VERSION, "0")
    layout = TensorLayout("NHWC")
    with open_writer(path, run) as writer:
        writer.add(names.INPUT, "NHWC", x, layout=layout, digest=tensor_digest(x))
        for name, tensor in net.trace(x, wanted):
            digest = tensor_digest(tensor)
            tensor = tensor[tuple(slice(*bounds) for bounds in part)]
            writer.add(name, axes_of(tensor.shape), tensor, dtype=dtype, layout=layout, part=part, digest=digest)


def save(path, tensors):
    """Write a port's tensors as it would: an .npy for each."""
    path.mkdir()
    for name, tensor in tensors.items():
        np.save(path / f"{name}.npy", tensor)
    return path
