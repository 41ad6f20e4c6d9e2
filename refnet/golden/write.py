"""Writing a golden: tensor by tensor into a directory, an HDF5 file or an .npz, which appears once it is complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.golden.axes import Layout, to_layout
from refnet.golden.containers.container import Sink, check_name
from refnet.golden.containers.directory import DirectorySink
from refnet.golden.containers.hdf5_file import Hdf5Sink
from refnet.golden.containers.npz import NpzSink
from refnet.golden.encoding import WORDS, encode
from refnet.golden.formats import FORMATS, SUFFIXES, WITH_TEXT
from refnet.golden.manifest import Described, Entry, Manifest, Run
from refnet.golden.statistics import statistics


class Writer:
    """A golden being written, for a ``with`` block: it appears at the end, unless an error came.

    Holds one tensor at a time, and what encoding and layout make of it.
    """

    def __init__(self, target: Path, run: Run, sink: Sink) -> None:
        self.target = target
        self.run = run
        self.entries: list[Entry] = []
        self.cases: list[Described] = []
        self._sink = sink
        self._names: set[str] = set()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._sink.finish(self.manifest.to_json())
        except OSError as failure:
            raise self._not_written(failure) from failure
        finally:
            self._sink.discard()

    @property
    def manifest(self) -> Manifest:
        """What is written so far."""
        return Manifest(self.run, tuple(self.entries), tuple(self.cases))

    def add(
        self,
        name: str,
        axes: str,
        tensor: Array,
        *,
        dtype: str = "float32",
        layout: Layout,
        part: tuple[tuple[int, int], ...] = (),
        digest: str = "",
    ) -> Entry:
        """Write one tensor.

        Parameters
        ----------
        name
            Of the step, or a weight with slashes; each once.
        axes
            Logical axes of ``tensor``.
        tensor
            f32[...], f64[...] or u8[...] with those axes.
        dtype
            To write: uint8 only and always of uint8.
        layout
            How it is to lie in the file.
        part
            Where ``tensor`` is a part of a larger one: (first, end) for each axis.
        digest
            ``refnet.reference.digest.tensor_digest`` of the whole tensor as computed.

        Raises
        ------
        InputError
            If the name was there already or cannot be a file's, the dtype or layout does not suit the tensor, or it
            cannot be written.
        """
        dotted = check_name(name).replace("/", ".").lower()  # some disks do not tell A from a
        if dotted in self._names:
            raise InputError(f"{name} is recorded already; want each name once")
        if dtype not in WORDS or (dtype == "uint8") != (tensor.dtype.name == "uint8"):
            raise InputError(f"{name}: {tensor.dtype.name} cannot be written as {dtype!r}")
        words = encode(tensor, dtype)
        range_ = statistics(words, dtype)
        entry = Entry(name, axes, tensor.shape, part, dtype, layout, "", "", *range_, "", digest)
        try:
            entry = self._sink.put(entry, to_layout(words, axes, layout))
        except OSError as failure:
            raise self._not_written(failure) from failure
        self._names.add(dotted)
        self.entries.append(entry)
        return entry

    def _not_written(self, failure: OSError) -> InputError:
        return InputError(f"{self.target} not written: {failure.strerror or failure}")


def open_writer(target: Path, run: Run, *, format: str = "npy", text: bool = False) -> Writer:
    """Begin a golden.

    Parameters
    ----------
    target
        An ``.h5`` or ``.npz`` file, which is replaced if it exists, or else a directory: new, empty, or an older
        golden, which is replaced. Its parent must exist.
    run
        Where the tensors come from.
    format
        In a directory: one of ``FORMATS``.
    text
        In C headers: numbers in place of bits.

    Raises
    ------
    InputError
        If there is no such format, or the target cannot be made or holds something else.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> run = Run("b0@synthetic", "0" * 64, (224, 224), "float32", "stimulus codes", None, 1, "0.1")
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with open_writer(Path(place) / "golden", run, format="hex") as writer:
    ...         entry = writer.add("logits", "NC", np.zeros((1, 3), np.float32), layout=Layout("NCHW"))
    ...     (Path(place) / "golden" / entry.file).read_text().splitlines()
    ['// logits: float32 N C [1, 3], the last axis varies fastest', '00000000', '00000000', '00000000']
    """
    target = Path(target)
    if format not in FORMATS:
        raise InputError(f"format {format!r}: want one of {', '.join(FORMATS)}")
    if text and format not in WITH_TEXT:
        raise InputError(f"format {format!r} holds bits; want text in one of {', '.join(WITH_TEXT)}")
    try:
        sink = _sink(target, format, text)
    except OSError as failure:
        raise InputError(f"{target} not written: {failure.strerror or failure}") from failure
    return Writer(target, run, sink)


def _sink(target: Path, format_: str, text: bool) -> Sink:
    one_file: dict[str, Callable[[Path], Sink]] = {".h5": Hdf5Sink, ".hdf5": Hdf5Sink, ".npz": NpzSink}
    suffix = target.suffix.lower()
    if suffix in SUFFIXES:
        raise InputError(f"{target} is the name of one tensor's file; want that of a directory, an .h5 or an .npz")
    if suffix not in one_file:
        return DirectorySink(target, format_, (WITH_TEXT if text else FORMATS)[format_])
    if text or format_ != "npy":
        raise InputError(f"format {format_!r} is for a directory; {target.name} has one of its own")
    return one_file[suffix](target)
