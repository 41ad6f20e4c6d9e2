"""Record: run a network once and write its input and its tensors, one after the other, as they are computed."""

from __future__ import annotations

import heapq
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.arrays import Array
from refnet.float_mode import default_mode
from refnet.golden.axes import TensorLayout, axes_of, kernel_axes_of
from refnet.golden.coverage import FEW_VALUES, Coverage
from refnet.golden.dtypes import WHOLE
from refnet.golden.inputs import NetworkInput, choose_input, few_values
from refnet.golden.manifest import PICTURE, RESUMED, Manifest, Run, TensorEntry
from refnet.golden.selection import Selection, select, without_given
from refnet.golden.subject import Around, Subject, check_format, subject_of
from refnet.golden.write import TensorWriter, open_writer
from refnet.hub.models import is_file
from refnet.hub.request import Request, make_request
from refnet.network import Network
from refnet.preprocessing.image_like import ImageLike
from refnet.preprocessing.recipe import Recipe
from refnet.reference.digest import tensor_digest
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.version import __version__

Watch = Callable[["WrittenTensor"], None]

NHWC, RSCK = TensorLayout("NHWC"), TensorLayout("RSCK")

_LOG = logging.getLogger("refnet")


class WrittenTensor(NamedTuple):
    """A tensor that is written: its entry, what it covers (None of pictures and weights), the share that is done."""

    entry: TensorEntry
    coverage: Coverage | None
    done: float


class _Storage(NamedTuple):
    """How tensors are written; see ``record``."""

    layout: TensorLayout
    kernel_layout: TensorLayout
    padded: bool


@default_mode()
def record(
    model: str | os.PathLike[str] | Network,
    target: str | os.PathLike[str],
    *,
    image: ImageLike | None = None,
    x: Array | None = None,
    stimulus: str | None = None,
    steps: Sequence[str] | None = None,
    unfused: bool = False,
    weights: bool = False,
    given: Mapping[str, Array] | None = None,
    accumulators: bool = False,
    dtype: str | None = None,
    layout: TensorLayout = NHWC,
    kernel_layout: TensorLayout = RSCK,
    padded: bool = False,
    format: str = "npy",
    text: bool = False,
    size: tuple[int, int] | None = None,
    recipe: str | Recipe | None = None,
    compute: str | None = None,
    threads: int | None = None,
    watch: Watch | None = None,
) -> Manifest:
    """Run a network once and record its tensors: ``picture``, ``input``, then steps in execution order, then weights.

    Memory is that of a plain run that keeps these steps apart, and one step.

    Parameters
    ----------
    model
        As ``refnet.load`` takes it, or a network.
    target
        A directory, or a file that ends in ``.h5`` or ``.npz``; it appears once it is complete.
    image, x, stimulus
        The input, one of them: what ``refnet.preprocessing.read_image.read_image`` takes; f32[N, H, W, 3] itself; or
        the name of one of ``refnet.golden.stimuli``. By default the stimulus ``codes``.
    steps
        Names, globs and parts of tensors, see ``refnet.golden.selection.select``; by default all.
    unfused
        Record each step's sums, and what batch norm and activation make of them, too.
    weights
        Record the weights of these steps too.
    given
        Tensors [N, …] of steps, not refnet's: the run continues from them, and by default what depends on them is
        recorded. Whatever else it needs comes from the input.
    accumulators
        Of a network in integers, record the sums too, int32, before anything is rounded: ``STEP.accumulator``.
    dtype
        Of the numbers written: float32, float64, float16 or bfloat16, by default float32; of integers they are int8.
    layout, kernel_layout
        Order of the axes and tiles, of activations and of weights, as ``refnet.golden.axes.activation_layout("NCHW")``
        and ``kernel_layout("OIHW")`` make them.
    padded
        Write each whole tensor with the zeros, in integers the zero point, that the step which reads it puts around it.
    format, text
        In a directory, see ``refnet.golden.write.open_writer``.
    size
        Height and width of the network's input; by default the variant's own.
    recipe
        What the picture is prepared by, if not by that of the weights. A network brings its own, and its own
        dtype and threads.
    compute
        ``float32`` or ``float64``; by default float64 only where that is written.
    threads
        How many threads share the run.
    watch
        Called with each tensor once it is written.

    Returns
    -------
    Manifest
        What was written: the run, and an entry for each tensor with its shape, axes, layout and digest.

    Raises
    ------
    RefnetError
        Of the family in ``refnet.errors``. Nothing is written then; what can be told without weights is told before
        they are fetched.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     manifest = record("lite0", Path(place) / "golden", steps=["stem", "block1a.*[:, 0:4, 0:4]"])
    >>> [(entry.name, entry.shape) for entry in manifest.entries][1:4]
    [('input', (1, 224, 224, 3)), ('stem', (1, 112, 112, 32)), ('block1a.depthwise', (1, 4, 4, 32))]
    """
    network_input = choose_input(image, x, stimulus)
    network_input.check(size, recipe)
    size = network_input.size or size
    batch = 1 if network_input.tensor is None else len(network_input.tensor)
    compute = compute or ("float64" if dtype == "float64" else "float32")
    asked = model if isinstance(model, Network) else make_request(model, dtype=compute, threads=threads, recipe=recipe)
    if isinstance(asked, Request) and (known := asked.plan(size)) is not None:
        check_format(dtype)
        select(known, steps, batch=batch)
    with open_writer(Path(target), format=format, text=text) as writer:  # before weights are fetched
        network = asked.load() if isinstance(asked, Request) else asked
        plan = make_plan(network.weights.architecture, size, padding=network.weights.padding)
        subject = subject_of(network, plan, dtype, accumulators=accumulators)
        chosen = select(plan, steps, batch=batch, unfused=unfused or accumulators, tensors=subject.tensors)
        if given:
            chosen = without_given(plan, chosen, given, everything=steps is None)
        writer.run = Run(
            model=network.variant if isinstance(asked, Network) or is_file(asked.model) else str(asked.model),
            weights=network.weights.digest(),
            size=(plan.height, plan.width),
            dtype=subject.dtype,
            input=", ".join([network_input.description, *(f"{RESUMED}{name}" for name in given or ())]),
            recipe=None if network_input.picture is None else network.recipe,
            numerics=NUMERICS_VERSION,
            refnet=__version__,
            padding=network.weights.padding,
            **subject.facts,
        )
        writer.steps, writer.operations = subject.steps, subject.operations
        recorder = _Recorder(network, subject, writer, _Storage(layout, kernel_layout, padded), watch)
        recorder.add_run(network_input, chosen, given or {})
        if weights:
            recorder.add_weights(chosen)
    return writer.manifest


class _Recorder:
    """One run being written."""

    def __init__(
        self, network: Network, subject: Subject, writer: TensorWriter, storage: _Storage, watch: Watch | None
    ) -> None:
        self.network = network
        self.subject = subject
        self.writer = writer
        self.storage = storage
        self.watch = watch
        self.left = self.total = 1  # elements to be computed

    def add_run(self, network_input: NetworkInput, chosen: list[Selection], given: Mapping[str, Array]) -> None:
        """Run, and write everything but weights."""
        plan, shapes = self.subject.plan, self.subject.tensors.shapes
        if network_input.picture is not None:
            layout = TensorLayout(self.storage.layout.order)
            self._tell(self.writer.add(PICTURE, "HWC", network_input.picture, dtype="uint8", layout=layout), None)
        x = network_input.make(self.network.recipe, plan.height, plan.width, plan.architecture.channels)
        x = self.subject.input(x)
        entry = self._add(Selection(names.INPUT), x)
        if network_input.stimulus is None and entry.distinct < FEW_VALUES:
            _LOG.warning(few_values(network_input.description, entry.distinct))
        wanted = {selection.name: selection for selection in chosen}
        self.left = self.total = sum(math.prod(shapes[name]) for name in wanted)
        run = self.subject.run(x, given, wanted)
        order = {name: number for number, name in enumerate(shapes)}
        theirs = ((name, given[name].astype(self.network.dtype)) for name in sorted(given, key=order.__getitem__))
        for name, tensor in heapq.merge(theirs, run, key=lambda pair: order[pair[0]]):
            self.left -= math.prod(shapes[name]) if name in wanted else 0
            self._add(wanted.get(name, Selection(name)), tensor)

    def _add(self, selection: Selection, tensor: Array) -> TensorEntry:
        name, part = selection
        values = tensor[selection.slices] if part else tensor
        around = self.subject.around(name) if self.storage.padded and not part else Around()
        entry = self.writer.add(
            name,
            axes_of(tensor.shape),
            values,
            dtype=self._format(tensor),
            layout=replace(self.storage.layout, pads=around.pads),
            part=part,
            digest=tensor_digest(tensor),
            around=around.value,
        )
        self._tell(entry, values)
        return entry

    def _format(self, tensor: Array) -> str:
        """What a tensor is written as: real numbers as asked for, whole ones as they are."""
        own = tensor.dtype.name
        return own if own in WHOLE or self.subject.written in WHOLE else self.subject.written

    def _tell(self, entry: TensorEntry, values: Array | None) -> None:
        if self.watch is not None:
            coverage = None if values is None else self.subject.covers(entry.name, values)
            self.watch(WrittenTensor(entry, coverage, 1 - self.left / self.total))

    def add_weights(self, chosen: list[Selection]) -> None:
        """Write the weights of all steps of which something was chosen."""
        for key, tensor in self.subject.weights({name for name, _ in chosen}):
            entry = self.writer.add(
                key,
                kernel_axes_of(tensor.shape),
                tensor,
                dtype=self._format(tensor),
                layout=self.storage.kernel_layout,
                digest=tensor_digest(tensor),
            )
            self._tell(entry, None)
