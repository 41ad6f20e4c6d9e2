"""Writing a golden: tensor by tensor into a directory, an HDF5 file or an .npz, which appears once it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.files.whole import not_written
from refnet.golden.axes import TensorLayout, to_layout
from refnet.golden.containers.container import ContainerWriter, check_name
from refnet.golden.containers.directory import write_directory
from refnet.golden.containers.hdf5_file import write_hdf5
from refnet.golden.containers.npz import write_npz
from refnet.golden.coverage import stored_range
from refnet.golden.dtypes import WHOLE, WORDS, encode
from refnet.golden.formats import FORMATS, SUFFIXES, WITH_TEXT
from refnet.golden.manifest import CaseEntry, Manifest, OperationEntry, Run, StepEntry, TensorEntry

ONE_FILE: dict[str, Callable[[Path], AbstractContextManager[ContainerWriter]]] = {
    ".h5": write_hdf5, ".hdf5": write_hdf5, ".npz": write_npz,
}  # fmt: skip

#: Endings of files that people may mean, and that no directory should have.
OTHER_FILES = (".csv", ".json", ".html", ".onnx", ".pt", ".pth", ".safetensors", ".tflite", ".zip", ".tar", ".gz")


class TensorWriter:
    """A golden being written; see ``open_writer``.

    Holds one tensor at a time, and what its dtype and layout make of it.
    """

    def __init__(self, target: Path, run: Run | None, container: ContainerWriter) -> None:
        self.target = target
        self.run = run
        self.entries: list[TensorEntry] = []
        self.cases: list[CaseEntry] = []
        self.steps: tuple[StepEntry, ...] = ()
        self.operations: tuple[OperationEntry, ...] = ()
        self._container = container
        self._names: set[str] = set()

    @property
    def manifest(self) -> Manifest:
        """What is written so far."""
        assert self.run is not None, "nobody said of which run these tensors are"
        return Manifest(self.run, tuple(self.entries), tuple(self.cases), self.steps, self.operations)

    def add(
        self,
        name: str,
        axes: str,
        tensor: Array,
        *,
        dtype: str = "float32",
        layout: TensorLayout,
        part: tuple[tuple[int, int], ...] = (),
        digest: str = "",
        around: int = 0,
    ) -> TensorEntry:
        """Write one tensor with logical ``axes``: f32 or f64, or whole numbers in their own format, each name once.

        ``part`` says where it lies in a larger one, (first, end) for each axis; ``digest`` is the larger one's;
        ``around`` is what stands in the layout's pads.
        """
        dotted = check_name(name).replace("/", ".").lower()  # some disks do not tell A from a
        if dotted in self._names:
            raise InputError(f"{name} is recorded already; want each name once")
        own = tensor.dtype.name
        if dtype not in WORDS or (dtype != own and (dtype in WHOLE or own in WHOLE)):
            raise InputError(f"{name}: {tensor.dtype.name} cannot be written as {dtype!r}")
        words = encode(tensor, dtype)
        range_ = stored_range(words, dtype)
        entry = TensorEntry(name, axes, tensor.shape, part, dtype, layout, "", "", *range_, "", digest)
        laid_out = to_layout(words, axes, layout, around)
        with not_written(self.target):
            entry = self._container.put(entry, laid_out)
        self._names.add(dotted)
        self.entries.append(entry)
        return entry


@contextmanager
def open_writer(
    target: Path, run: Run | None = None, *, format: str = "npy", text: bool = False
) -> Iterator[TensorWriter]:
    """Write a golden in a ``with`` block: it appears at the end, unless an error came.

    The target is an ``.h5`` or ``.npz`` file, which is replaced, or else a directory: new, empty, or an older golden.
    ``run`` says where the tensors come from and may be set as ``writer.run`` in the block, where it is known later.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> run = Run("b0@synthetic", "0" * 64, (224, 224), "float32", "stimulus codes", None, 1, "0.1")
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with open_writer(Path(place) / "golden", run, format="hex") as writer:
    ...         entry = writer.add("logits", "NC", np.zeros((1, 3), np.float32), layout=TensorLayout("NCHW"))
    ...     (Path(place) / "golden" / entry.file).read_text().splitlines()
    ['// logits: float32 N C [1, 3], the last axis varies fastest', '00000000', '00000000', '00000000']
    """
    target = Path(target)
    if format not in FORMATS:
        raise InputError(f"format {format!r}: want one of {', '.join(FORMATS)}")
    if text and format not in WITH_TEXT:
        raise InputError(f"format {format!r} holds bits; want text in one of {', '.join(WITH_TEXT)}")
    with ExitStack() as stack:
        with not_written(target):
            container = stack.enter_context(_open_container(target, format, text))
        writer = TensorWriter(target, run, container)
        yield writer
        with not_written(target):
            container.finish(writer.manifest.to_json())
            stack.close()


def _open_container(target: Path, format_: str, text: bool) -> AbstractContextManager[ContainerWriter]:
    suffix = target.suffix.lower()
    if suffix in SUFFIXES:
        raise InputError(f"{target} is the name of one tensor's file; want that of a directory, an .h5 or an .npz")
    if suffix in OTHER_FILES:
        raise InputError(f"{target} is the name of a file that holds no golden; want a directory, an .h5 or an .npz")
    if suffix not in ONE_FILE:
        return write_directory(target, format_, (WITH_TEXT if text else FORMATS)[format_])
    if text or format_ != "npy":
        raise InputError(f"format {format_!r} is for a directory; {target.name} has one of its own")
    return ONE_FILE[suffix](target)
