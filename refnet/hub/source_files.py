"""The files of a framework's own checkpoint: which there are, whether they changed, and what tells them from others."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import islice
from pathlib import Path

from refnet.checkpoints import checkpoint_file
from refnet.checkpoints.readers.tensorflow import saved_model, tensor_bundle
from refnet.errors import CheckpointError
from refnet.files import hdf5, opening
from refnet.weights.reader import is_weight_file

MAX_FILES = 1 << 10  # of one checkpoint
MAX_SEEN = 8 * MAX_FILES  # with folders, before they are counted: a whole disk is not walked through
# What may say more of a checkpoint that lies beside it.
BESIDE = ("config.json", "preprocessor_config.json")
EXTERNAL = b"location"  # in an ONNX file: tensors lie in other files
PIECE = 1 << 24  # bytes

State = list[list[int | str]]


def is_foreign(path: Path) -> bool:
    """Whether a file or folder is there that was never meant to be a weight file of refnet's.

    Examples
    --------
    >>> from refnet.weights.paths import find
    >>> is_foreign(find("lite0")), is_foreign(Path("refnet/data/chelsea.png")), is_foreign(Path("nowhere.pth"))
    (False, True, False)
    """
    try:
        if path.is_dir():
            return True
        if not path.exists():
            return path.with_name(path.name + tensor_bundle.INDEX).is_file()
        with opening.open_file(path) as file:
            is_hdf5 = file.read(len(hdf5.SIGNATURE)) == hdf5.SIGNATURE
        if is_hdf5:
            return not is_weight_file(path)
        return path.suffix != ".h5" or checkpoint_file.is_recognised(path)
    except (OSError, ValueError):  # to be told when it is read
        return False


def state_of(path: Path) -> State:
    """What changes with a checkpoint's content, whether its files are replaced or written anew in place."""
    return [[str(file), *_stat(file)] for file in _files(path)]


def content_of(path: Path) -> str:
    """A digest of all files that a conversion may read."""
    digest = hashlib.sha256()
    for file in _files(path):
        try:
            with opening.open_file(file) as opened:
                digest.update(f"{file.name}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise CheckpointError(f"{file}: {error.strerror or error}", filename=file) from None
    return digest.hexdigest()


def _stat(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:  # to be told when it is read
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _files(path: Path) -> list[Path]:
    """Every file that a conversion may read: itself, or all of its folder or prefix, and what lies beside it."""
    try:
        found = [file for file in _around(path) if file.is_file()]
    except OSError:
        return [path]
    if len(found) > MAX_FILES:
        raise CheckpointError(f"{path}: {len(found)} files lie there, and a checkpoint has at most {MAX_FILES}")
    return found


def _around(path: Path) -> list[Path]:
    if path.is_dir():
        inside = list(islice(path.rglob("*"), MAX_SEEN + 1))
        if len(inside) > MAX_SEEN:
            raise CheckpointError(f"{path}: more than {MAX_SEEN} files and folders; want the folder of one checkpoint")
        return [*sorted(inside), *_of_saved_model(path)]
    main = checkpoint_file.readable_file(path)
    if main.suffix == tensor_bundle.INDEX:
        shards = [file for file in sorted(main.parent.iterdir()) if file.name.startswith(f"{main.stem}.")]
        return [*shards, *_of_saved_model(main.parent)]
    if main.suffix == ".onnx" and _has_external_data(main, _stat(main)):
        return sorted(main.parent.iterdir())
    return [main, *(main.with_name(name) for name in BESIDE)]


def _of_saved_model(variables: Path) -> list[Path]:
    """What lies above the variables of a SavedModel."""
    is_one = variables.name == saved_model.INDEX.parent.name
    return sorted(variables.parent.iterdir()) if is_one else []


@lru_cache(16)
def _has_external_data(path: Path, _: tuple[int, ...]) -> bool:
    """Whether tensors may lie in other files; asked once for each state of the file."""
    with opening.open_file(path) as file:
        before = b""
        while piece := file.read(PIECE):
            if EXTERNAL in before + piece:
                return True
            before = piece[1 - len(EXTERNAL) :]
    return False
