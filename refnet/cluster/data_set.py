"""Data set: a folder of Parquet files, one a part, that a cluster fills and may go on filling after an interruption."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from refnet.cluster.folder import Folder, writing
from refnet.cluster.part import Part
from refnet.cluster.table import Note, names_digest, read_note
from refnet.errors import InputError, first_few
from refnet.files import strict_json
from refnet.pipeline.ahead import in_order

MAX_QUESTION = 1 << 20  # bytes
QUESTION = "_question.json"  # readers of Parquet leave out what begins so
SUMMARY = "_summary.json"
READERS = 8  # threads that look at the parts of an interrupted run
_PART = re.compile(r"part-(\d{5,})\.parquet")


class Summary(NamedTuple):
    """What a data set holds.

    Attributes
    ----------
    pictures, failed
        Rows, and how many of them have an error instead of an answer.
    parts
        Files.
    digest
        SHA-256 over the digests of all parts in order: the same for the same pictures and parts, whoever made them.
    """

    pictures: int
    failed: int
    parts: int
    digest: str


def part_name(number: int) -> str:
    """Name the file of a part."""
    return f"part-{number:05}.parquet"


class DataSet:
    """The folder, and what is known of its parts."""

    def __init__(self, folder: Folder, question: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        self.folder = folder
        self.notes: dict[int, Note] = {}
        self._question = dict(question)
        self._overwrite = overwrite
        self._there = frozenset(folder.names())
        found = [name for name in self._there if not name.startswith(".")]
        if not found:
            return
        if QUESTION not in found:
            raise InputError(f"{folder.address} holds something else, such as {min(found)}; want a new or empty folder")
        if not (resume or overwrite):
            state = "a finished data set" if SUMMARY in found else "what an unfinished run left"
            raise InputError(f"{folder.address} holds {state}; go on with it by --resume, or start anew by --overwrite")
        if not overwrite:
            self._check_question()

    def begin(self) -> None:
        """Make the folder, or remove what is to be made anew, or what dead workers were writing."""
        with writing(self.folder.address):
            self.folder.make()
            if self._overwrite:
                for name in sorted(self._there, reverse=True):  # the question last
                    if name in (QUESTION, SUMMARY) or _number(name) is not None:
                        self.folder.remove(name)
                self._there = frozenset()
            self.folder.remove(SUMMARY)  # until all is there again
            self.folder.remove_unfinished()
            if QUESTION not in self._there:
                self.folder.write(QUESTION, _json(self._question))

    def missing(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Give the parts that are not there, and note what those hold that are; of other pictures, they are refused."""
        last = -1
        for part, note in in_order(self._look, ((part,) for part in parts), READERS):
            last = part.number
            if note is None:
                yield part
            else:
                self.notes[part.number] = note
        if others := sorted(name for name in self._there if (number := _number(name)) is not None and number > last):
            raise InputError(
                f"{self.folder.address} has parts of more pictures than there are now: {first_few(others)}; "
                "start anew by --overwrite",
                details=others,
            )

    def _look(self, part: Part) -> tuple[Part, Note | None]:
        name = part_name(part.number)
        if name not in self._there:
            return part, None
        try:
            with self.folder.open(name) as file:
                note = read_note(file)
        except Exception:  # damaged, or nothing that a worker has written: made again
            return part, None
        if note.names != names_digest(item.name for item in part.items):
            names = f"{part.items[0].name} to {part.items[-1].name}"
            raise InputError(
                f"{self.folder.address}/{name} holds other pictures than {names}: some came or went since; start anew "
                "by --overwrite"
            )
        return part, note

    def finish(self) -> Summary:
        """Write what all parts hold."""
        notes = [self.notes[number] for number in sorted(self.notes)]
        digest = hashlib.sha256("".join(note.digest for note in notes).encode("ascii")).hexdigest()
        summary = Summary(sum(note.pictures for note in notes), sum(note.failed for note in notes), len(notes), digest)
        with writing(self.folder.address):
            self.folder.write(SUMMARY, _json(summary._asdict()))
            self.folder.remove_unfinished()
        return summary

    def _check_question(self) -> None:
        place = f"{self.folder.address}/{QUESTION}"
        try:
            with self.folder.open(QUESTION) as file:
                found = strict_json.read(file.read(MAX_QUESTION + 1), strict_json.OBJECT)
            keys = {**self._question, **found}
        except Exception as error:  # a protocol may raise anything at all
            raise InputError(f"{place}: cannot be read: {error}; start anew by --overwrite") from error
        others = [
            f"{key} {found.get(key)!r} there, {self._question.get(key)!r} now"
            for key in keys
            if found.get(key) != self._question.get(key)
        ]
        if others:
            raise InputError(
                f"{self.folder.address} was begun with another question ({first_few(others)}); ask the same, or start "
                "anew by --overwrite",
                details=others,
            )


def _number(name: str) -> int | None:
    """The number of the part that a file holds, if it is one."""
    found = _PART.fullmatch(name)
    return int(found[1]) if found else None


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode("ascii")
