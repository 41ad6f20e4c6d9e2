"""Journal: what a run over many pictures has found so far, kept on disk, so that an interrupted one can go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias

from refnet.errors import InputError
from refnet.files import opening
from refnet.files.whole import not_written
from refnet.pipeline.source import Item

FORMAT = 1

State: TypeAlias = "list[int] | None"


def state(item: Item) -> State:
    """Size and time of the last change of a picture's file, by which one that has changed is known; else None."""
    if not isinstance(item.image, str | os.PathLike):
        return None
    try:
        found = os.stat(item.image)  # noqa: PTH116 (any path-like)
    except (OSError, ValueError):  # an address, or nothing is there
        return None
    return [found.st_size, found.st_mtime_ns]


class Journal:
    """The file ``RESULT.part`` beside a result that is not finished: a line of JSON for each picture.

    Its first line says what was asked; then come the names of pictures, each with its fields and the state of its file,
    and every line is on its way to the disk before the next picture's. A line that was cut short counts for nothing,
    and of several with one name the last one counts. Pictures that could not be read are tried again.

    Parameters
    ----------
    result
        The file that will be written in the end.
    asked
        All that the result depends on beside the pictures: what JSON can hold.
    resume
        Go on with the journal that is there, if it is of the same question.
    overwrite
        Begin anew, whatever is there.

    Raises
    ------
    InputError
        If a journal is there and neither ``resume`` nor ``overwrite`` is said, or it is of another question, or another
        process is writing it, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     result = Path(place) / "found.csv"
    ...     with Journal(result, {"model": "lite0"}) as journal:
    ...         journal.add("cat.png", {"index": 282})
    ...     with Journal(result, {"model": "lite0"}, resume=True) as journal:
    ...         "cat.png" in journal.done, "dog.png" in journal.done
    ...         list(journal.in_order(["cat.png"]))
    ...         journal.remove()
    (True, False)
    [('cat.png', {'index': 282})]
    """

    def __init__(
        self, result: Path, asked: Mapping[str, Any], *, resume: bool = False, overwrite: bool = False
    ) -> None:
        self.path = self.beside(result)
        self._places: dict[str, int] = {}
        self._states: dict[str, State] = {}
        self._failed: set[str] = set()
        with not_written(self.path):
            # Nothing of the file is touched before it is this process's.
            opened = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            self._file: IO[bytes] = os.fdopen(opened, "r+b")
            try:
                opening.check_regular(os.fstat(opened), self.path)
                self._lock()
                if not (resume or overwrite) and os.fstat(opened).st_size:
                    raise InputError(
                        f"{self.path} is what an unfinished run left; go on with it by --resume, or start anew by "
                        "--overwrite",
                        filename=self.path,
                    )
                self._end = 0 if overwrite else self._read({"journal": FORMAT, **_plain(asked)})
                self._file.truncate(self._end)
                if not self._end:
                    self._write({"journal": FORMAT, **asked})
            except BaseException:
                self._file.close()
                raise

    @staticmethod
    def beside(result: Path) -> Path:
        """Where the journal of a result is.

        Examples
        --------
        >>> Journal.beside(Path("found.csv")).name
        'found.csv.part'
        """
        return result.with_name(f"{result.name}.part")

    @property
    def done(self) -> Mapping[str, int]:
        """The names that are there already; the number that each leads to is the journal's own."""
        return self._places

    @property
    def names(self) -> Set[str]:
        """The names in ``done``, and those that an earlier run could not read."""
        return self._places.keys() | self._failed

    def has_changed(self, name: str, now: State) -> bool:
        """Whether the file of a picture in ``done`` is another one now."""
        return self._states[name] != now

    def check_source(self, found: bool) -> None:
        """Refuse to go on with pictures none of which was ``found`` in the source."""
        if self.names and not found:
            raise InputError(
                f"{self.path} is of other pictures, such as {min(self.names)}: none of them is among these; name the "
                "same ones, or start anew by --overwrite",
                filename=self.path,
            )

    def add(self, name: str, fields: Mapping[str, Any], now: State = None) -> None:
        """Note what was found of a picture whose file is in this state."""
        with not_written(self.path):
            place = self._end
            self._write([name, fields, now])
            self._places[name], self._states[name] = place, now

    def in_order(self, names: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read what was found of these pictures, each a name in ``done``."""
        at = -1
        for name in names:
            if at != self._places[name]:
                self._file.seek(self._places[name])
            at = self._places[name]
            line = self._file.readline()
            at += len(line)
            found, fields, _ = json.loads(line)
            yield found, fields

    def remove(self) -> None:
        """Take the journal away: the result is written."""
        self._file.close()
        with suppress(FileNotFoundError), not_written(self.path):
            self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError:  # of a full disk add has told
            if error is None:
                raise

    def _write(self, value: Any) -> None:
        line = (json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n").encode("ascii")
        self._file.seek(self._end)
        self._file.write(line)
        self._file.flush()
        self._end += len(line)

    def _read(self, asked: dict[str, Any]) -> int:
        """Find the places of all lines that are whole; return where the last one ends."""
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                value = json.loads(line)
                if end == 0:
                    self._check(value, asked)
                else:
                    self._take(end, *value)
            except InputError:
                raise
            except (ValueError, TypeError, RecursionError):
                if end == 0:
                    raise InputError(f"{self.path} is no journal of a run; move it away", filename=self.path) from None
                break  # what was on its way to the disk when the machine stopped
            end += len(line)
        return end

    def _take(self, place: int, name: str, fields: dict[str, Any], then: State) -> None:
        if not (isinstance(name, str) and isinstance(fields, dict)):
            raise TypeError
        self._places.pop(name, None)
        self._failed.discard(name)
        if "error" in fields:
            self._failed.add(name)
        else:
            self._places[name], self._states[name] = place, then

    def _check(self, found: Any, asked: dict[str, Any]) -> None:
        if not isinstance(found, dict) or "journal" not in found:
            raise ValueError
        others = [
            f"{key} {found.get(key)!r} there, {asked.get(key)!r} now"
            for key in {**asked, **found}
            if found.get(key) != asked.get(key)
        ]
        if others:
            raise InputError(
                f"{self.path} is of a run that asked something else ({'; '.join(others)}); ask the same, or start anew "
                "by --overwrite",
                filename=self.path,
                details=others,
            )

    def _lock(self) -> None:
        """Refuse to write what another process writes, or has just finished, where the system can tell."""
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.path}: another process is writing it", filename=self.path) from None
        except OSError:  # a file system without locks
            return
        if not self.path.exists() or not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
            raise InputError(f"{self.path}: another process has just finished with it; ask again", filename=self.path)


def _plain(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON makes of it: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asked))
    return plain
