"""A framework's own file named as a model: converted on first use, and kept in the cache until it changes."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.stated import NOTHING, Stated
from refnet.errors import CheckpointError, WeightsError, WeightsNotFoundError, first_few
from refnet.files import opening, strict_json
from refnet.files.whole import whole_file
from refnet.files.workplace import workplace
from refnet.hub import proof
from refnet.hub.failure import warn
from refnet.hub.source_files import State, content_of, state_of
from refnet.weights import paths
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.reader import read_any
from refnet.weights.weight_file import moved
from refnet.weights.weights import Weights

FOLDER = "converted"  # in the cache
# Of whose source a conversion depends on: a newer refnet converts anew.
_ROOMS = ("architecture", "checkpoints", "data", "files", "preprocessing", "reference", "weights")


MAX_ENTRY = 1 << 20  # bytes of what is noted of one checkpoint
_ENTRY = strict_json.fields(
    {
        "weights": strict_json.TEXT,
        "state": strict_json.items(strict_json.items(strict_json.ANYTHING)),
        "code": strict_json.TEXT,
    }
)


class _Entry(NamedTuple):
    """What a checkpoint became, and what it and refnet were like then."""

    weights: str
    state: State
    code: str


class Converted(NamedTuple):
    """What a checkpoint became, and where that is kept, if it could be."""

    weights: Weights | QuantisedWeights
    file: Path | None


def convert_once(path: Path, stated: Stated = NOTHING) -> Converted:
    """Convert a framework's own file, or take what it became before; a question that the file leaves open is refused.

    What is stated is part of what the cache is looked up by, as are the file's content and refnet's own code.
    """
    state = state_of(path)
    folder = paths.cache_folder() / FOLDER
    entry = folder / f"{_short(str(path.absolute()), stated)}.json"
    before = _read_entry(entry)
    if before is not None and (before.state, before.code) == (state, _code()):
        with suppress(WeightsError, WeightsNotFoundError):  # damaged, or gone: made again
            return Converted(_read_proven(folder / before.weights), folder / before.weights)
    name = f"{_beginning(path)}-{_short(content_of(path), stated, _code())}.h5"
    with _working_in(folder) as (place, can_be_kept):
        with suppress(WeightsError, WeightsNotFoundError):  # another time, the same content
            weights = _read_proven(folder / name)
            _note(entry, _Entry(name, state, _code()))
            return Converted(weights, folder / name)
        convert(path, stated, out=place / name)
        weights, notes = read_any(place / name), _notes(place / name)
        if state_of(path) != state:
            raise CheckpointError(f"{path} changed while it was read; try again", filename=path)
        kept = can_be_kept and _keep(place / name, entry, _Entry(name, state, _code()))
        if kept:
            proof.note(weights, folder / name)
        moved(weights, folder / name if kept else None)
    warn(f"converted {path}: {first_few([_described(weights), *(['cached'] if kept else []), *notes], 5, longest=160)}")
    return Converted(weights, folder / name if kept else None)


def _read_proven(path: Path) -> Weights | QuantisedWeights:
    """Read what a file became, unless somebody else may have put it there."""
    weights = read_any(path)
    if not proof.is_proven(weights, path):
        raise WeightsError(f"{path} may be another user's work, for {proof.doubt(path)}")
    return weights


def _notes(weight_file: Path) -> list[str]:
    """What a conversion had to tell."""
    told = certificate.read(certificate.beside(weight_file))["conversion"].get("told", [])
    return [str(note) for note in told]


def _described(weights: Weights | QuantisedWeights) -> str:
    """Say what a network is, in a few words."""
    architecture = weights.architecture
    if not architecture.classes:
        return f"{architecture.name}, features only"
    classes = f"{architecture.classes} class{'es' if architecture.classes > 1 else ''}"
    return f"{architecture.name}, {classes}, output {architecture.top.output}, padding {weights.padding}"


@contextmanager
def _working_in(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Give a folder to work in, inside the cache if that can be written; and whether it can."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            place, kept = stack.enter_context(workplace(folder)), True
        except OSError as error:
            hint = f"{paths.CACHE_VARIABLE} can name another folder"
            warn(f"what is converted cannot be kept in {folder}: {error.strerror or error}; {hint}")
            place, kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="refnet-"))), False
        yield place, kept


def _keep(made: Path, entry: Path, found: _Entry) -> bool:
    """Move a weight file and its certificate into the cache; what the checkpoint was before goes. Whether it worked."""
    before = _read_entry(entry)
    target = entry.with_name(made.name)
    try:
        certificate.beside(made).replace(certificate.beside(target))
        made.replace(target)
        _note(entry, found)
    except OSError as error:
        warn(f"what is converted cannot be kept in {entry.parent}: {error.strerror or error}")
        return False
    if before is not None and before.weights != target.name:
        for old in (target.with_name(before.weights), certificate.beside(target.with_name(before.weights))):
            with suppress(OSError):
                old.unlink()
    return True


def _note(entry: Path, found: _Entry) -> None:
    with whole_file(entry) as written:
        written.write_text(json.dumps(found._asdict()), "utf-8")


def _read_entry(entry: Path) -> _Entry | None:
    try:
        found = _Entry(**strict_json.read(opening.read_bytes(entry, MAX_ENTRY), _ENTRY))
    except (OSError, ValueError):
        return None
    return found if Path(found.weights).name == found.weights else None


def _beginning(path: Path) -> str:
    """Give a file's name to people who look into the cache, as far as every system allows."""
    letters = [letter for letter in path.absolute().name.partition(".")[0] if letter.isascii() and letter.isalnum()]
    return "".join(letters[:40]) or "file"


def _short(what: str, stated: Stated, code: str = "") -> str:
    text = json.dumps([what, stated.given, code])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """A digest of refnet's source, as far as a conversion depends on it."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for room in _ROOMS:
        for file in sorted((package / room).rglob("*")):
            if file.suffix in (".py", ".toml", ".txt"):
                digest.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
