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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet import progress
from refnet.cli import terminal
from refnet.errors import ImageError
from refnet.files.whole import check_file_target
from refnet.pipeline.journal import Journal
from refnet.pipeline.source import Item, items
from refnet.pipeline.tables import pyarrow
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
        self.items = items(_named(paths), recursive=recursive)
        self.total: int | None = None
        self.missing: list[tuple[Item, ImageError]] = []  # before the first that may be read
        if sys.stderr.isatty() and STDIN not in paths:
            ahead = list(itertools.islice(self.items, COUNTED + 1))
            self.total = len(ahead) if len(ahead) <= COUNTED else None
            self.items = itertools.chain(ahead, self.items)

    def are_there(self) -> bool:
        """Whether there is any picture that may be read; if not, say why."""
        for item in self.items:
            problem = _problem(item)
            if problem is None:
                self.items = itertools.chain((item for item, _ in self.missing), [item], self.items)
                return True
            self.missing.append((item, problem))
        for _, problem in self.missing:
            terminal.say(f"error: {problem}")
        if not self.missing:
            told = "standard input names" if self.paths == [STDIN] else f"{', '.join(self.paths)}:"
            terminal.say(f"error: {told} no pictures; folders of folders are looked into with --recursive")
        return False


def _named(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if path == STDIN:
            for line in sys.stdin.buffer:
                if name := line.removesuffix(b"\n").removesuffix(b"\r"):
                    yield os.fsdecode(name)
        else:
            yield path


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
            were = "1 picture was" if count == 1 else f"{count:,} pictures were"
            terminal.say(f"{were} {note}, unlike {self._software}; --as-published reads as that does")
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
        earlier = len(journal.done)
        names: list[str] = []
        asked_for = set(journal.done)

        def new() -> Iterator[Item]:
            for item in pictures.items:
                names.append(item.name)
                if item.name not in asked_for:
                    asked_for.add(item.name)
                    yield item

        total = None if pictures.total is None else max(0, pictures.total - earlier)
        try:
            go_through(
                answers(new()),
                tally,
                lambda answer: journal.add(answer.name, fields(answer)),
                doing=options.command,
                total=total,
            )
        except KeyboardInterrupt:
            terminal.say(f"{len(journal.done):,} pictures are kept in {journal.path}; --resume goes on from there")
            raise
        failed = Counter[bool]()

        def kept() -> Iterator[tuple[str, dict[str, Any]]]:
            for name, said in journal.in_order(names):
                failed["error" in said] += 1
                yield name, said

        write(kept())
        tally.failed = failed[True]
        tally.tell(earlier=failed.total() - tally.done)
        journal.remove()
    return 2 if tally.failed else 0


def is_complete(path: Path, options: argparse.Namespace) -> bool:
    """Whether an earlier run has finished the file already, and the question was only whether it had."""
    if options.resume and path.exists() and not Journal.beside(path).exists():
        terminal.say(f"{path} is complete; --overwrite makes it anew")
        return True
    return False


def asked(network: Network, options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """All that an answer depends on beside the picture."""
    from refnet.reference.numerics import NUMERICS_VERSION

    return {
        "command": options.command,
        "model": options.model,
        "weights": network.weights.digest(),
        "recipe": json.loads(network.recipe.to_json()),
        "size": [network.plan.height, network.plan.width],
        "dtype": network.dtype.name,
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
