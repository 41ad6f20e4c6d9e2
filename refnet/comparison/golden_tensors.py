"""A golden's tensors, each checked against its manifest when it is read."""

from __future__ import annotations

from collections.abc import Mapping

from refnet.architecture.names import INPUT
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.golden.manifest import Manifest, OperationEntry, TensorEntry
from refnet.golden.read import TensorReader, to_logical_axes


class GoldenTensors:
    """A golden: its entries in execution order, and their tensors."""

    def __init__(self, recording: TensorReader, manifest: Manifest) -> None:
        self.recording = recording
        self.run = manifest.run
        self.entries: Mapping[str, TensorEntry] = {entry.name: entry for entry in manifest.entries}
        self.operations: Mapping[str, OperationEntry] = {each.name: each for each in manifest.operations}

    @property
    def is_of_integers(self) -> bool:
        """Whether its run was computed in codes."""
        return self.run.dtype == "int8"

    @property
    def batch(self) -> int:
        """How many pictures it is of."""
        return next((entry.shape[0] for entry in self.entries.values() if entry.axes in ("NHWC", "NC")), 1)

    def read(self, name: str) -> Array:
        """Read one in refnet's axes; raise InputError if it cannot be read, or is not what its manifest says."""
        if not self.recording.verify(name):
            raise InputError("its bytes are not those that the manifest gives the sha256 of; record the golden again")
        return to_logical_axes(self.recording.read(name))

    def beginning(self) -> dict[str, Array]:
        """What its run began with: the network's input, f32[N, H, W, 3], and whatever it went on from.

        Empty if that is not all there.
        """
        entries = [self.entries.get(name) for name in (INPUT, *self.run.resumed)]
        whole = [
            entry.name for entry in entries if entry and not entry.part and entry.dtype in ("float32", self.run.dtype)
        ]
        return {name: self.read(name) for name in whole} if len(whole) == len(entries) else {}
