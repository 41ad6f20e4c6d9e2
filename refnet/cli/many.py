"""What commands over many pictures share: which pictures there are, how far it is, what went wrong, what is kept."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet import progress
from refnet.cli import stdin, terminal
from refnet.errors import ImageError, InputError
from refnet.files.whole import check_file_target
from refnet.pipeline.journal import Journal, State, state
from refnet.pipeline.source import Item, items
from refnet.pipeline.tables import pyarrow
from refnet.preprocessing.image_like import is_address
from refnet.preprocessing.loaders import SOFTWARE

if TYPE_CHECKING:
    from refnet.network import Network
    from refnet.pipeline.pipeline import Answer

STDIN = "-"
COUNTED = 200_000  # names are looked up ahead for the time that is left; beyond so many it is not told
WARM = 8  # pictures before their rate means anything


class Pictures:
    """The pictures that the command line names; ``total`` is their number, where a person waits and it is known."""

    def __init__(self, paths: list[str], *, recursive: bool) -> None:
        self.paths = paths
        self._from_stdin = stdin.Names()
        # A name from standard input is a name, whatever pattern it looks like.
        found = (items(self._from_stdin if path == STDIN else path, recursive=recursive) for path in paths)
        self.items: Iterator[Item] = itertools.chain.from_iterable(found)
        self.total: int | None = None
        self.missing: list[tuple[Item, ImageError]] = []  # before the first that may be read
        if sys.stderr.isatty() and STDIN not in paths:
            ahead = list(itertools.islice(self.items, COUNTED + 1))
            self.total = len(ahead) if len(ahead) <= COUNTED else None
            self.items = itertools.chain(ahead, self.items)

    def are_at_hand(self) -> bool:
        """Whether the next one need not be waited for: standard input may be open for long."""
        return STDIN not in self.paths or self._from_stdin.are_there()

    def are_there(self) -> bool:
        """Whether there is any picture that may be read."""
        for item in self.items:
            problem = _problem(item)
            if problem is None:
                self.items = itertools.chain((item for item, _ in self.missing), [item], self.items)
                return True
            self.missing.append((item, problem))
        self.items = (item for item, _ in self.missing)
        return False

    def tell_missing(self) -> None:
        """Say why there is none."""
        for _, problem in self.missing:
            terminal.say(f"error: {problem}")
        if not self.missing:
            told = "standard input names" if self.paths == [STDIN] else f"{', '.join(self.paths)}:"
            terminal.say(f"error: {told} no pictures; folders of folders are looked into with --recursive")


def _problem(item: Item) -> ImageError | None:
    """What is wrong with a picture, as far as that is seen without reading it."""
    from refnet.preprocessing.read_image import check_image

    if isinstance(item.image, ImageError):
        return item.image
    try:
        check_image(item.image)
    except ImageError as error:
        return error
    return None


class Tally:
    """How many pictures there were, how many of them failed, how fast it went, and what was read differently."""

    def __init__(self, network: Network) -> None:
        self.done = self.failed = 0
        self._software = SOFTWARE[network.recipe.loader]
        self._notes: Counter[str] = Counter()
        self._begun = time.monotonic()

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.done / max(time.monotonic() - self._begun, 1e-9)

    def add(self, answer: Answer) -> None:
        """Count a picture; say what went wrong with it."""
        self.done += 1
        self._notes.update(answer.notes)
        if answer.error is not None:
            self.failed += 1
            terminal.say(f"error: {answer.error}")

    def tell(self, *, earlier: int = 0) -> None:
        """Sum up: what was read differently, and, where somebody reads it, the numbers."""
        for note, count in self._notes.items():
            terminal.say(f"{_were(count)} {note}, unlike {self._software}; --as-published reads as that does")
        if (self.failed or sys.stderr.isatty()) and self.done + earlier > 1:
            parts = [f"{self.done + earlier:,} pictures"]
            parts += [f"{earlier:,} of them earlier"] if earlier else []
            parts += [f"{self.failed:,} failed"] if self.failed else []
            parts += [f"{self.rate:,.{0 if self.rate >= 10 else 1}f} pictures/s"] if self.done else []
            terminal.say(", ".join(parts))


def go_through(
    answers: Iterable[Answer],
    tally: Tally,
    take: Callable[[Answer], None],
    *,
    doing: str,
    total: int | None,
    flush: Callable[[], None] = lambda: None,
) -> None:
    """Hand on each answer as it comes, and show how far it is; ``flush`` before a remark, and in the end."""
    with progress.task(doing, total, "") as update:
        try:
            for answer in answers:
                if answer.error is not None:
                    flush()
                tally.add(answer)
                take(answer)
                update(advance=1, description=f"{doing}, {tally.rate:.0f}/s" if tally.done > WARM else doing)
        finally:
            flush()


def keep(
    pictures: Pictures,
    answers: Callable[[Iterator[Item]], Iterator[Answer]],
    tally: Tally,
    path: Path,
    asked: Mapping[str, Any],
    fields: Callable[[Answer], dict[str, Any]],
    write: Callable[[Iterator[tuple[str, dict[str, Any]]]], None],
    options: argparse.Namespace,
) -> int:
    """Keep each answer in a journal as it comes, and write the file once all are there."""
    with Journal(path, asked, resume=options.resume, overwrite=options.overwrite) as journal:
        todo = Todo(pictures, journal)
        total = None if pictures.total is None else max(0, pictures.total - todo.earlier)
        failed = Counter[bool]()

        def kept() -> Iterator[tuple[str, dict[str, Any]]]:
            for name, said in journal.in_order(todo.names):
                failed["error" in said] += 1
                yield name, said

        with resumable(journal):
            go_through(answers(todo.items()), tally, todo.take(fields), doing=options.command, total=total)
            todo.tell()
            write(kept())
        tally.failed = failed[True]
        tally.tell(earlier=failed.total() - tally.done)
        journal.remove()
    return 2 if tally.failed else 0


@contextmanager
def resumable(journal: Journal) -> Iterator[None]:
    """Say, if the block ends early, what is kept."""
    try:
        yield
    except BaseException:
        if journal.done and journal.path.exists():
            terminal.say(f"{len(journal.done):,} pictures are kept in {journal.path}; --resume goes on from there")
        raise


class Todo:
    """The pictures that are still to be done, and those that a journal has already."""

    def __init__(self, pictures: Pictures, journal: Journal) -> None:
        self.names: list[str] = []
        self.earlier = len(journal.done)
        self._journal = journal
        self._had = frozenset(journal.names)
        self._states: dict[str, State] = {}  # of those under way, of before they were read
        self._found = pictures.items
        self._changed = 0
        if self._had:
            self._found = self._looked_up(pictures.items)

    def _looked_up(self, found: Iterator[Item]) -> Iterator[Item]:
        """Find one picture that the journal has, before hours are spent on others."""
        first = []
        for item in found:
            first.append(item)
            if item.name in self._had:
                break
        self._journal.check_source(bool(first) and first[-1].name in self._had)
        return itertools.chain(first, found)

    def items(self) -> Iterator[Item]:
        """Hand out, once each, those that the journal does not have as they are now."""
        seen = set()
        for item in self._found:
            self.names.append(item.name)
            if item.name in seen:
                continue
            seen.add(item.name)
            now = state(item)
            if item.name in self._journal.done:
                if not self._journal.has_changed(item.name, now):
                    continue
                self._changed += 1
            self._states[item.name] = now
            yield item

    def take(self, fields: Callable[[Answer], dict[str, Any]]) -> Callable[[Answer], None]:
        """What notes an answer."""
        return lambda answer: self._journal.add(answer.name, fields(answer), self._states.pop(answer.name))

    def tell(self) -> None:
        """Say what is otherwise than in the earlier run."""
        if self._changed:
            terminal.say(f"{_were(self._changed)} done again, changed since the interrupted run")
        if gone := len(self._had.difference(self.names)):
            terminal.say(f"{_were(gone)} left out: the interrupted run did them, and they are not among these")


def _were(count: int) -> str:
    return "1 picture was" if count == 1 else f"{count:,} pictures were"


def check_finished(path: Path, options: argparse.Namespace, *more: Path, instead: str = "") -> None:
    """Refuse to take a finished file for this run's, or to replace it; ``more`` are files that belong to it."""
    if options.overwrite or Journal.beside(path).exists():  # an unfinished run may have written one of them
        return
    for file in (path, *more):
        if file.exists():
            raise InputError(
                f"{file} is there, finished by an earlier run; --overwrite makes it anew{instead}", filename=file
            )


def folder_of(names: Iterable[str]) -> dict[str, str]:
    """The folder where names begin, if any of them does not say so itself."""
    absolute = all(is_address(name) or os.path.isabs(name) for name in names)  # noqa: PTH117
    return {} if absolute else {"folder": os.getcwd()}  # noqa: PTH109


def asked(network: Network, options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """All that an answer depends on beside the picture."""
    from refnet.reference.numerics import NUMERICS_VERSION

    return {
        "command": options.command,
        "model": options.model,
        "weights": network.weights.digest(),
        "recipe": json.loads(network.recipe.to_json()),
        "size": [network.plan.height, network.plan.width],
        "dtype": network.arithmetic,
        "as_published": options.as_published,
        "numerics": NUMERICS_VERSION,
        **more,
    }


def target(name: str, suffixes: tuple[str, ...]) -> Path:
    """Check the name of a file to be written, and that there is what writes it."""
    path = check_file_target(name, *suffixes)
    if path.suffix.lower() == ".parquet":
        pyarrow()
    return path
